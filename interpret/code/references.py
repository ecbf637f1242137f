"""What the source of a module says of others: what it takes from them, and what its own names stand for."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.util import resolve_name
from pathlib import Path
from typing import TypeAlias

from interpret.code.sources import Source, dotted, module_spec, parse_source, statements

Names: TypeAlias = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Import:
    """Something that a module takes from another one.

    Attributes:
        module: The other module.
        name: What is taken from it; empty where that is the module itself.
        bound: What it is called here.
        apart: Attributes of it that are imports of their own.
    """

    module: str
    name: str = ""
    bound: str = ""
    apart: tuple[str, ...] = ()


@dataclass(frozen=True)
class Module:
    """What a module says of itself and of others.

    Attributes:
        path: Its file.
        hash: The SHA-256 of it.
        package: Whether it is a package.
        imports: What it takes from others.
        bound: What its names stand for, as full dotted names: those that it imports.
        bases: The bases of its classes, as full dotted names.
        defined: Names that it defines itself.
    """

    path: Path
    hash: str
    package: bool
    imports: tuple[Import, ...] = ()
    bound: Names = field(default_factory=dict)
    bases: Names = field(default_factory=dict)
    defined: frozenset[str] = frozenset()

    def parts(self, taken: Import) -> tuple[str, ...] | None:
        """The attributes used of an import; None where it is handed on, or imported for its effects."""
        uses = _uses(self.path.read_bytes())
        used = uses.attributes.get(taken.bound, set())
        if taken.bound in uses.alone or not (used or taken.apart):
            return None
        return tuple(sorted(used - {*taken.apart}))


def read_module(name: str) -> Module | None:
    """A module; None where it has no file of its own."""
    path = module_file(name)
    try:
        return None if path is None else _parsed(name, path, path.read_bytes())
    except OSError:
        return None


@cache
def _parsed(name: str, path: Path, data: bytes) -> Module:
    known, package = hashlib.sha256(data).hexdigest(), path.name.startswith("__init__.")
    tree = parse_source(data) if path.suffix == ".py" else None
    if tree is None:
        return Module(path, known, package)
    source = Source(name, path, name if package else name.rpartition(".")[0], tree)
    imports = [*_imports(source), *(_called(source) if b"import_module" in data else ())]
    return Module(path, known, package, tuple(dict.fromkeys(imports)), *_names(source))


def module_file(name: str) -> Path | None:
    """The file of a module: of the one that runs, if it is imported already."""
    origin = getattr(sys.modules.get(name), "__file__", None)
    if origin is None and (spec := module_spec(name)) and spec.has_location:
        origin = spec.origin
    return Path(origin) if origin else None


def _imports(source: Source) -> Iterator[Import]:
    """What a module imports, anywhere in it, but not for type checkers alone."""
    for statement in _running(source.tree.body):
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                yield Import(alias.name, "", alias.asname or alias.name)
                top, *rest = alias.name.split(".")
                if rest and not alias.asname:
                    yield Import(top, "", top, tuple(rest[:1]))
        elif isinstance(statement, ast.ImportFrom):
            base = source.absolute(statement)
            for alias in statement.names:
                name = "" if alias.name == "*" else alias.name
                yield Import(base, name, alias.asname or alias.name)


@dataclass(frozen=True)
class _Uses:
    """How a module uses its names: with which attributes, and which alone."""

    attributes: Mapping[str, set[str]]
    alone: frozenset[str]


@cache
def _uses(data: bytes) -> _Uses:
    attributes: dict[str, set[str]] = {}
    inner, alone = set[int](), set[str]()
    for node in ast.walk(parse_source(data) or ast.Module([], [])):  # outer nodes come before inner ones
        if isinstance(node, ast.Attribute):
            attributes.setdefault(dotted(node.value), set()).add(node.attr)
            inner.add(id(node.value))
        if isinstance(node, ast.Name | ast.Attribute) and id(node) not in inner:
            alone.add(dotted(node))
    return _Uses(attributes, frozenset(alone))


def _called(source: Source) -> Iterator[Import]:
    """The modules that calls of ``import_module`` name, where the name is written out."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and node.args and dotted(node.func).endswith("import_module"):
            value = getattr(node.args[0], "value", None)
            with suppress(ImportError, ValueError):
                if isinstance(value, str):
                    yield Import(resolve_name(value, source.package))


def _running(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that can run, those inside others among them."""
    for statement in body:
        yield statement
        typing = isinstance(statement, ast.If) and dotted(statement.test).endswith("TYPE_CHECKING")
        for part in ("orelse",) if typing else ("body", "orelse", "finalbody"):
            yield from _running(getattr(statement, part, []))
        for inner in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
            yield from _running(inner.body)


def _names(source: Source) -> tuple[Names, Names, frozenset[str]]:
    """What a module's names stand for: ``bound``, ``bases`` and ``defined`` of `Module`."""
    bound: dict[str, list[str]] = {}
    classes: dict[str, ast.ClassDef] = {}
    defined: set[str] = set()
    for statement in statements(source.tree.body):
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                full = alias.name if alias.asname else alias.name.partition(".")[0]
                bound.setdefault(alias.asname or full, []).append(full)
        elif isinstance(statement, ast.ImportFrom):
            base = source.absolute(statement)
            for alias in statement.names:
                full = base if alias.name == "*" else f"{base}.{alias.name}"
                bound.setdefault(alias.asname or alias.name, []).append(full)
        elif isinstance(statement, ast.ClassDef):
            classes[statement.name] = statement
        defined |= _defines(statement)
    names = {name: tuple(found) for name, found in bound.items()}
    bases = {
        name: tuple(full for base in node.bases for full in _full(source, names, dotted(base)))
        for name, node in classes.items()
    }
    return names, bases, frozenset(defined)


def _defines(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return {statement.name}
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return {
        node.id for target in targets if target for node in ast.walk(target) if isinstance(node, ast.Name)
    }


def _full(source: Source, bound: Names, name: str) -> list[str]:
    head, _, tail = name.partition(".")
    starts = bound.get(head, (f"{source.module}.{head}",)) if head else ()
    return [f"{start}.{tail}".rstrip(".") for start in starts]
