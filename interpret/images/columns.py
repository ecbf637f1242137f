"""Data sets of columns, as those of Hugging Face: which column is the picture, which the label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interpret.errors import DatasetError
from interpret.images.items import LABEL_KEYS, label_key, picture_key


@dataclass(frozen=True)
class Columns:
    """The columns of a data set that count.

    Attributes:
        items: The data set: ``items["label"]`` is a column, ``items[0]`` a mapping.
        picture: The column of pictures.
        label: The column of labels, or None.
        categories: The names of the labels; empty where the data set does not say them.
    """

    items: Any
    picture: str
    label: str | None
    categories: tuple[str, ...] = ()

    @classmethod
    def of(cls, items: Any, picture: str = "", label: str = "") -> Columns | None:
        """The columns of a ``datasets.Dataset``, by the features it states or by usual names.

        Args:
            items: Any sequence; None is returned for one without columns and features.
            picture: The column of pictures; empty: the first whose feature is an image.
            label: The column of labels; empty: the first whose feature is a class.

        Raises:
            DatasetError: If there is no such column.
        """
        features = getattr(items, "features", None)
        if not isinstance(features, Mapping) or not isinstance(getattr(items, "column_names", None), list):
            return None
        chosen = _chosen(features, "Image", picture) or picture_key(features)
        named = _chosen(features, "ClassLabel", label) or label_key(features)
        return cls(items, chosen, named, tuple(getattr(features.get(named), "names", ())))

    def parts(self, item: Mapping[str, Any]) -> tuple[Any, Any]:
        """The picture of an item and its label; those of a transform of the user's by their usual names."""
        picture = self.picture if self.picture in item else picture_key(item)
        label = self.label if self.label in item else label_key(item)
        return item[picture], item[label] if label else None

    def labels(self, count: int) -> list[Any]:
        """The label of every item; no picture is read."""
        plain = self.items.with_format(None) if hasattr(self.items, "with_format") else self.items
        values = [None] * count if self.label is None else list(plain[self.label])
        return [None if value == -1 else value for value in values]  # the test splits of Hugging Face have -1


def _chosen(features: Mapping[str, Any], kind: str, name: str) -> str | None:
    """The column that is named, or the only one of a kind, or of several the one with a usual name."""
    if name and name not in features:
        raise DatasetError(f"There is no column {name!r}. The data set has {', '.join(features)}.")
    if name:
        return name
    fit = [key for key, feature in features.items() if type(feature).__name__ == kind]
    usual = [key for key in fit if key in {"image", "img", *LABEL_KEYS}]
    return next(iter([*usual, *fit]), None)
