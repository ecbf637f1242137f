"""Where things stand on a page: a grid of equal cells below a heading, all in whole pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from textwrap import wrap

import numpy as np
from jaxtyping import UInt8

from interpret_figures.page import INK, Label

__all__ = ["LETTERS", "LINE", "WHITE", "Grid", "Heading", "put", "square", "tile_size"]


WHITE = 255
LINE, LETTERS = 0.165, 19
"""Inches from line to line, and letters in an inch, of the heading's details."""

TILES = (64, 128)
"""Pixels of the longer side of a tile, at least and at most."""


@dataclass(frozen=True)
class Heading:
    """What stands above a grid: a title, what it shows, and the page's number (or nothing) at the right."""

    title: str
    details: tuple[str, ...]
    number: str = ""


@dataclass(frozen=True)
class Grid:
    """Cells in reading order below a heading, on one page.

    Attributes:
        heading: What stands above.
        cell: Height and width of a cell in pixels.
        gap: Pixels between cells, down and across; a label stands in the gap above its cell.
        shape: Rows and columns.
        dpi: Pixels in an inch.
    """

    heading: Heading
    cell: tuple[int, int]
    gap: tuple[int, int]
    shape: tuple[int, int]
    dpi: int

    @property
    def margin(self) -> int:
        """White around everything, in pixels."""
        return round(0.4 * self.dpi)

    @property
    def width(self) -> int:
        """Pixels between the margins: the cells, and room for a heading over the narrowest."""
        return max(self._length(1), 3 * self.dpi)

    @property
    def lines(self) -> list[str]:
        """The details of the heading, broken where the page ends."""
        letters = int(self.width / self.dpi * LETTERS)
        return [line for detail in self.heading.details for line in wrap(detail, letters)]

    def _length(self, axis: int) -> int:
        return self.shape[axis] * (self.cell[axis] + self.gap[axis]) - self.gap[axis]

    @property
    def _top(self) -> int:
        """Where the first row of cells begins."""
        return self.margin + round((0.19 + LINE * len(self.lines)) * self.dpi) + self.gap[0]

    def corner(self, index: int) -> tuple[int, int]:
        """The top left pixel (y, x) of a cell."""
        row, column = divmod(index, self.shape[1])
        y, x = row * (self.cell[0] + self.gap[0]), column * (self.cell[1] + self.gap[1])
        return self._top + y, self.margin + x

    def paper(self) -> UInt8[np.ndarray, "h w 3"]:
        """An empty page."""
        shape = (self._top + self._length(0) + self.margin, 2 * self.margin + self.width, 3)
        return np.full(shape, WHITE, np.uint8)

    def labels(self) -> list[Label]:
        """The heading's text."""
        x, y = self.margin, self.margin + 0.11 * self.dpi
        labels = [Label(x, y, self.heading.title, 11, INK, bold=True)]
        labels += [Label(x, y + (i + 1) * LINE * self.dpi, text, 6.5) for i, text in enumerate(self.lines)]
        return [*labels, Label(x + self.width, y, self.heading.number, 6.5, align="right")]


def tile_size(height: int, width: int, bounds: tuple[int, int] = TILES) -> tuple[int, int]:
    """Height and width in pixels at which a patch is drawn: a whole multiple of its own, or shrunk to fit.

    Args:
        height: Of the patch.
        width: Of the patch.
        bounds: Pixels of the longer side: smaller patches are enlarged, larger ones shrunk.
    """
    (least, most), longer = bounds, max(height, width)
    if longer > most:
        return max(round(height * most / longer), 1), max(round(width * most / longer), 1)
    factor = ceil(least / longer)
    return height * factor, width * factor


def square(count: int) -> int:
    """The columns of the smallest square that holds ``count`` tiles: 3 for 9."""
    return ceil(sqrt(count))


def put(
    canvas: UInt8[np.ndarray, "h w 3"],
    tiles: UInt8[np.ndarray, "n th tw 3"],
    corners: Sequence[tuple[int, int]],
) -> None:
    """Draw tiles on a canvas, each at its top left corner (y, x)."""
    height, width = tiles.shape[1:3]
    for tile, (y, x) in zip(tiles, corners, strict=True):
        canvas[y : y + height, x : x + width] = tile
