"""The units of a layer as tiles: sheets of pictures, and what is known of each unit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil

import numpy as np
from jaxtyping import UInt8

from interpret.plugin import PageContext, Photo
from interpret.progress import track
from interpret_figures.grid import square
from interpret_gallery.data import MOST_PIXELS, Picture, save_picture, write_data
from interpret_gallery.names import file_name, sheet_file

__all__ = ["LARGEST_TILE", "UnitTile", "UnitsSource", "tile_size", "units_source", "write_units"]

LARGEST_TILE = 72
"""Pixels of the longer side of a tile: GoogLeNet's ten stages have a hundred thousand of them."""

SHEET_PIXELS = 2_200_000
"""Of a sheet: it is decoded in some twenty milliseconds, and a screen shows one or two."""


@dataclass(frozen=True)
class UnitTile:
    """What is known of one unit; strongest exemplar first.

    Attributes:
        number: The unit.
        values: The activations of its exemplars; empty for a unit without any.
        images: The place of each exemplar's image in the dataset.
        boxes: What each sees, (top, left, bottom, right) in pixels of the network's input.
        maxima: How many images have their maximum in each of the bins; empty: not known.
    """

    number: int
    values: Sequence[float] = ()
    images: Sequence[int] = ()
    boxes: Sequence[tuple[int, int, int, int]] = ()
    maxima: Sequence[int] = ()


@dataclass(frozen=True)
class _SpriteSheets:
    """Where each unit's block of tiles lies."""

    block: tuple[int, int]
    across: int
    down: int

    def place(self, index: int) -> tuple[int, int, int]:
        """The sheet of a block, and its left and top pixel there."""
        sheet, within = divmod(index, self.across * self.down)
        row, column = divmod(within, self.across)
        return sheet, column * self.block[1], row * self.block[0]


Draw = Callable[[UnitTile], Sequence[UInt8[np.ndarray, "k h w 3"]]]
"""The tiles of a unit, of every kind, in the size of all tiles."""


def tile_size(height: int, width: int) -> tuple[int, int]:
    """The height and width in pixels at which patches are stored: their own, or shrunk to the largest."""
    longer = max(height, width)
    if longer <= LARGEST_TILE:
        return height, width
    return max(round(height * LARGEST_TILE / longer), 1), max(round(width * LARGEST_TILE / longer), 1)


def write_units(
    context: PageContext,
    layer: str,
    units: Sequence[UnitTile],
    draw: Draw,
    *,
    kinds: Sequence[str],
    tile: tuple[int, int],
    photo: Callable[[int], Photo],
    size: tuple[int, int],
    quiet: str = "dead",
    edges: Sequence[float] = (),
) -> str:
    """Write what ``parts.units(layer)`` shows; returns the address for ``Sheet.scripts``.

    Args:
        context: Whose page it is on.
        layer: The layer; one of a step has the name.
        units: Its units.
        draw: Makes the tiles of a unit: for each of ``kinds`` (k, h, w, 3).
        kinds: ``projections`` and ``patches``, or ``patches`` alone.
        tile: Height and width of a tile in pixels.
        photo: The photograph at a place of the dataset.
        size: Height and width of the network's input in pixels.
        quiet: What units without exemplars are called.
        edges: Where the bins of ``maxima`` meet: the first ends at 0.
    """
    per = max((len(unit.values) for unit in units), default=0) or 1
    across = square(per)
    block = (ceil(per / across) * tile[0], len(kinds) * across * tile[1])
    alive = [unit for unit in units if len(unit.values)]
    sheets = _layout(block)
    places = {unit.number: sheets.place(index) for index, unit in enumerate(alive)}
    painted = _painted(alive, draw, sheets, tile=tile, across=across, kinds=len(kinds))
    urls = _saved(context, layer, painted)
    photos, categories = _photos({index for unit in alive for index in unit.images}, photo)
    value = {
        "layer": layer,
        "kinds": list(kinds),
        "tile": list(tile),
        "per": per,
        "across": across,
        "size": list(size),
        "quiet": quiet,
        "edges": [float(f"{edge:.4g}") for edge in edges],
        "sheets": [{"url": found.url, "size": list(found.size)} for found in urls],
        "photos": photos,
        "categories": categories,
        "units": [_row(unit, places.get(unit.number, (0, 0, 0))) for unit in units],
    }
    return write_data(context, layer, value)


