"""Records: frozen dataclasses as JSON, and back into the very types they declare.

A file can only name types that imported plugins have defined, and only fill their fields with what the
annotations say: nothing is imported or called by a name found in a file.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

from torch import Tensor

from interpret.describing import cleaned, fields_of
from interpret.errors import InterpretError
from interpret.images.inputs import InputSpec
from interpret.wording import as_text

LARGEST_INTEGER = 1 << 63
_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def _kind(cls: type[Any]) -> str:
    """The name of a type in files: its package and its own name, so that modules can be moved."""
    name = vars(cls).get("stored_as") or cls.__qualname__
    return f"{cls.__module__.partition('.')[0]}:{name}"


class Record:
    """A frozen dataclass that can be part of a result."""

    registered: ClassVar[dict[str, type[Any]]] = {}

    stored_as: ClassVar[str] = ""
    """The name of the class in files, where it was renamed: files of before still load, and readers of before
    read new ones. It is not inherited."""

    removed_fields: ClassVar[frozenset[str]] = frozenset()
    """Fields that it had once: files that hold them still load, without them."""

    former_kinds: ClassVar[tuple[str, ...]] = ()
    """What files of before call it: ``package:Name`` where it was defined once."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__repr__" not in vars(cls):  # or @dataclass would put one there that prints every number
            cls.__repr__ = cls.__repr__  # type: ignore[method-assign]
        for name in vars(cls).get("__annotations__", {}):
            # a field that is called like a method: or @dataclass would take the method for its default
            if name not in vars(cls) and isinstance(getattr(cls, name, None), types.FunctionType):
                setattr(cls, name, dataclasses.field())
        Record.registered[_kind(cls)] = cls
        for kind in cls.__dict__.get("former_kinds", ()):
            Record.registered.setdefault(kind, cls)

    @classmethod
    def axes(cls) -> dict[str, tuple[str, ...]]:
        """The names of the axes of every tensor of this class."""
        hints = get_type_hints(cls)
        return {name: tuple(hint.dim_str.split()) for name, hint in hints.items() if hasattr(hint, "dim_str")}

    def summary(self) -> dict[str, str]:
        """Its main numbers as text, by what they are, in the order in which a person reads them.

        A class that says nothing else shows what its fields hold.
        """
        return fields_of(self, _axes(type(self)))

    def __repr__(self) -> str:
        """Its class and its main numbers, a line for each."""
        return as_text(type(self).__name__, rows_of(self))


Record.registered[_kind(InputSpec)] = InputSpec


def rows_of(record: Record) -> dict[str, str]:
    """The summary of a record for people; where its class has none that works, what its fields hold."""
    own = getattr(type(record), "summary", None)
    try:
        return cleaned(own(record)) if callable(own) else cleaned(Record.summary(record))
    except Exception:  # noqa: BLE001 - who looks at a thing must not get an error in its place
        return _plain_rows(record)


def _plain_rows(record: Record) -> dict[str, str]:
    try:
        return cleaned(Record.summary(record))
    except Exception:  # noqa: BLE001 - a record that is half made has not all fields
        return {}


def _axes(cls: type[Record]) -> dict[str, tuple[str, ...]]:
    """The axes of its tensors; none where annotations cannot be read."""
    try:
        return cls.axes()
    except NameError:
        return {}


@dataclasses.dataclass
class Encoder:
    """Turns values into JSON; tensors are put aside under their paths, and files are brought.

    Attributes:
        bring: Brings a file; returns what stands for it.
        tensors: What was put aside.
    """

    bring: Callable[[Path], dict[str, Any]]
    tensors: dict[str, Tensor] = dataclasses.field(default_factory=dict)

    def encode(self, value: Any, path: str = "") -> Any:  # noqa: PLR0911 - one for each kind
        """A value as JSON.

        Raises:
            TypeError: If it is nothing that can be stored, or not what its record declares.
        """
        if isinstance(value, Path):
            return self.bring(value)
        if isinstance(value, Tensor):
            self.tensors[path] = value.detach().cpu().contiguous().clone()
            return {"$tensor": path}
        if _kind(type(value)) in Record.registered:
            return {"$type": _kind(type(value)), "fields": self._fields(value, path)}
        if isinstance(value, dict):
            items = {str(key): self.encode(item, f"{path}/{key}") for key, item in value.items()}
            return {"$dict": items}
        if isinstance(value, list | tuple):
            return [self.encode(item, f"{path}/{index}") for index, item in enumerate(value)]
        if isinstance(value, float) and not math.isfinite(value):
            return {"$float": repr(value)}
        if value is None or isinstance(value, bool | int | float | str):
            return value
        raise TypeError(
            f"{path} is a {type(value).__name__}: a result holds tensors, numbers, text, files "
            "and records of them."
        )

    def _fields(self, record: Any, path: str) -> dict[str, Any]:
        items = {item.name: getattr(record, item.name) for item in dataclasses.fields(record)}
        encoded = {name: self.encode(item, f"{path}/{name}") for name, item in items.items()}
        check_fields(type(record), items)
        return encoded


