"""Source files of Python modules, found and read without importing anything.

A module that a stranger's file names is judged by its source first: importing it would run it.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    SourceFileLoader,
    SourcelessFileLoader,
)
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

from interpret.moved import present_name

MAX_SOURCE_BYTES = 4 * 2**20
"""A longer source file is not read; the longest of torchvision's networks has 30 KB."""

MAX_FILES = 300
"""So many source files are read at most to find out what one name means."""

MAX_NAMES = 1000
"""So many names are followed at most for that."""

STARTED_IN = Path.cwd()
"""Where this process began: ``python -m`` and notebooks put it on the import path unasked."""

Definition: TypeAlias = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

_LOADERS = (
    (ExtensionFileLoader, EXTENSION_SUFFIXES),
    (SourceFileLoader, SOURCE_SUFFIXES),
    (SourcelessFileLoader, BYTECODE_SUFFIXES),
)


@dataclass(frozen=True)
class Source:
    """The source of one module.

    Attributes:
        module: Its name.
        path: Its file.
        package: What its relative imports begin from.
        tree: Its statements.
    """

    module: str
    path: Path
    package: str
    tree: ast.Module

    def define(self, name: str) -> Definition | None:
        """The class or function statement of a qualified name (``"Outer.Inner"``), or None."""
        body: Sequence[ast.stmt] = self.tree.body
        found: Definition | None = None
        for part in name.split("."):
            kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
            found = next((s for s in statements(body) if isinstance(s, kinds) and s.name == part), None)
            body = found.body if isinstance(found, ast.ClassDef) else ()
        return found

    @cached_property
    def classes(self) -> list[str]:
        """The names of its classes that begin with no underscore."""
        found = (s.name for s in statements(self.tree.body) if isinstance(s, ast.ClassDef))
        return [name for name in found if not name.startswith("_")]

    def bindings(self, name: str) -> Iterator[str]:
        """The full dotted names that ``name`` may stand for by imports and plain assignments."""
        for statement in statements(self.tree.body):
            if isinstance(statement, ast.Import):
                yield from (_imported(alias) for alias in statement.names if _bound(alias) == name)
            elif isinstance(statement, ast.ImportFrom):
                base = self.absolute(statement)
                yield from (f"{base}.{item.name}" for item in statement.names if _bound(item) == name)
                yield from (f"{base}.{name}" for item in statement.names if item.name == "*")
            elif isinstance(statement, ast.Assign) and _assigns(statement, name):
                value = dotted(statement.value)
                yield from [f"{self.module}.{value}"] if value and value != name else []

    def absolute(self, statement: ast.ImportFrom) -> str:
        """The full name of the module that names are imported from."""
        if not statement.level:
            return statement.module or ""
        parts = self.package.split(".")
        base = parts[: len(parts) - statement.level + 1]
        return ".".join([*base, *filter(None, [statement.module])])


@dataclass
class Library:
    """The sources that were read for one question; each file is read once, and not too many."""

    sources: dict[str, Source | None] = field(default_factory=dict)

    def source(self, module: str) -> Source | None:
        """The source of a module; None where it has none, or too many were read."""
        if module not in self.sources:
            self.sources[module] = read_source(module) if len(self.sources) < MAX_FILES else None
        return self.sources[module]

    def definitions(self, name: str) -> Iterator[tuple[Source, Definition]]:
        """The class and function statements that a full dotted name may lead to, through re-exports.

        Each name is followed once and only ``MAX_NAMES`` are: a package that imports ``*`` from hundreds of
        its modules offers every name through each of them.
        """
        left, seen = [name], {name}
        while left and not self.full:
            source, rest = self._nearest(left.pop())
            if source is None:
                continue
            if found := source.define(rest):
                yield source, found
                continue
            head, _, tail = rest.partition(".")
            further = [f"{bound}.{tail}".rstrip(".") for bound in source.bindings(head)]
            further = [bound for bound in dict.fromkeys(further) if bound not in seen]
            further = further[: MAX_NAMES - len(seen)]
            seen.update(further)
            left += reversed(further)

    @property
    def full(self) -> bool:
        """Whether no further file is read: what was found so far is all."""
        return len(self.sources) >= MAX_FILES

    def _nearest(self, name: str) -> tuple[Source | None, str]:
        """The innermost module of a full dotted name that has a source, and the rest of the name."""
        module, _, rest = name.rpartition(".")
        while module and (source := self.source(module)) is None:
            module, _, last = module.rpartition(".")
            rest = f"{last}.{rest}"
        return (source, rest) if module else (None, name)

    def meanings(self, source: Source, name: str) -> list[str]:
        """The full dotted names that a dotted name written in ``source`` may stand for."""
        head, _, tail = name.partition(".")
        if source.define(head):
            return [f"{source.module}.{name}"]
        return [f"{bound}.{tail}".rstrip(".") for bound in source.bindings(head)]


