"""Classes by import path, as a pipeline may name them: ``"package.nets:Net"``.

A pipeline may be a stranger's, and importing a module runs it. So a target is judged by the source of its
module before anything is imported: it must be a class statement that derives from ``nn.Module``, in an
installed module, outside torch's own machinery. Functions run only from packages that the user allows.
"""

from __future__ import annotations

import ast
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias, get_type_hints

from torch import nn

from interpret.code.sources import Definition, Library, Source, dotted, stray
from interpret.errors import InterpretError, ModelError, suggest

ALLOW = "INTERPRET_ALLOW"
"""Environment variable: packages whose functions a pipeline may call, separated by commas."""

FORM = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*"
MACHINERY = ("torch", "functorch", "torchgen")
"""Packages of which no class is taken: what they build of plain values can run code."""

Maker: TypeAlias = Callable[..., nn.Module]
_allowed: ContextVar[tuple[str, ...]] = ContextVar("interpret_allow", default=())


@dataclass(frozen=True)
class ImportPath:
    """What an import path names.

    Attributes:
        module: The module that defines it.
        name: Its qualified name there.
        file: The module's source; None where it is not installed.
    """

    module: str
    name: str
    file: Path | None = None

    def __str__(self) -> str:
        return f"{self.module}:{self.name}"


class MissingModuleError(ModelError):
    """A pipeline names a module that is not installed."""


@contextmanager
def allowing(packages: Iterable[str]) -> Iterator[None]:
    """Let targets name functions of these packages, beside those of ``INTERPRET_ALLOW``.

    Raises:
        InterpretError: If one is no name of a package.
    """
    token = _allowed.set((*_allowed.get(), *map(_package, packages)))
    try:
        yield
    finally:
        _allowed.reset(token)


def allowed(module: str) -> bool:
    """Whether the user allows functions of this module: it or a package around it is listed."""
    listed = [item.strip() for item in os.environ.get(ALLOW, "").split(",") if item.strip()]
    names = (*_allowed.get(), *map(_package, listed))
    return any(module == name or module.startswith(f"{name}.") for name in names)


def check_import_path(target: str) -> ImportPath:
    """Judge an import path as ``find_import_path`` does, but let a module pass that is not installed here.

    Raises:
        ModelError: If it could not be imported anywhere, or only after the user allows it.
    """
    try:
        return find_import_path(target)
    except MissingModuleError:
        module, _, name = target.partition(":")
        return ImportPath(module, name)


def find_import_path(target: str) -> ImportPath:
    """Judge an import path by source alone; nothing is imported.

    Args:
        target: ``"package.nets:Net"``.

    Raises:
        ModelError: If it is no class derived from ``nn.Module``, or its module does not define it; if it is a
            function, and the user does not allow its package.
        MissingModuleError: If no Python file of the module is installed.
    """
    if not re.fullmatch(FORM, target):
        module, _, name = re.sub(r"\(.*|[^\w.:]", "", target).replace(":", ".").rpartition(".")
        near = f"{module}:{name}"
        hint = f", such as {near!r}" if re.fullmatch(FORM, near) else ', such as "package.nets:Net"'
        raise ModelError(f"must be a module, a colon and a class{hint}")
    module, _, name = target.partition(":")
    check_place(module)
    library = Library()
    source = library.source(module)
    if source is None:
        raise MissingModuleError(
            f"There is no Python file of a module {module!r} among what is installed. Install its package "
            "into this environment, or put its folder on PYTHONPATH"
        )
    found = source.define(name)
    if not allowed(module):
        _check_class(library, source, name, found)
    elif found is None:
        raise ModelError(f"{module} has no {name!r}. {suggest(name, source.classes)}")
    return ImportPath(module, name, source.path)


def import_target(target: str) -> Maker:
    """Import what ``find_import_path`` admits: an ``nn.Module`` class, or an allowed function.

    Raises:
        ModelError: If it is refused, or its module cannot be imported.
    """
    found = find_import_path(target)
    maker: Any = imported(found)
    for part in found.name.split("."):
        maker = getattr(maker, part, None)
    if not _is_class(maker, found) and not (allowed(found.module) and _is_function(maker, found)):
        raise ModelError(
            f"{target} is no nn.Module class that is defined in {found.module}, nor an allowed function "
            "annotated to return one (-> nn.Module); nothing else is called."
        )
    made: Maker = maker
    return made


def signature(maker: Maker) -> str:
    """Its parameters as they are written; empty where they are not known."""
    try:
        return str(inspect.signature(maker))
    except (TypeError, ValueError):
        return ""


def _package(name: str) -> str:
    if re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", name):
        return name
    raise InterpretError(
        f"{name!r} is no package that could be allowed. Write its import name, such as mynets."
    )


