"""YAML text -> plain values that remember the line and column they were written at.

The types are those of YAML 1.2: ``1e-3`` is a number, ``no`` and ``on`` are text. Only plain values are read;
a tag that would build anything else is a problem. A file may be a stranger's: its size, the number and depth
of its values and the list of problems are bounded, so that reading ends within seconds.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import Resolver
from yaml.scanner import Scanner

from interpret.errors import InterpretError, PipelineError, Problem, clause
from interpret.files.reading import printable, read_text
from interpret.plugin.values import value_flaw

Spot: TypeAlias = tuple[str | int, ...]
"""The keys and indices that lead to a value."""

MAX_YAML_BYTES = 2**20
"""A longer file is not read: the values that are taken fit in it."""

MAX_NODES = 100_000
"""More values than this are refused: aliases of aliases can grow a small file without end."""

MAX_DEPTH = 100
"""Values in values in values: no plugin's parameters are nested deeper than five."""

MAX_PROBLEMS = 100
"""So many problems are listed at most."""

MAX_DIGITS = 400
"""Characters of a number; 64 bits have 20 digits, and the longest way to write a float is shorter."""

_TAG = "tag:yaml.org,2002:"
_TOO_DEEP = "The values are nested too deeply."
_UNREADABLE = (yaml.YAMLError, ValueError, KeyError, IndexError, OverflowError)
"""What PyYAML raises for a scalar that is not what its tag says."""


class _Events(Reader, Scanner, Parser):
    """Text to events in Python, where PyYAML comes without libyaml; some three times as slow."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)


_PARSER: Any = yaml.cyaml.CParser if yaml.__with_libyaml__ else _Events  # type: ignore[attr-defined]


class _Loader(Composer, SafeConstructor, Resolver, _PARSER):  # type: ignore[misc]
    """PyYAML's safe loader with the scalars of YAML 1.2 instead of 1.1, and bounds while it composes."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own way to replace them
    file = ""
    count = depth = 0

    def __init__(self, text: str) -> None:
        _PARSER.__init__(self, text)
        Composer.__init__(self)
        SafeConstructor.__init__(self)
        Resolver.__init__(self)

    def compose_node(self, parent: Any, index: Any) -> yaml.Node | None:
        """Count nodes, aliases among them, and how deep they are, before they are kept."""
        self.count += 1
        self.depth += 1
        if self.count > MAX_NODES or self.depth > MAX_DEPTH:
            mark = self.peek_event().start_mark
            message = _TOO_DEEP if self.depth > MAX_DEPTH else _too_many()
            raise PipelineError([Problem(message, self.file, mark.line + 1, mark.column + 1)])
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


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
_NUMBER_TAGS = {_TAG + name for name in ("int", "float")}


