"""What drives some units of a layer at every checkpoint: projections and patches as pieces of pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import UInt8

from interpret.errors import DatasetError
from interpret.images import as_images
from interpret.plugin import PageContext
from interpret_deconv.beyond import captions
from interpret_deconv.renderers.tiles import Tiles
from interpret_deconv.renderers.zoom import shown_part, zoomed
from interpret_figures import display
from interpret_figures.grid import tile_size
from interpret_figures.photographs import Photographs
from interpret_figures.text import number
from interpret_gallery import Piece, photographs, save_picture
from interpret_topk.renderers.patches import Patches
from interpret_training.evolution.results import Evolution

__all__ = ["Formed", "UnitRow", "formed"]

SIDES = (96, 128)
"""Pixels of the longer side of a tile, at least and at most."""

STRIPS = 16
"""Units in one picture: a row of tiles for each."""

PERCENTILE = 99.5
"""Of a projection's magnitudes: it gets full colour, as in the figures."""


@dataclass(frozen=True)
class Cell:
    """The strongest neuron of a unit at one checkpoint.

    Attributes:
        projection: What drives it.
        patch: What it sees; None where photographs cannot be read.
        value: Its activation, as text.
        photo: The name of its photograph.
        category: Its category; empty where none is known.
        url: Where the whole photograph is; empty where it cannot be read.
        kept: ``neuron`` or ``photograph``: what is the same as at the checkpoint before; empty: another
            photograph, or there was none.
        first: Whether there was none before.
    """

    projection: Piece
    patch: Piece | None
    value: str
    photo: str
    category: str
    url: str
    kept: str
    first: bool


@dataclass(frozen=True)
class UnitRow:
    """One unit at every checkpoint; None where it is dead."""

    number: int
    settled: int
    cells: Sequence[Cell | None]


@dataclass(frozen=True)
class Formed:
    """The units of a layer that are shown.

    Attributes:
        rows: The units.
        dead: What a unit is called that is never positive.
        seen: How much of the image the patches show, in words.
        beyond: What was done at other nonlinearities than ReLUs; empty where nothing.
        unread: Why patches are missing; empty where they are not.
        cover: The address of a picture that stands for all.
    """

    rows: Sequence[UnitRow]
    dead: str
    seen: str
    beyond: str
    unread: str
    cover: str


def formed(result: Evolution, name: str, context: PageContext) -> Formed:
    """Write the pictures of one layer and say where everything lies."""
    layer = result[name]
    dead = "never positive" if layer.signed else "dead"
    beyond = captions({name: result.nonlinearities.get(name, {})})
    tiles, unread = _tiles(result, name, context)
    if not len(tiles.layer.unit):
        return Formed([], dead, "", beyond, "", "")
    found, unread = _drawn(tiles, unread)
    place = {(row, column): index for index, (row, column) in enumerate(layer.cells.tolist())}
    pieces = _pieces(found, place, (len(layer.unit), len(result.epochs)), f"{name} units", context)
    rows = [
        UnitRow(unit, int(layer.settled[unit]), _cells(result, name, row, pieces, context))
        for row, unit in enumerate(layer.unit.tolist())
    ]
    seen = shown_part(layer.projections(), tiles.layer, result.input.size)
    return Formed(rows, dead, seen, beyond, unread, next(iter(pieces.values()))[0].picture.url)


def _tiles(result: Evolution, name: str, context: PageContext) -> tuple[Tiles, str]:
    """What draws the projections there are, zoomed to their signals; why photographs cannot be read."""
    shown = zoomed(result[name].projections(), result.input.size)
    try:
        read, unread = photographs(context, result), ""
    except (DatasetError, OSError) as error:
        nothing = [torch.zeros(result.input.shape)]
        read, unread = Photographs(as_images(nothing), {}, result.input), str(error)
    size = tile_size(*shown.size, SIDES)
    channels = display.shown_channels(result.input, shown.patches.shape[1])
    return Tiles(shown, Patches(shown, read, channels, size, smooth=False), PERCENTILE), unread


Drawn = tuple[UInt8[np.ndarray, "n h w 3"], UInt8[np.ndarray, "n h w 3"] | None]
"""Projections and patches; None where photographs cannot be read."""


def _drawn(tiles: Tiles, unread: str) -> tuple[Drawn, str]:
    every = range(len(tiles.layer.unit))
    projections = tiles.projections(every)
    if unread:
        return (projections, None), unread
    try:
        return (projections, tiles.images.patches(every)), ""
    except (DatasetError, OSError) as error:
        return (projections, None), str(error)


def _pieces(
    found: Drawn,
    place: Mapping[tuple[int, int], int],
    shape: tuple[int, int],
    name: str,
    context: PageContext,
) -> dict[tuple[int, int], tuple[Piece, Piece | None]]:
    """Write the tiles, a row for each unit and a column for each checkpoint, some units to a picture."""
    projections, patches = found
    pair = np.concatenate([projections, projections if patches is None else patches], 2)
    height, width = pair.shape[1:3]
    pieces = {}
    for start in range(0, shape[0], STRIPS):
        own = range(start, min(start + STRIPS, shape[0]))
        sheet = np.full((len(own) * height, shape[1] * width, 3), 255, np.uint8)
        there = {cell: index for cell, index in place.items() if cell[0] in own}
        for (row, column), index in there.items():
            y, x = (row - start) * height, column * width
            sheet[y : y + height, x : x + width] = pair[index]
        picture = save_picture(context, f"{name} {start}", sheet)
        for row, column in there:
            y, x, half = (row - start) * height, column * width, (height, width // 2)
            own_patch = None if patches is None else Piece(picture, x + width // 2, y, half)
            pieces[row, column] = (Piece(picture, x, y, half), own_patch)
    return pieces


def _cells(
    result: Evolution,
    name: str,
    row: int,
    pieces: Mapping[tuple[int, int], tuple[Piece, Piece | None]],
    context: PageContext,
) -> list[Cell | None]:
    """One unit at every checkpoint."""
    layer = result[name]
    unit = int(layer.unit[row])
    dead, jump, stays = layer.dead[unit].tolist(), layer.jump[unit].tolist(), layer.stays[unit].tolist()
    cells: list[Cell | None] = []
    for column in range(len(result.epochs)):
        if dead[column]:
            cells.append(None)
            continue
        photo = context.photo(int(layer.image[unit, column, 0]), result)
        first = column == 0 or dead[column - 1]
        kept = "" if first or jump[column] else "neuron" if stays[column] else "photograph"
        value = number(float(layer.values[unit, column, 0]))
        shown = pieces[row, column]
        cells.append(Cell(*shown, value, photo.name, photo.category, photo.url, kept, first))
    return cells
