"""YAML text -> plain values that remember the line and column they were written at.

The types are those of YAML 1.2: ``1e-3`` is a number, ``no`` and ``on`` are text. Only plain values are read;
a tag that would build anything else is a problem.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from interpret.errors import PipelineError, Problem

Spot: TypeAlias = tuple[str | int, ...]
"""The keys and indices that lead to a value."""

MAX_NODES = 100_000
"""More values than this are refused: aliases of aliases can grow a small file without end."""

_TAG = "tag:yaml.org,2002:"


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the scalars of YAML 1.2 instead of 1.1."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own way to replace them


for _name, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9]*|0x[0-9a-fA-F]+)", list("-+0123456789")),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("float", r"[-+]?[0-9]+[eE][-+]?[0-9]+|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", list("-+.0123456789")),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(f"^(?:{_pattern})$"), _first)

_SCALARS = {_TAG + name for name in ("null", "bool", "int", "float", "str")}


@dataclass
class YamlText:
    """What a file says, and where it says it.

    Attributes:
        file: The file's name as it is shown to the user.
        value: Mappings, lists and scalars.
        marks: Where every key and value stands: (key line, key column, value line, value column), from 1.
        problems: Mistakes of the text itself, such as a key that is written twice.
    """

    file: str
    value: Any = None
    marks: dict[Spot, tuple[int, int, int, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def problem(self, spot: Spot, message: str, *, key: bool = False) -> Problem:
        """A problem at the value of ``spot`` (or its key), or at the nearest value around it."""
        while spot and spot not in self.marks:
            spot, key = spot[:-1], True
        marks = self.marks.get(spot, (1, 1, 1, 1))
        return Problem(message, self.file, *(marks[:2] if key else marks[2:]))


def read_yaml(path: Path) -> YamlText:
    """Read a YAML file.

    Raises:
        PipelineError: If the file is missing, no text, or no YAML at all.
    """
    try:
        text = path.read_text(encoding="utf-8")
        loader = _Loader(text)
        return _Reader(str(path), loader).read(loader.get_single_node())
    except FileNotFoundError:
        raise PipelineError([Problem("There is no such file.", str(path))]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError([Problem(f"The file cannot be read: {error}.", str(path))]) from None
    except RecursionError:
        raise PipelineError([Problem("The values are nested too deeply.", str(path))]) from None
    except yaml.YAMLError as error:
        raise PipelineError([_syntax_problem(str(path), error)]) from None


def _syntax_problem(file: str, error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None)
    message = f"This is not valid YAML: {getattr(error, 'problem', None) or error}."
    return Problem(message, file, mark.line + 1, mark.column + 1) if mark else Problem(message, file)


class _Reader:
    """Walks PyYAML's nodes once, with the place of each."""

    def __init__(self, file: str, loader: _Loader) -> None:
        self.text, self.loader = YamlText(file), loader
        self.count, self.above = 0, set[int]()

    def read(self, root: yaml.Node | None) -> YamlText:
        if root is not None:
            self.text.marks[()] = (*_mark(root), *_mark(root))
            self.text.value = self._value(root, ())
        return self.text

    def _value(self, node: yaml.Node, spot: Spot) -> Any:
        self.count += 1
        if self.count > MAX_NODES:
            raise PipelineError([Problem(f"More than {MAX_NODES:,} values.", self.text.file)])
        if id(node) in self.above:
            return self._report(node, "This refers to itself.")
        self.above.add(id(node))
        try:
            return self._plain(node, spot)
        finally:
            self.above.discard(id(node))

    def _plain(self, node: yaml.Node, spot: Spot) -> Any:
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, spot)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return [self._item(item, item, (*spot, index)) for index, item in enumerate(node.value)]
        if node.tag not in _SCALARS:
            return self._report(node, f"The tag {node.tag!r} is not allowed: only plain values are read.")
        try:
            return self.loader.construct_object(node)
        except (yaml.YAMLError, ValueError):
            return self._report(node, f"{node.value!r} is no {node.tag.removeprefix(_TAG)}.")

    def _mapping(self, node: yaml.MappingNode, spot: Spot) -> dict[str, Any]:
        values: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, value in self._pairs(node):
            if not isinstance(key, yaml.ScalarNode):
                self._report(key, "A key must be text.")
            elif key.value in lines:
                self._report(key, f"{key.value!r} is written twice, first on line {lines[key.value]}.")
            else:
                lines[key.value] = _mark(key)[0]
                values[key.value] = self._item(key, value, (*spot, key.value))
        merged = (item for key, item in node.value if key.tag == f"{_TAG}merge")
        for item in merged:
            values = {**self._merged(item, spot), **values}
        return values

    def _pairs(self, node: yaml.MappingNode) -> Iterator[tuple[yaml.Node, yaml.Node]]:
        return (pair for pair in node.value if pair[0].tag != f"{_TAG}merge")

    def _merged(self, node: yaml.Node, spot: Spot) -> dict[str, Any]:
        """The mapping, or mappings, that ``<<`` brings in; what is written beside it wins."""
        values: dict[str, Any] = {}
        for item in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            before = dict(self.text.marks)
            found = self._value(item, spot)
            self.text.marks.update(before)
            if isinstance(found, dict):
                values = {**found, **values}
            else:
                self._report(item, "'<<' takes a mapping.")
        return values

    def _item(self, key: yaml.Node, value: yaml.Node, spot: Spot) -> Any:
        self.text.marks[spot] = (*_mark(key), *_mark(value))
        return self._value(value, spot)

    def _report(self, node: yaml.Node, message: str) -> None:
        self.text.problems.append(Problem(message, self.text.file, *_mark(node)))


def _mark(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1