def check_place(module: str) -> None:
    """Refuse what is no module of an installed package, whatever it defines.

    Raises:
        ModelError: If it belongs to torch or Python, or lies where the command was started.
    """
    top = module.partition(".")[0]
    if top in MACHINERY:
        raise ModelError(
            f"{top}'s own classes are not taken, since some of them run code that is given to them. Name a "
            "class of a package with networks"
        )
    if top in sys.stdlib_module_names or top == "__main__":
        raise ModelError(f"{module} belongs to Python itself and has no networks")
    if not allowed(module) and (folder := stray(module)):
        raise ModelError(
            f"{module} lies in the folder where the command was started ({folder}), which may be a "
            f"stranger's, and is not imported. Put the folder on PYTHONPATH, or allow it: {allow_cure(top)}"
        )


def _check_class(library: Library, source: Source, name: str, found: Definition | None) -> None:
    """Refuse what the source does not show to be a class derived from ``nn.Module``."""
    module, top = source.module, source.module.partition(".")[0]
    if isinstance(found, ast.ClassDef):
        if _derives(library, source, found, frozenset()):
            return
        raise ModelError(
            f"the class {name} of {module} does not derive from nn.Module, so it is not imported"
        )
    if found is not None:
        raise ModelError(
            f"{name} is a function of {module}, and a pipeline calls functions only of packages that you "
            f"allow. Name a class, or allow the package: {allow_cure(top)}"
        )
    for home, node in library.definitions(f"{module}.{name}"):
        ours = home.module.partition(".")[0] in MACHINERY
        if not ours and isinstance(node, ast.ClassDef) and _derives(library, home, node, frozenset()):
            own = f"{home.module}:{node.name}"
            raise ModelError(f"{module} does not define {name} itself. Name its own module: {own!r}")
    classes = [item for item in source.classes if _is_network(library, source, item)]
    raise ModelError(f"{module} has no class {name!r}. {suggest(name, classes)}")


def _is_network(library: Library, source: Source, name: str) -> bool:
    node = source.define(name)
    return isinstance(node, ast.ClassDef) and _derives(library, source, node, frozenset())


def _derives(library: Library, source: Source, node: ast.ClassDef, seen: frozenset[str]) -> bool:
    """Whether the bases lead to a class of ``torch.nn`` and to nothing else of torch."""
    meanings = [name for base in node.bases for name in library.meanings(source, dotted(base))]
    ours = [name for name in meanings if name.partition(".")[0] in MACHINERY]
    if any(not _torch_nn(name) for name in ours):
        return False
    return bool(ours) or any(_leads(library, name, seen) for name in meanings if name not in seen)


def _leads(library: Library, name: str, seen: frozenset[str]) -> bool:
    return any(
        _derives(library, home, node, seen | {name})
        for home, node in library.definitions(name)
        if isinstance(node, ast.ClassDef)
    )


def _torch_nn(name: str) -> bool:
    """Whether a full dotted name is a module class of ``torch.nn``, which is imported already."""
    found: Any = sys.modules["torch"]
    for part in name.split(".")[1:]:
        found = vars(found).get(part) if hasattr(found, "__dict__") else None
    return isinstance(found, type) and issubclass(found, nn.Module) and _plain(found)


def _plain(kind: type) -> bool:
    """Whether nothing of torch but ``torch.nn`` is among its bases."""
    torch_bases = [base.__module__ for base in kind.__mro__ if base.__module__.partition(".")[0] in MACHINERY]
    return all(module.startswith("torch.nn.") for module in torch_bases)


def imported(target: ImportPath) -> Any:
    """The module of an import path, if it is from the file that was judged.

    Raises:
        ModelError: If it is not, or cannot be imported.
    """
    try:
        module = import_module(target.module)
    except Exception as error:
        raise ModelError(
            f"the module {target.module!r} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    if target.file is None or Path(str(getattr(module, "__file__", ""))).resolve() != target.file.resolve():
        raise ModelError(f"{target.module} was imported from another file than {target.file} before")
    return module


def _is_class(found: object, target: ImportPath) -> bool:
    return (
        isinstance(found, type)
        and issubclass(found, nn.Module)
        and (found.__module__, found.__qualname__) == (target.module, target.name)
        and _plain(found)
    )


def _is_function(found: object, target: ImportPath) -> bool:
    """Whether it is a function of the module named, annotated to return an ``nn.Module``."""
    if not inspect.isfunction(found) or found.__module__ != target.module:
        return False
    try:
        returned = get_type_hints(found).get("return")
    except (NameError, TypeError, AttributeError):  # annotations that cannot be read say nothing
        return False
    return isinstance(returned, type) and issubclass(returned, nn.Module)


def allow_cure(package: str) -> str:
    """How a user allows a package."""
    return f"interpret run … --allow {package}, or {ALLOW}={package}"
