"""Pictures side by side in reading order: an image, and beside it what was found in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from jaxtyping import UInt8

from interpret_figures.colours import SMALL, Scale, draw_bar
from interpret_figures.grid import LINE, Grid, Heading, tile_size
from interpret_figures.page import INK, Label, Page
from interpret_figures.text import fitted

__all__ = ["TILE", "Pair", "pair_page", "picture_size"]


TILE = 1.6
"""Length of a picture's longer side on paper, in inches."""

PICTURES = (220, 320)
"""Pixels of the longer side of a picture, at least and at most."""

BETWEEN, BELOW, NARROWEST = 0.06, 0.27, 1.0
"""Inches between the pictures of a pair, of the colour bar under them, and of the bar's length at least."""


@dataclass(frozen=True)
class Pair:
    """Two pictures, or more, with what is said of them.

    Attributes:
        title: What was asked about.
        caption: What is particular to this image.
        left: The image.
        right: What was found.
        scale: What the colours of the right picture mean.
        more: Further pictures, as large as the right one.
        more_scale: What the colours of the first of these mean.
    """

    title: str
    caption: str
    left: UInt8[np.ndarray, "h w 3"]
    right: UInt8[np.ndarray, "h w 3"]
    scale: Scale | None = None
    more: tuple[UInt8[np.ndarray, "h w 3"], ...] = ()
    more_scale: Scale | None = None


def picture_size(height: int, width: int) -> tuple[int, int]:
    """Height and width in pixels at which an image is drawn: enlarged by a whole number, or shrunk."""
    return tile_size(height, width, PICTURES)


def pair_page(pairs: Sequence[Pair], columns: int, heading: Heading) -> Page:
    """One page of pairs of the same size."""
    height, width = pairs[0].left.shape[:2]
    dpi = round(max(height, width) / TILE)
    below = BELOW if any(pair.scale or pair.more_scale for pair in pairs) else 0.0
    found = max(width, round(NARROWEST * dpi))
    cell = height + round(below * dpi), width + (1 + len(pairs[0].more)) * (round(BETWEEN * dpi) + found)
    shape = (ceil(len(pairs) / columns), columns)
    grid = Grid(heading, cell, (round(0.46 * dpi), round(0.25 * dpi)), shape, dpi)
    canvas, labels = grid.paper(), grid.labels()
    for place, pair in enumerate(pairs):
        labels += _draw(canvas, pair, grid.corner(place), dpi)
    return Page(canvas, tuple(labels), dpi)


def _draw(
    canvas: UInt8[np.ndarray, "h w 3"], pair: Pair, corner: tuple[int, int], dpi: int
) -> Iterator[Label]:
    """Draw one pair; its labels."""
    (y, x), (height, width) = corner, pair.left.shape[:2]
    length = max(width, round(NARROWEST * dpi))
    between = round(BETWEEN * dpi)
    rights = [x + width + between + i * (length + between) for i in range(1 + len(pair.more))]
    canvas[y : y + height, x : x + width] = pair.left
    for picture, right in zip((pair.right, *pair.more), rights, strict=True):
        canvas[y : y + height, right : right + width] = picture
    room = (rights[-1] + length - x) / dpi
    yield Label(x, y - (0.06 + LINE) * dpi, fitted(pair.title, room, 8, bold=True), 8, INK, bold=True)
    yield Label(x, y - 0.06 * dpi, fitted(pair.caption, room, SMALL), SMALL)
    for scale, right in zip((pair.scale, pair.more_scale), rights, strict=False):
        if scale is not None:
            yield from draw_bar(canvas, scale, (y + height + round(0.06 * dpi), right), length, dpi=dpi)