@dataclass
class YamlText:
    """What a file says, and where it says it.

    Attributes:
        file: The file's name as it is shown to the user; empty for values that no file holds.
        value: Mappings, lists and scalars.
        marks: Where every key and value stands: (key line, key column, value line, value column), from 1.
        problems: Mistakes of the text itself, such as a key that is written twice.
        unreadable: Lines and columns of values that could not be read: what else is wrong there says nothing.
    """

    file: str
    value: Any = None
    marks: dict[Spot, tuple[int, int, int, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    unreadable: set[tuple[int, int]] = field(default_factory=set)

    def problem(self, spot: Spot, message: str, *, key: bool = False) -> Problem:
        """A problem at the value of ``spot`` (or its key), or at the nearest value around it."""
        if not self.file:
            return Problem(printable(": ".join(filter(None, [".".join(map(str, spot)), message]))))
        while spot and spot not in self.marks:
            spot, key = spot[:-1], True
        marks = self.marks.get(spot, (1, 1, 1, 1))
        return Problem(printable(message), self.file, *(marks[:2] if key else marks[2:]))

    def add(self, problem: Problem) -> None:
        """Remember a problem.

        Raises:
            PipelineError: If there are too many to go on.
        """
        self.problems.append(problem)
        if len(self.problems) > MAX_PROBLEMS:
            last = Problem(
                f"There are more than {MAX_PROBLEMS} problems; the others are not listed.", self.file
            )
            raise PipelineError([*self.sorted()[:MAX_PROBLEMS], last])

    def sorted(self) -> list[Problem]:
        """The problems in the order of the file."""
        return sorted(self.problems, key=lambda problem: (problem.line, problem.column))


def read_yaml(path: Path) -> YamlText:
    """Read a YAML file.

    Raises:
        PipelineError: If the file is missing, no regular file, too large, no text, or no YAML at all.
    """
    file = printable(str(path))
    try:
        loader = _Loader(read_text(path, MAX_YAML_BYTES))
        loader.file = file
        return _Reader(file, loader).read(loader.get_single_node())
    except FileNotFoundError:
        message = "There is no such file."
    except OSError as error:
        message = f"The file cannot be read: {clause(error.strerror or error)}."
    except UnicodeDecodeError as error:
        message = f"The file cannot be read: it is not UTF-8 text ({error.reason} at byte {error.start})."
    except RecursionError:
        message = _TOO_DEEP
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # of chr(): an escape that is no character
        raise PipelineError([_syntax_problem(file, error)]) from None
    raise PipelineError([Problem(message, file)])


def read_value(text: str) -> Any:
    """One plain value as YAML has it: ``2``, ``true``, ``[a, b]``, or text.

    Raises:
        InterpretError: If it is no YAML.
    """
    try:
        return _Loader(text).get_single_data()
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise InterpretError(
            f"{_cut(text)!r} is no value as YAML has it: {_syntax_problem('', error)}"
        ) from None


def as_text(value: Mapping[str, Any]) -> YamlText:
    """Plain values that no file holds, copied; problems name the keys that lead to them.

    Raises:
        PipelineError: If they are nested too deeply, or too many.
    """
    text = YamlText("")
    text.value = _Copier(text).plain(value, ())
    return text


def _syntax_problem(file: str, error: Exception) -> Problem:
    """PyYAML's own words and place, in one line."""
    if isinstance(error, ReaderError):
        code = error.character if isinstance(error.character, int) else ord(error.character)
        return Problem(f"This is not valid YAML: the character {chr(code)!r} is not allowed.", file)
    mark = getattr(error, "problem_mark", None)
    escape = "an escape stands for no character" if isinstance(error, ValueError | OverflowError) else ""
    words = escape or printable(str(getattr(error, "problem", None) or error))[:200]
    message = f"This is not valid YAML: {words}."
    return Problem(message, file, mark.line + 1, mark.column + 1) if mark else Problem(message, file)


class _Copier:
    """Copies values that come from Python."""

    def __init__(self, text: YamlText) -> None:
        self.text, self.count = text, 0

    def plain(self, value: Any, spot: Spot) -> Any:
        self.count += 1
        if self.count > MAX_NODES or len(spot) > MAX_DEPTH:
            raise PipelineError([Problem(_TOO_DEEP if len(spot) > MAX_DEPTH else _too_many())])
        if isinstance(value, Mapping):
            return {str(key): self.plain(item, (*spot, str(key))) for key, item in value.items()}
        if isinstance(value, list | tuple | range):
            return [self.plain(item, (*spot, index)) for index, item in enumerate(value)]
        value = os.fspath(value) if isinstance(value, os.PathLike) else value
        plain = value is None or isinstance(value, bool | int | float | str)
        if message := value_flaw(value) if plain else f"must be a plain value. Got {type(value).__name__}":
            self.text.add(self.text.problem(spot, f"{message}."))
            return None
        return value


class _Reader:
    """Walks PyYAML's nodes once, with the place of each."""

    def __init__(self, file: str, loader: _Loader) -> None:
        self.text, self.loader = YamlText(file), loader
        self.above: set[int] = set()
        self.count = 0

    def read(self, root: yaml.Node | None) -> YamlText:
        if root is not None:
            self.text.marks[()] = (*_mark(root), *_mark(root))
            self.text.value = self._value(root, ())
        return self.text

    def _value(self, node: yaml.Node, spot: Spot) -> Any:
        self.count += 1
        if self.count > MAX_NODES or len(spot) > MAX_DEPTH:
            message = _TOO_DEEP if len(spot) > MAX_DEPTH else _too_many()
            raise PipelineError([Problem(message, self.text.file, *_mark(node))])
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
        if node.tag not in _SCALARS or not isinstance(node, yaml.ScalarNode):
            return self._report(node, f"The tag {_cut(node.tag)} is not allowed: only plain values are read.")
        return self._scalar(node)

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        """One value; numbers must be finite and fit in 64 bits."""
        if node.tag in _NUMBER_TAGS and len(node.value) > MAX_DIGITS:
            return self._report(node, f"{_cut(node.value)} is too long for a number.")
        try:
            value = self.loader.construct_object(node)
        except _UNREADABLE:
            return self._report(node, f"{_cut(node.value)} is no {node.tag.removeprefix(_TAG)}.")
        if message := value_flaw(value):
            return self._report(node, f"The value {message}. Got {_cut(node.value)}.")
        return value

    def _mapping(self, node: yaml.MappingNode, spot: Spot) -> dict[str, Any]:
        """Its own values, and below them what ``<<`` brings in."""
        own: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, value in self._pairs(node):
            if not isinstance(key, yaml.ScalarNode):
                self._report(key, "A key must be text.")
            elif message := value_flaw(key.value):
                self._report(key, f"A key {message}.")
            elif key.value in lines:
                self._report(key, f"{_cut(key.value)} is written twice, first on line {lines[key.value]}.")
            else:
                lines[key.value] = _mark(key)[0]
                own[key.value] = self._item(key, value, (*spot, key.value))
        merged: dict[str, Any] = {}
        for item in (item for key, item in node.value if key.tag == f"{_TAG}merge"):
            self._merge(item, spot, merged)
        return {**merged, **own}

    def _pairs(self, node: yaml.MappingNode) -> Iterator[tuple[yaml.Node, yaml.Node]]:
        return (pair for pair in node.value if pair[0].tag != f"{_TAG}merge")

    def _merge(self, node: yaml.Node, spot: Spot, merged: dict[str, Any]) -> None:
        """Add the mapping, or mappings, that ``<<`` brings in; what is there already wins."""
        for item in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            found = self._value(item, spot)
            if isinstance(found, dict):
                for key, value in found.items():
                    merged.setdefault(key, value)
            else:
                self._report(item, "'<<' takes a mapping.")

    def _item(self, key: yaml.Node, value: yaml.Node, spot: Spot) -> Any:
        self.text.marks.setdefault(spot, (*_mark(key), *_mark(value)))
        return self._value(value, spot)

    def _report(self, node: yaml.Node, message: str) -> None:
        self.text.unreadable.add(_mark(node))
        self.text.add(Problem(printable(message), self.text.file, *_mark(node)))


def _mark(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _too_many() -> str:
    return f"More than {MAX_NODES:,} values."


def _cut(text: str) -> str:
    return repr(text) if len(text) <= 60 else f"{text[:57]!r}…"
