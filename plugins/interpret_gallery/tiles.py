"""Many small pictures with a number each, from one file: such as the filters of a layer."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np
from jaxtyping import UInt8

from interpret.plugin import PageContext
from interpret_figures.grid import square
from interpret_gallery.data import save_picture, write_data

__all__ = ["write_tiles"]


def write_tiles(
    context: PageContext,
    key: str,
    pixels: UInt8[np.ndarray, "n h w 3"],
    values: Sequence[float],
    *,
    item: str,
    measure: str,
) -> str:
    """Write what ``parts.tiles(key)`` shows; returns the address for ``Sheet.scripts``.

    Args:
        context: Whose page it is on.
        key: A name of its own among the step's data.
        pixels: The pictures, which are enlarged pixel by pixel.
        values: A number for each picture, by which they can be sorted.
        item: What one picture is, such as ``filter``.
        measure: What the number is.
    """
    count, height, width = pixels.shape[:3]
    across = square(count)
    sheet = np.full((ceil(count / across) * height, across * width, 3), 128, np.uint8)
    for place, tile in enumerate(pixels):
        y, x = place // across * height, place % across * width
        sheet[y : y + height, x : x + width] = tile
    found = save_picture(context, f"{key} sheet", sheet, exact=True)
    value = {
        "sheet": {"url": found.url, "size": list(found.size)},
        "tile": [height, width],
        "across": across,
        "item": item,
        "measure": measure,
        "values": [float(f"{number:.4g}") for number in values],
    }
    return write_data(context, key, value)
