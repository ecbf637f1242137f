"""What a record holds, in words: the rows that stand for it where its class names no better ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from interpret.files.reading import printable
from interpret.images.inputs import InputSpec
from interpret.wording import counted, listed, shortened, value

__all__ = ["cleaned", "fields_of", "spec_text", "told_of_skipped"]

MOST_ROWS = 20
"""More rows are not read at a glance."""


def fields_of(record: Any, axes: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """What the fields of a dataclass hold, by name; what is empty is left out.

    Args:
        record: The record.
        axes: The names of the axes of its tensors.
    """
    rows: dict[str, str] = {}
    for item in dataclasses.fields(record):
        held: Any = getattr(record, item.name, None)
        if item.repr and not _is_empty(held):
            names = item.name == "ids" and isinstance(held, Mapping | list | tuple)
            text = f"{len(held):,}" if names else _held(held, axes.get(item.name, ()))
            rows.setdefault("images" if names else item.name.replace("_", " "), text)
    return rows


def told_of_skipped(skipped: Any) -> tuple[str, ...]:
    """A sentence about images that could not be read, from pairs of an id and the reason."""
    if not isinstance(skipped, list | tuple) or not skipped:
        return ()
    first = skipped[0]
    named = (
        f", such as {first[0]!r}: {first[1]}" if isinstance(first, list | tuple) and len(first) == 2 else ""
    )
    return (f"{counted(len(skipped), 'image')} could not be read{shortened(named, 200)}",)


def cleaned(rows: Mapping[str, str]) -> dict[str, str]:
    """Rows that hold names of strangers, fit for a terminal, and not too many."""
    shown = list(rows.items())[: MOST_ROWS if len(rows) > MOST_ROWS + 1 else None]
    lines = {_line(name, 60): _line(text, 400) for name, text in shown}
    return lines | ({"…": f"and {len(rows) - len(shown):,} more"} if len(shown) < len(rows) else {})


def _line(text: object, most: int) -> str:
    return printable(shortened(str(text), most))


def _is_empty(held: Any) -> bool:
    return held is None or (isinstance(held, str | tuple | list | Mapping) and not held)


def _held(held: Any, axes: Sequence[str]) -> str:  # noqa: PLR0911 - one for each kind
    """One value in a few words."""
    if isinstance(held, Tensor):
        return _tensor(held, axes)
    if isinstance(held, InputSpec):
        return spec_text(held)
    if isinstance(held, bool):
        return "yes" if held else "no"
    if isinstance(held, int | float):
        return value(held)
    if isinstance(held, str | Path):
        return shortened(str(held))
    if isinstance(held, Mapping):
        return listed(held)
    if isinstance(held, list | tuple):
        return listed(held) if all(isinstance(item, str | int | float) for item in held) else f"{len(held):,}"
    return type(held).__name__


def _tensor(held: Tensor, axes: Sequence[str]) -> str:
    if not held.dim():
        return value(held.item())
    size = " x ".join(f"{side:,}" for side in held.shape)
    return f"{size} ({', '.join(axes)})" if len(axes) == held.dim() else size


def spec_text(spec: InputSpec) -> str:
    """What a network takes, in a few words."""
    channels, height, width = spec.shape
    return f"{height} x {width} pixels, {counted(channels, 'channel')}"