def read_source(module: str) -> Source | None:
    """The source of a module, or None where there is no Python file of that name that can be read."""
    spec = module_spec(module)
    if spec is None or not spec.origin or not spec.has_location or not spec.origin.endswith(".py"):
        return None
    path = Path(spec.origin)
    try:
        if not path.is_file() or path.stat().st_size > MAX_SOURCE_BYTES:
            return None
        tree = parse_source(path.read_bytes())
    except OSError:
        return None
    if tree is None:
        return None
    package = module if spec.submodule_search_locations is not None else module.rpartition(".")[0]
    return Source(module, path, package, tree)


def parse_source(data: bytes) -> ast.Module | None:
    """The statements of a source file; None where Python cannot read it."""
    try:
        return ast.parse(data)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None


def module_spec(module: str) -> ModuleSpec | None:
    """Where Python would find a module; unlike ``importlib.util.find_spec`` no parent is imported."""
    top, *rest = present_name(module).split(".")
    try:
        spec = find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return None
    name = top
    for part in rest:
        name = f"{name}.{part}"
        spec = _below(name, list(spec.submodule_search_locations or ()) if spec else [])
    return spec


def stray(module: str) -> Path | None:
    """The folder of a module that is found only because a command was started there; else None.

    Such a folder may hold what came with a stranger's pipeline. A folder that the user put on PYTHONPATH, or
    into which a package is installed, is none.
    """
    spec = module_spec(module.partition(".")[0])
    if spec is None:
        return None
    packages = [Path(folder) for folder in spec.submodule_search_locations or ()]
    files = packages or [Path(origin) for origin in [spec.origin] if origin and spec.has_location]
    return next((file.parent for file in files if _unasked(file.parent)), None)


def dotted(node: ast.expr) -> str:
    """``a.b.c`` as it is written; empty for any other expression. ``Base[int]`` is ``Base``."""
    if isinstance(node, ast.Subscript):
        return dotted(node.value)
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value)
        return f"{owner}.{node.attr}" if owner else ""
    return node.id if isinstance(node, ast.Name) else ""


def _below(name: str, folders: Sequence[str]) -> ModuleSpec | None:
    """A module inside the folders of a package, as Python's own finder of files sees it."""
    portions: list[str] = []
    for folder in folders:
        spec = FileFinder(str(folder), *_LOADERS).find_spec(name)
        if spec and spec.loader:
            return spec
        portions += list(spec.submodule_search_locations or ()) if spec else []
    if not portions:
        return None
    namespace = ModuleSpec(name, None, is_package=True)
    namespace.submodule_search_locations = portions
    return namespace


def _unasked(folder: Path) -> bool:
    folder = folder.resolve()
    entries = [Path(entry).resolve() for entry in sys.path if entry]
    written = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    asked = [Path(entry).resolve() for entry in written if entry]
    if folder in asked or entries.count(folder) > 1:
        return False
    main = sys.modules.get("__main__")
    as_module = getattr(main, "__spec__", None) is not None
    left_empty = len(written) > 1 and "" in written  # PYTHONPATH=/nets:$PYTHONPATH where that was not set
    here = "" in sys.path and folder == Path.cwd().resolve() and folder not in entries
    return here or ((as_module or left_empty) and folder == STARTED_IN.resolve())


def statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements of a module, those inside ``if``, ``try`` and ``with`` among them."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If | ast.Try | ast.With):
            for part in ("body", "orelse", "finalbody"):
                yield from statements(getattr(statement, part, ()))
            for handler in getattr(statement, "handlers", ()):
                yield from statements(handler.body)


def _bound(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]


def _imported(alias: ast.alias) -> str:
    return alias.name if alias.asname else alias.name.partition(".")[0]


def _assigns(statement: ast.Assign, name: str) -> bool:
    return any(isinstance(target, ast.Name) and target.id == name for target in statement.targets)