@dataclass(frozen=True)
class UnitsSource:
    """The units of a layer of one step, as a page beside the steps finds them.

    Attributes:
        name: What it is called there.
        key: The layer, under which they were written.
        script: The address of the data, seen from the gallery's first page.
        page: The address of the layer's own page, seen from there.
    """

    name: str
    key: str
    script: str
    page: str


def units_source(context: PageContext, layer: str, name: str) -> UnitsSource:
    """Where the units of a layer are that `write_units` wrote for a step.

    Args:
        context: The step.
        layer: The layer; its page has the same name.
        name: What it is called beside others.
    """
    folder = context.folder
    return UnitsSource(
        name,
        layer,
        context.site_url(folder / f"{file_name(layer)}.js"),
        context.site_url(folder / sheet_file(layer)),
    )


def _layout(block: tuple[int, int]) -> _SpriteSheets:
    """Sheets of blocks that are about square, and never larger than a picture may be."""
    most = max(SHEET_PIXELS // (block[0] * block[1]), 1)
    across = max(min(round((most * block[0] / block[1]) ** 0.5), MOST_PIXELS // block[1]), 1)
    return _SpriteSheets(block, across, max(min(most // across, MOST_PIXELS // block[0]), 1))


def _painted(
    units: Sequence[UnitTile],
    draw: Draw,
    sheets: _SpriteSheets,
    *,
    tile: tuple[int, int],
    across: int,
    kinds: int,
) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """The sheets one after another: all of them at once are too many for the memory."""
    many = sheets.across * sheets.down
    for start in track(range(0, len(units), many)):
        some = units[start : start + many]
        rows = ceil(len(some) / sheets.across)
        columns = min(len(some), sheets.across)
        canvas = np.full((rows * sheets.block[0], columns * sheets.block[1], 3), 255, np.uint8)
        for index, unit in enumerate(some):
            _, x, y = sheets.place(index)
            for kind, tiles in zip(range(kinds), draw(unit), strict=True):
                _put(canvas, tiles, (y, x + kind * across * tile[1]), across)
        yield canvas


def _saved(context: PageContext, layer: str, sheets: Iterator[UInt8[np.ndarray, "h w 3"]]) -> list[Picture]:
    """The sheets as files, each written while the next is painted."""
    found = list[Picture]()
    with ThreadPoolExecutor(1, thread_name_prefix="interpret-sheets") as thread:
        before: Future[Picture] | None = None
        for number, pixels in enumerate(sheets):
            saving = thread.submit(save_picture, context, f"{layer} sheet {number}", pixels)
            if before:
                found.append(before.result())
            before = saving
        return [*found, before.result()] if before else found


def _put(
    canvas: UInt8[np.ndarray, "h w 3"],
    tiles: UInt8[np.ndarray, "k th tw 3"],
    corner: tuple[int, int],
    across: int,
) -> None:
    height, width = tiles.shape[1:3]
    for rank, tile in enumerate(tiles):
        row, column = divmod(rank, across)
        y, x = corner[0] + row * height, corner[1] + column * width
        canvas[y : y + height, x : x + width] = tile


def _photos(wanted: set[int], photo: Callable[[int], Photo]) -> tuple[Mapping[str, list[object]], list[str]]:
    """Address, name and category of each photograph, and the names of the categories."""
    found = {index: photo(index) for index in sorted(wanted)}
    names = sorted({shown.category for shown in found.values() if shown.category})
    place = {name: index for index, name in enumerate(names)}
    return {
        str(index): [shown.url, shown.name, place.get(shown.category, -1)] for index, shown in found.items()
    }, names


def _row(unit: UnitTile, place: tuple[int, int, int]) -> list[object]:
    values = [float(f"{value:.4g}") for value in unit.values]
    boxes = [list(map(int, box)) for box in unit.boxes]
    return [unit.number, *place, values, [int(i) for i in unit.images], boxes, [int(c) for c in unit.maxima]]
