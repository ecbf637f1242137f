"""A window that moves over a photograph, with the values of several maps at its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8

from interpret.plugin import PageContext, Photo
from interpret_figures.text import category
from interpret_gallery.data import save_picture, write_data

__all__ = ["WindowMap", "write_window"]


@dataclass(frozen=True)
class WindowMap:
    """One map over a photograph.

    Attributes:
        name: What it shows, with its unit.
        values: The value with the window at each place; with ``names``, indices into them.
        whole: The value without the window.
        pixels: The map in the photograph's size, as people see it.
        bar: All its colours from left to right, with the texts at its ends; None for a map of names.
        names: What indices stand for, ``class 3`` beyond them; None where values are numbers.
        legend: Of a map of names, each with its colour.
    """

    name: str
    values: Float[np.ndarray, "rows columns"] | Int[np.ndarray, "rows columns"]
    whole: float
    pixels: UInt8[np.ndarray, "h w 3"]
    bar: tuple[str, UInt8[np.ndarray, "bh bw 3"], str] | None = None
    names: Sequence[str] | None = None
    legend: Sequence[tuple[str, tuple[int, int, int]]] = ()


def write_window(
    context: PageContext,
    key: str,
    photo: Photo,
    maps: Sequence[WindowMap],
    *,
    rows: Sequence[int],
    columns: Sequence[int],
    window: tuple[int, int],
    start: tuple[int, int] = (0, 0),
    fill: tuple[int, int, int] | None = None,
) -> str:
    """Write what ``parts.window(key)`` shows; returns the address for ``Sheet.scripts``.

    Args:
        context: Whose page it is on.
        key: A name of its own among the step's data.
        photo: The photograph.
        maps: What changes with the window; the first is shown at first.
        rows: The top pixel of each row of places.
        columns: The left pixel of each column.
        window: Height and width of the window in pixels.
        start: The place (row, column) at which it stands at first.
        fill: The colour it covers with; None: grey.
    """
    value = {
        "photo": photo.url,
        "alt": photo.alt,
        "size": list(photo.size),
        "window": list(window),
        "rows": [int(row) for row in rows],
        "columns": [int(column) for column in columns],
        "start": list(start),
        "fill": "#{:02x}{:02x}{:02x}".format(*(fill or (128, 128, 128))),
        "maps": [_map(context, f"{key} map {place}", shown) for place, shown in enumerate(maps)],
    }
    return write_data(context, key, value)


def _map(context: PageContext, name: str, shown: WindowMap) -> dict[str, object]:
    found: dict[str, object] = {
        "name": shown.name,
        "url": save_picture(context, name, shown.pixels, exact=shown.names is not None).url,
    }
    if shown.names is not None:
        legend = [
            [text, _swatch(context, f"{name} colour {place}", colour)]
            for place, (text, colour) in enumerate(shown.legend)
        ]
        used = sorted({*map(int, np.unique(shown.values)), int(shown.whole)})  # of a thousand names a few
        place = {index: at for at, index in enumerate(used)}
        marked = [[place[int(index)] for index in row] for row in shown.values]
        names = [category(index, shown.names) for index in used]
        return {**found, "values": marked, "whole": place[int(shown.whole)], "names": names, "legend": legend}
    values = [[float(f"{value:.5g}") for value in row] for row in np.asarray(shown.values, float)]
    if shown.bar:
        low, colours, high = shown.bar
        found |= {
            "low": low,
            "high": high,
            "bar": save_picture(context, f"{name} bar", colours, exact=True).url,
        }
    return {**found, "values": values, "whole": float(f"{shown.whole:.5g}")}


def _swatch(context: PageContext, name: str, colour: tuple[int, int, int]) -> str:
    return save_picture(context, name, np.full((8, 8, 3), colour, np.uint8), exact=True).url