@dataclasses.dataclass(frozen=True)
class Decoder:
    """The inverse of `Encoder`; sequences come back as tuples.

    Attributes:
        find: The path of a file from what stands for it.
        tensors: What was put aside.
    """

    find: Callable[[dict[str, Any]], Path]
    tensors: Mapping[str, Tensor]

    def decode(self, tree: Any) -> Any:  # noqa: PLR0911 - one for each kind
        """The value that was encoded.

        Raises:
            InterpretError: If no plugin here defines a type.
            TypeError: If a field holds something else than its record declares.
            ValueError: If the tree was not made by `Encoder`.
        """
        if isinstance(tree, list):
            return tuple(self.decode(item) for item in tree)
        if not isinstance(tree, dict):
            return tree
        if "$file" in tree:
            return self.find(tree)
        match tree:
            case {"$tensor": str(path), **rest} if not rest and path in self.tensors:
                return self.tensors[path]
            case {"$float": str(text), **rest} if not rest and text in _NOT_FINITE:
                return _NOT_FINITE[text]
            case {"$dict": dict(items), **rest} if not rest:
                return {key: self.decode(item) for key, item in items.items()}
            case {"$type": str(kind), "fields": dict(fields), **rest} if not rest:
                return self._record(kind, fields)
        raise ValueError(f"{str(tree)[:80]} stands for nothing")

    def _record(self, kind: str, fields: dict[str, Any]) -> Any:
        cls = Record.registered.get(kind)
        if cls is None:
            raise InterpretError(f"No plugin here defines {kind[:200]}: install the plugin that made it.")
        removed: frozenset[str] = getattr(cls, "removed_fields", frozenset())
        items = {name: self.decode(item) for name, item in fields.items() if name not in removed}
        known = {item.name for item in dataclasses.fields(cls) if item.init}
        if unknown := items.keys() - known:
            raise TypeError(f"{cls.__name__} has no field {min(unknown)[:80]!r}")
        check_fields(cls, items)
        return cls(**items)


def files_of(tree: Any) -> list[dict[str, Any]]:
    """What stands for a file in an encoded value, in no order."""
    found, todo = [], [tree]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            found += [item] if "$file" in item else []
            todo += item.values()
        elif isinstance(item, list):
            todo += item
    return found


def check_fields(cls: type[Any], items: Mapping[str, Any]) -> None:
    """Compare the fields of a record with its annotations.

    Raises:
        TypeError: If one is something else; the message names it.
    """
    hints = _hints(cls)  # type: ignore[arg-type]  # mypy takes a class for no key
    for name, value in items.items():
        if name in hints and not fits(value, hints[name]):
            declared = getattr(hints[name], "__name__", hints[name])
            raise TypeError(f"{cls.__name__}.{name} is {_described(value)}, but declared as {declared}")


@cache
def _hints(cls: type[Any]) -> dict[str, Any]:
    """The annotations of a class; none where they name what is known to type checkers only."""
    try:
        return get_type_hints(cls)
    except NameError:
        return {}


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is what an annotation says; all sequences are alike, unknown words allow all."""
    origin = get_origin(hint)
    if origin in {Union, types.UnionType}:
        return any(fits(value, item) for item in get_args(hint))
    if origin is Literal:
        return any(value == item and type(value) is type(item) for item in get_args(hint))
    if hasattr(hint, "dim_str"):
        return _fits_axes(value, hint)
    if (origin or hint) in {tuple, list, Sequence}:
        return isinstance(value, list | tuple) and _fits_items(value, origin, get_args(hint))
    if (origin or hint) in {dict, Mapping}:
        inner = (get_args(hint) or (Any, Any))[1]
        return isinstance(value, dict) and all(fits(item, inner) for item in value.values())
    return _fits_class(value, hint)


def _fits_items(value: Sequence[Any], origin: Any, inner: tuple[Any, ...]) -> bool:
    if origin is tuple and Ellipsis not in inner:
        return len(value) == len(inner) and all(map(fits, value, inner))
    return not inner or all(fits(item, inner[0]) for item in value)


def _fits_axes(value: Any, hint: Any) -> bool:
    try:
        return isinstance(value, hint)
    except NameError:  # an axis that is computed from another one
        return isinstance(value, Tensor)


def _fits_class(value: Any, hint: Any) -> bool:
    if hint is None or hint is types.NoneType:
        return value is None
    if hint in {int, float} and isinstance(value, int):
        return not isinstance(value, bool) and abs(value) < LARGEST_INTEGER
    if hint in {bool, int, float, str, Path, Tensor} or hint in Record.registered.values():
        return isinstance(value, hint)
    return True


def _described(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"a {str(value.dtype).removeprefix('torch.')} tensor of shape {tuple(value.shape)}"
    return f"{type(value).__name__} {str(value)[:60]!r}"
