"""Pages of units: for each, squares of its strongest neurons, with or without names under patches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TypeAlias

import numpy as np
from jaxtyping import UInt8

from interpret_figures.grid import Grid, Heading, put, square, tile_size
from interpret_figures.page import INK, QUIET, Label, Page
from interpret_figures.text import fitted, number
from interpret_topk.renderers.patches import Names, Neurons

__all__ = [
    "EMPTY",
    "UnitCell",
    "UnitPages",
    "by_unit",
    "cell_for",
    "columns_for",
    "counted",
    "shown_units",
]

Draw: TypeAlias = Callable[[Sequence[int]], UInt8[np.ndarray, "n h w 3"]]
"""Tiles of some neurons."""

TILE, NAMED, FEW = 0.32, 0.56, 0.8
"""Inches of a patch's longer side: without a name under it, with one, and of one or two units."""

MOST_NAMED, MOST_FEW = 12, 2
"""Units on a page up to which patches have names, and up to which they are largest."""

PIXELS = 150
"""Of a named patch in an inch, at least; up to twice as many."""

LETTERS, LINE, DROP = 4.6, 0.085, 0.08
"""Points of a name under a patch, inches from line to line, and of the first one below its patch."""

EMPTY = 244
"""The tone of a place for which there is no patch."""


