"""Which column of a parquet file is the picture, and which the label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interpret.errors import DatasetError
from interpret.files import parse_json, printable, shown
from interpret_datasets.shards.urls import library
from interpret_datasets.walking import tell

PICTURES = (
    "image",
    "img",
    "picture",
    "photo",
    "jpg",
    "jpeg",
    "png",
    "webp",
    "image_bytes",
    "bytes",
    "content",
)
"""Names of columns of pictures, where several hold bytes."""

LABELS = ("label", "labels", "cls", "class", "target")
"""Names of columns of labels."""


@dataclass(frozen=True)
class TableColumns:
    """The columns of a table that count.

    Attributes:
        image: The column of pictures.
        cell: What of it is read: the column, or its part with the bytes.
        label: The column of labels, or None.
        categories: Their names; empty where the table does not say them.
    """

    image: str
    cell: str
    label: str | None
    categories: tuple[str, ...] = ()

    @classmethod
    def of(cls, schema: Any, image: str, label: str, path: str) -> TableColumns:
        """The columns of a schema of Arrow: those that are named, else by what Hugging Face or names say.

        Raises:
            DatasetError: If there is no such column, or none or several could be meant.
        """
        if twice := next((name for name in schema.names if schema.names.count(name) > 1), None):
            raise DatasetError(f"{shown(path)} has two columns {twice!r}. Write it anew with one.")
        features = _features(schema)
        for option, name in (("image", image), ("label", label)):
            if name and name not in schema.names:
                raise _wrong(f"There is no column {name!r}", schema, path, option)
        picture = image or _picture(schema, features, path)
        cell = _cell(schema.field(picture).type, picture)
        if not cell:
            raise _wrong(f"The column {picture!r} holds no files of pictures", schema, path, "image")
        chosen = label or _label(schema, features, path)
        if chosen and not _can_be_label(schema.field(chosen).type):
            raise _wrong(f"The column {chosen!r} holds no labels", schema, path, "label")
        return cls(picture, cell, chosen or None, _names(features.get(chosen)))


def _features(schema: Any) -> Mapping[str, Any]:
    """What Hugging Face says of the columns; nothing where it was not asked."""
    try:
        found = parse_json((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = found["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    return features if isinstance(features, Mapping) else {}


def _kind(feature: Any) -> str:
    return str(feature.get("_type", "")) if isinstance(feature, Mapping) else ""


def _names(feature: Any) -> tuple[str, ...]:
    names = feature.get("names") if _kind(feature) == "ClassLabel" else None
    return tuple(printable(str(name)) for name in names) if isinstance(names, list) else ()


def _picture(schema: Any, features: Mapping[str, Any], path: str) -> str:
    """The first image of Hugging Face; else a struct with bytes, or bytes, under a usual name or alone."""
    names: list[str] = schema.names
    fit = [name for name in names if _cell(schema.field(name).type, name)]
    if found := [name for name in fit if _kind(features.get(name)) == "Image"]:
        return next((name for name in found if name in PICTURES), found[0])
    structs = [name for name in fit if _cell(schema.field(name).type, name) != name]
    for some in (structs, fit):
        if usual := [name for wanted in PICTURES for name in some if name.lower() == wanted]:
            return usual[0]
        if len(some) == 1:
            return some[0]
    raise _wrong(f"{'Several columns hold' if fit else 'No column holds'} bytes", schema, path, "image")


def _cell(kind: Any, name: str) -> str:
    """What is read of a column of pictures; empty where it cannot be one."""
    types = library("pyarrow", "Parquet files").types
    if types.is_struct(kind):
        inner = {kind.field(place).name: kind.field(place).type for place in range(kind.num_fields)}
        return f"{name}.bytes" if _is_binary(inner.get("bytes")) else ""
    return name if _is_binary(kind) else ""


def _is_binary(kind: Any) -> bool:
    plain = getattr(kind, "value_type", kind) if str(kind).startswith("dictionary") else kind
    return str(plain) in {"binary", "large_binary", "binary_view"}


def _label(schema: Any, features: Mapping[str, Any], path: str) -> str:
    """The first column of classes of Hugging Face; else one under a usual name; empty where there is none."""
    found = [name for name in schema.names if _kind(features.get(name)) == "ClassLabel"]
    usual = [name for wanted in LABELS for name in schema.names if name.lower() == wanted]
    fit = [name for name in usual if _can_be_label(schema.field(name).type)]
    chosen = next(iter([*(name for name in usual if name in found), *found, *fit]), "")
    if usual and not chosen:
        tell(
            f"{shown(path)}: pictures have no labels, since the column {printable(usual[0])!r} "
            f"({schema.field(usual[0]).type}) holds neither one whole number nor one name each."
        )
    return chosen


def _can_be_label(kind: Any) -> bool:
    types = library("pyarrow", "Parquet files").types
    plain = kind.value_type if types.is_dictionary(kind) else kind
    return bool(types.is_integer(plain)) or str(plain) in {"string", "large_string", "string_view"}


def _wrong(what: str, schema: Any, path: str, option: str) -> DatasetError:
    columns: Sequence[str] = [f"{printable(name)} ({schema.field(name).type})" for name in schema.names]
    listed = ", ".join(columns[:20]) + (", …" if len(columns) > 20 else "")
    return DatasetError(
        f"{what} in {shown(path)}. It has {listed:.1000}. Say which: dataset option {option!r}."
    )
