"""The source files that a class or function runs with: its module, what that imports, and so on.

They are found by reading source; nothing is imported for it. A package's ``__init__`` counts only where what
is taken from it is defined there: an import of a name leads to the module that defines it, so that a probe
does not count the renderers that its package offers too. Code of this project and of the own distribution
counts; of torch and torchvision, which nobody edits, the version; of another installed library, from which a
network has parts, the package as a whole.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points, packages_distributions
from pathlib import Path
from typing import Any, TypeAlias

from torch import nn

from interpret.code.references import Import, Module, module_file, read_module
from interpret.code.sources import module_spec
from interpret.files.contents import digest
from interpret.moved import present_name

Code: TypeAlias = Callable[..., Any] | str
"""What has code: a class, a function, or a module by its name."""

OURS = "interpret"
"""Every package whose name begins so is one of ours, or written for us."""

_VERSIONED = frozenset({"torch", "torchvision"})
_BASE = (f"{OURS}.", "Renderer")


def code_version(*objects: Code) -> str:
    """A hash of the files that classes and functions run with; see `code_files`."""
    return digest(*sorted(code_files(*objects).items()))


def code_files(*objects: Code) -> dict[str, str]:
    """The files that classes and functions run with.

    Args:
        *objects: Classes, functions, and modules by name. What a renderer imports counts for renderers alone.

    Returns:
        The SHA-256 of every file, by its path from the folder of its package; of a library one hash, or the
        version of torch or torchvision, by its name.
    """
    found: dict[str, str] = {}
    for item in objects:
        module, name = (item, "") if isinstance(item, str) else (item.__module__, _name(item))
        found |= _files(module, _known_modules().is_renderer(module, name))
    return found


def classes_of(module: nn.Module) -> tuple[type, ...]:
    """The classes of a network and of its parts, each once, in the order of their names."""
    found = {(kind.__module__, kind.__qualname__): kind for kind in map(type, module.modules())}
    return tuple(found[name] for name in sorted(found))


@cache
def _known_modules() -> _Modules:
    return _Modules()


@cache
def _files(module: str, drawing: bool) -> Mapping[str, str]:
    top = module.partition(".")[0]
    if top in _VERSIONED:
        return {top: str(sys.modules[top].__version__)}
    if _is_library(top):
        return {top: _package_hash(top)}
    return _Walk(_known_modules(), _Scope(top), drawing).files(module)


def forget_code() -> None:
    """Read all source anew the next time: for tests, and for who edits modules and reloads them."""
    for found in (_files, _known_modules, _folder, _is_installation, _owners, _plugins):
        found.cache_clear()


@dataclass
class _Modules:
    """The modules that were looked at, each read once."""

    known: dict[str, Module | None] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Module | None:
        """A module; None where it has no file of its own."""
        if name not in self.known:
            self.known[name] = read_module(name)
        return self.known[name]

    def homes(self, module: str, name: str, seen: frozenset[str] = frozenset()) -> Iterator[tuple[str, str]]:
        """Where a name that is imported from a module is defined: modules, and its name there.

        Without a name it is the module itself, in full.
        """
        found, full = self[module], f"{module}.{name}"
        if not name or full in seen or (found and name in found.defined):
            yield module, name
        elif found and name in found.bound:
            for bound in found.bound[name]:
                yield from self._homes_of(bound, seen | {full})
        elif (found is None or found.package) and module_spec(full):
            yield full, ""
        elif found and (stars := [star for star in found.bound.get("*", ()) if self._offers(star, name)]):
            for star in stars:
                yield from self.homes(star, name, seen | {full})
        else:
            yield module, ""

    def _homes_of(self, full: str, seen: frozenset[str]) -> Iterator[tuple[str, str]]:
        module, _, name = full.rpartition(".")
        yield from self.homes(module, name, seen) if module else [(full, "")]

    def _offers(self, module: str, name: str) -> bool:
        found = self[module]
        return found is not None and bool({name, "*"} & (found.defined | found.bound.keys()))

    def is_renderer(self, module: str, name: str, seen: frozenset[str] = frozenset()) -> bool:
        """Whether a name is a class that derives from our ``Renderer``."""
        if module.startswith(_BASE[0]) and name == _BASE[1]:
            return True
        found, full = self[module], f"{module}.{name}"
        if found is None or full in seen:
            return False
        homes = (home for base in found.bases.get(name, ()) for home in self._homes_of(base, frozenset()))
        return any(self.is_renderer(*home, seen | {full}) for home in homes if home[1])


@dataclass
class _Scope:
    """Which packages count beside the one that is asked about."""

    top: str

    def __post_init__(self) -> None:
        self.known = {self.top: True}

    def __contains__(self, module: str) -> bool:
        top = module.partition(".")[0]
        if top not in self.known:
            self.known[top] = top not in sys.stdlib_module_names and (_is_ours(top) or self._belongs(top))
        return self.known[top]

    def _belongs(self, top: str) -> bool:
        """Whether a package lies beside the one asked about, or was installed with it."""
        folder = _folder(self.top)
        if folder is None or folder != _folder(top):
            return False
        if not _is_installation(folder):
            return True
        owners = _owners()
        return bool(set(owners.get(top, ())) & set(owners.get(self.top, ())))


@dataclass
class _Walk:
    """The way from one module along its imports."""

    modules: _Modules
    scope: _Scope
    drawing: bool

    def files(self, module: str) -> dict[str, str]:
        """The files of a module and of all that it imports."""
        found: dict[str, str] = {}
        seen, waiting = {module}, [module]
        while waiting:
            name = waiting.pop()
            known = self.modules[name]
            if known is None:
                continue
            found[_shown(present_name(name), known)] = known.hash
            further = set(self._next(known)) - seen
            seen |= further
            waiting += further
        return found

    def _next(self, module: Module) -> Iterator[str]:
        for taken in module.imports:
            for home, own in self._homes(module, taken) if taken.module in self.scope else ():
                if home in self.scope and (self.drawing or not self.modules.is_renderer(home, own)):
                    yield home

    def _homes(self, module: Module, taken: Import) -> Iterator[tuple[str, str]]:
        """Where what is taken is defined; of a package, what is used of it."""
        for home, own in self.modules.homes(taken.module, taken.name):
            known = self.modules[home]
            parts = module.parts(taken) if known and known.package and taken.bound and not own else None
            if parts is None:
                yield home, own
            for part in parts or ():
                yield from self.modules.homes(home, part)


def _shown(name: str, module: Module) -> str:
    """The path of a file from the folder its package lies in; the same wherever that is."""
    parts = name.split(".")[:-1] if not module.package else name.split(".")
    return "/".join([*parts, module.path.name])


def _name(item: Callable[..., Any]) -> str:
    return str(getattr(item, "__name__", ""))


def _is_ours(top: str) -> bool:
    return top == OURS or top.startswith(f"{OURS}_")


@cache
def _folder(top: str) -> Path | None:
    """The folder that a package or single module lies in."""
    path = module_file(top)
    if path is None:
        return None
    return path.parent.parent if path.name.startswith("__init__.") else path.parent


@cache
def _is_installation(folder: Path) -> bool:
    return any(folder.glob("*.dist-info"))


def _is_library(top: str) -> bool:
    """Whether a package is installed, and neither ours nor of a distribution that offers plugins."""
    folder = _folder(top)
    if _is_ours(top) or folder is None or not _is_installation(folder):
        return False
    return not set(_owners().get(top, ())) & _plugins()


def _package_hash(top: str) -> str:
    """A hash of all source of a package: there may be thousands of files, so they are not parsed."""
    path = module_file(top)
    if path is None:
        return ""
    files = sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
    return digest(*(hashlib.sha256(file.read_bytes()).hexdigest() for file in files))


@cache
def _plugins() -> frozenset[str]:
    """The distributions that offer plugins."""
    return frozenset(point.dist.name for point in entry_points(group=OURS) if point.dist)


@cache
def _owners() -> Mapping[str, list[str]]:
    return packages_distributions()