@dataclass(frozen=True)
class UnitCell:
    """One unit's place on a page: squares of patches side by side.

    Attributes:
        tile: Height and width of one patch in pixels.
        side: Patches in a row and in a column.
        squares: How many squares there are.
        inches: Length of a patch's longer side on paper.
        named: Whether two lines of text stand under each patch.
    """

    tile: tuple[int, int]
    side: int
    squares: int = 2
    inches: float = TILE
    named: bool = False

    @property
    def gap(self) -> int:
        """Pixels between patches; four times as many stand between the squares."""
        return max(round(0.035 * max(self.tile)), 2)

    @property
    def below(self) -> int:
        """Pixels of the text under a patch."""
        return round((DROP + 1.5 * LINE) * self.dpi) if self.named else 0

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height = self.side * (self.tile[0] + self.below + self.gap) - self.gap
        width = self.side * (self.tile[1] + self.gap) - self.gap
        return height, self.squares * (width + 4 * self.gap) - 4 * self.gap

    @property
    def dpi(self) -> int:
        """Pixels in an inch."""
        return round(max(self.tile) / self.inches)

    def corners(self, ranks: Sequence[int], origin: tuple[int, int], place: int = 0) -> list[tuple[int, int]]:
        """The top left pixels (y, x) of the patches of some ranks, in one of the squares."""
        height, width = self.tile[0] + self.below + self.gap, self.tile[1] + self.gap
        y, x = origin[0], origin[1] + place * (self.side * width + 3 * self.gap)
        return [(y + rank // self.side * height, x + rank % self.side * width) for rank in ranks]


def columns_for(units: int, *, named: bool, usual: tuple[int, int]) -> int:
    """Units side by side where nobody says how many: of patches without names, and of those with."""
    return usual[named and units <= MOST_NAMED]


def cell_for(patch: tuple[int, int], ranks: int, squares: int, units: int, *, named: bool) -> UnitCell:
    """The place of a unit on pages of so many units.

    Args:
        patch: Height and width of a patch in its own pixels.
        ranks: Patches of a unit.
        squares: Squares of patches.
        units: Units on the fullest page.
        named: Whether patches may have names: on pages of few units they do.
    """
    if not named or units > MOST_NAMED:
        return UnitCell(tile_size(*patch), square(ranks), squares)
    inches = FEW if units <= MOST_FEW else NAMED
    bounds = round(PIXELS * inches), round(2 * PIXELS * inches)
    return UnitCell(tile_size(*patch, bounds), square(ranks), squares, inches, named=True)


@dataclass(frozen=True)
class UnitPages:
    """The units of one layer.

    Attributes:
        layer: Their neurons.
        names: What the photographs of these are called.
        squares: What draws the squares of a unit, from left to right; names stand under the last one.
        cell: The place of one unit.
        dead: Units without patches.
        count: Units of the layer, shown or not.
        why: Why units have no patches, in a word or two.
    """

    layer: Neurons
    names: Names
    squares: tuple[Draw, ...]
    cell: UnitCell
    dead: frozenset[int]
    count: int
    why: str

    @property
    def units(self) -> list[int]:
        """Units to show, ascending: dead ones too, unless the result has only some units of the layer."""
        return shown_units(self.layer, self.dead, self.count)

    def pages(
        self, units: Sequence[int], columns: int, rows: int, title: str, details: tuple[str, ...]
    ) -> Iterator[Page]:
        """The pages of some units in their order, each drawn when it is asked for."""
        step, neurons = columns * rows, by_unit(self.layer)
        for start in range(0, len(units), step):
            page = f"{start // step + 1} / {ceil(len(units) / step)}" if len(units) > step else ""
            heading = Heading(title, details, page)
            yield self._page(units[start : start + step], columns, heading, neurons)

    def _page(
        self, units: Sequence[int], columns: int, heading: Heading, neurons: dict[int, list[int]]
    ) -> Page:
        dpi = self.cell.dpi
        shape = (ceil(len(units) / columns), min(columns, len(units)) if self.cell.named else columns)
        grid = Grid(heading, self.cell.size, (round(0.24 * dpi), round(0.2 * dpi)), shape, dpi)
        canvas, labels = grid.paper(), grid.labels()
        for index, unit in enumerate(units):
            labels += self._unit(canvas, unit, neurons.get(unit, []), grid.corner(index))
        return Page(canvas, tuple(labels), dpi)

    def _unit(
        self, canvas: UInt8[np.ndarray, "h w 3"], unit: int, neurons: list[int], origin: tuple[int, int]
    ) -> list[Label]:
        """Draw one unit; return its labels."""
        y, x = origin
        height, width = self.cell.size
        labels = [Label(x, y - 0.045 * self.cell.dpi, str(unit), 6.5, INK if neurons else QUIET)]
        if not neurons:
            canvas[y : y + height, x : x + width] = EMPTY
            return [*labels, Label(x + width / 2, y + height / 2, self.why, align="center")]
        ranks = self.layer.rank[neurons].tolist()
        for place, draw in enumerate(self.squares):
            put(canvas, draw(neurons), self.cell.corners(ranks, origin, place))
        if self.cell.named:
            corners = self.cell.corners(ranks, origin, len(self.squares) - 1)
            for neuron, corner in zip(neurons, corners, strict=True):
                labels += self._names(neuron, corner)
        return labels

    def _names(self, neuron: int, corner: tuple[int, int]) -> list[Label]:
        """The category and the activation under a patch."""
        (y, x), dpi = corner, self.cell.dpi
        first = y + self.cell.tile[0] + DROP * dpi
        name = fitted(self.names.short(int(self.layer.image[neuron])), self.cell.tile[1] / dpi, LETTERS)
        value = number(float(self.layer.value[neuron]))
        return [Label(x, first, name, LETTERS, INK), Label(x, first + LINE * dpi, value, LETTERS)]


def counted(units: Sequence[int], dead: frozenset[int], why: str) -> str:
    """How many units are shown, and how many of them have no patches."""
    missing = len(dead.intersection(units))
    return f"{len(units)} unit{'s' * (len(units) != 1)}" + (f", {missing} {why}" if missing else "")


def by_unit(layer: Neurons) -> dict[int, list[int]]:
    """The neurons of each unit."""
    neurons: dict[int, list[int]] = {}
    for neuron, unit in enumerate(layer.unit.tolist()):
        neurons.setdefault(unit, []).append(neuron)
    return neurons


def shown_units(layer: Neurons, dead: frozenset[int], count: int) -> list[int]:
    """Units that can be shown, ascending: dead ones too, unless the result has only some of the layer's."""
    known = set(layer.unit.tolist())
    return sorted({*known, *(dead if len(known) + len(dead) >= count else ())})
