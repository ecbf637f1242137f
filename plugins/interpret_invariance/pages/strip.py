"""Small pictures of transformed images, one below the other, a column for each of some steps."""

from __future__ import annotations

from dataclasses import dataclass

from interpret.errors import DatasetError
from interpret.plugin import PageContext
from interpret_figures.grid import tile_size
from interpret_figures.text import number
from interpret_gallery import Piece, photographs, save_picture
from interpret_invariance.renderers.strip import Strip, shown_steps
from interpret_invariance.renderers.text import names
from interpret_invariance.results import Invariances

__all__ = ["Pictures", "pictures"]

STEPS = 7
"""Steps of a transformation that are shown."""

SIDES = (64, 96)
"""Pixels of the longer side of a picture, at least and at most."""


@dataclass(frozen=True)
class Pictures:
    """What the network saw.

    Attributes:
        amounts: Of the transformation, above each column.
        identity: The column of the untransformed image.
        rows: The name of each image, and its pictures.
        unread: Why there are none; empty where there are.
    """

    amounts: list[str]
    identity: int
    rows: list[tuple[str, list[Piece]]]
    unread: str = ""


def pictures(result: Invariances, transform: str, most: int, context: PageContext) -> Pictures:
    """Write the pictures of a transformation, of so many images at most."""
    curves, rows = result[transform], range(min(len(result), most))
    steps, size = shown_steps(curves, STEPS), tile_size(*result.input.size, SIDES)
    amounts, identity = [number(float(curves.amounts[step])) for step in steps], steps.index(curves.identity)
    try:
        strip = Strip(photographs(context, result), result.input.displayed, result.border, size, 0)
        sheet = strip.draw(curves, steps, [int(result.image[row]) for row in rows])
    except (DatasetError, OSError) as error:
        return Pictures(amounts, identity, [], str(error))
    picture = save_picture(context, f"{transform} pictures", sheet)
    found = [
        (name, [Piece(picture, column * size[1], row * size[0], size) for column in range(len(steps))])
        for row, name in zip(rows, names(result, tuple(rows)), strict=True)
    ]
    return Pictures(amounts, identity, found)
