"""What the source of a module says of others: what it takes from them, and what its own names stand for."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import resolve_name
from pathlib import Path
from typing import TypeAlias

from interpret.sources import Source, dotted, module_spec, parse_source, statements

Names: TypeAlias = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Import:
    """Something that a module takes from another one.

    Attributes:
        module: The other module.
        name: What is taken from it; empty where that is the module itself.
        parts: What is used of it, if it is a package; None: all.
    """

    module: str
    name: str = ""
    parts: tuple[str, ...] | None = None


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


def read_module(name: str) -> Module | None:
    """A module; None where it has no file of its own."""
    path = module_file(name)
    try:
        data = b"" if path is None else path.read_bytes()
    except OSError:
        return None
    if path is None:
        return None
    known, package = hashlib.sha256(data).hexdigest(), path.name.startswith("__init__.")
    tree = parse_source(data) if path.suffix == ".py" else None
    if tree is None:
        return Module(path, known, package)
    source = Source(name, path, name if package else name.rpartition(".")[0], tree)
    return Module(path, known, package, tuple(dict.fromkeys(_imports(source))), *_names(source))


def module_file(name: str) -> Path | None:
    """The file of a module: of the one that runs, if it is imported already."""
    origin = getattr(sys.modules.get(name), "__file__", None)
    if origin is None and (spec := module_spec(name)) and spec.has_location:
        origin = spec.origin
    return Path(origin) if origin else None


def _imports(source: Source) -> Iterator[Import]:
    """What a module imports, anywhere in it, but not for type checkers alone."""
    uses = _Uses.of(source)
    for statement in _running(source.tree.body):
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                yield Import(alias.name, "", uses.parts(alias.asname or alias.name))
                top, _, rest = alias.name.partition(".")
                if (
                    rest
                    and not alias.asname
                    and (others := uses.attributes.get(top, set()) - {*rest.split(".")})
                ):
                    yield Import(top, "", tuple(sorted(others)))
        elif isinstance(statement, ast.ImportFrom):
            base = source.absolute(statement)
            for alias in statement.names:
                name = "" if alias.name == "*" else alias.name
                yield Import(base, name, uses.parts(alias.asname or alias.name))
    yield from (Import(name) for name in uses.called)


@dataclass(frozen=True)
class _Uses:
    """How a module uses its names: with which attributes, handed on alone, and imported by calls."""

    attributes: Mapping[str, set[str]]
    alone: frozenset[str]
    called: tuple[str, ...]

    @classmethod
    def of(cls, source: Source) -> _Uses:
        attributes: dict[str, set[str]] = {}
        inner, alone, called = set[int](), set[str](), list[str]()
        for node in ast.walk(source.tree):  # what is inside comes after what it is inside of
            if isinstance(node, ast.Attribute):
                attributes.setdefault(dotted(node.value), set()).add(node.attr)
                inner.add(id(node.value))
            elif isinstance(node, ast.Call):
                called += _called(source, node)
            if isinstance(node, ast.Name | ast.Attribute) and id(node) not in inner:
                alone.add(dotted(node))
        return cls(attributes, frozenset(alone), tuple(called))

    def parts(self, name: str) -> tuple[str, ...] | None:
        """The attributes that are used of a name; None where it is handed on, or imported for its effects."""
        used = self.attributes.get(name)
        return tuple(sorted(used)) if used and name not in self.alone else None


def _called(source: Source, node: ast.Call) -> list[str]:
    """The module that a call of ``import_module`` names, if the name is written out."""
    if not (node.args and dotted(node.func).rpartition(".")[2] == "import_module"):
        return []
    value = getattr(node.args[0], "value", None)
    try:
        return [resolve_name(value, source.package)] if isinstance(value, str) else []
    except (ImportError, ValueError):
        return []


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
