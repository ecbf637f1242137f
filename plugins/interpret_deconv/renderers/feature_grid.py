"""The paper's Figure 2: what drives each unit, beside the image patches in which it found it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import ClassVar

import numpy as np
from jaxtyping import UInt8
from pydantic import Field

from interpret.images import Images
from interpret_deconv.beyond import caption
from interpret_deconv.cutting import cut_caption
from interpret_deconv.own_patches import own_patches_caption
from interpret_deconv.renderers.tiles import Tiles
from interpret_deconv.renderers.unit_grid import UnitGrid
from interpret_deconv.renderers.units import check_layers, choose_units
from interpret_deconv.renderers.zoom import shown_part, zoomed
from interpret_deconv.results import LayerProjections, Projections
from interpret_figures import display
from interpret_figures.grid import Grid, Heading, put, square, tile_size
from interpret_figures.page import INK, QUIET, Label, Page, file_name, save_page
from interpret_figures.photographs import Photographs

__all__ = ["EMPTY"]


TILE = 0.32
"""Length of a patch's longer side on paper, in inches."""

EMPTY = 244
"""The tone of a place for which there is no patch."""


class FeatureGrid(UnitGrid[Projections]):
    """Projections of the strongest neurons beside their image patches (Zeiler & Fergus 2014, Figure 2).

    Every patch is the neuron's receptive field; where that is the whole image, the part around the signal. A
    token's own patch is outlined.
    Zero is mid-grey, and each projection has its own scale.
    """

    name: ClassVar[str] = "feature_grid"

    columns: int = Field(4, ge=1, le=100, description="Units side by side on a page.")
    rows: int = Field(6, ge=1, le=100, description="Units one below the other on a page.")

    def render(self, result: Projections, images: Images, folder: Path) -> Sequence[Path]:
        """Write the pages of every layer, named ``layer1-1.png``, ``layer1-2.png`` and so on.

        Raises:
            DatasetError: If a photograph is missing or has changed.
            StepError: If a unit or layer that is asked for is not in the result.
        """
        check_layers(self.units, list(result.layers))
        folder.mkdir(parents=True, exist_ok=True)
        photographs = Photographs(images, result.ids, result.input)
        files: list[Path] = []
        for layer in result.layers:
            for number, page in enumerate(self._pages(result, layer, photographs), start=1):
                files += save_page(page, folder / file_name(layer, number), self.formats)
        return files

    def _pages(self, result: Projections, layer: str, photographs: Photographs) -> Iterator[Page]:
        """The pages of one layer, each drawn when it is asked for."""
        pages = self._unit_pages(result, layer, photographs)
        units = choose_units(self.units, layer, pages.units, self.seed)
        step = self.columns * self.rows
        details = (_facts(pages, units), _legend(pages, result, layer))
        for start in range(0, len(units), step):
            number = f"{start // step + 1} / {ceil(len(units) / step)}" if len(units) > step else ""
            yield pages.page(units[start : start + step], self.columns, Heading(layer, details, number))

    def _unit_pages(self, result: Projections, layer: str, photographs: Photographs) -> UnitPages:
        projections = zoomed(result[layer], result.input.size) if self.zoom else result[layer]
        channels = display.shown_channels(result.input, projections.patches.shape[1])
        size = tile_size(*projections.patches.shape[-2:])
        dead = result.dead[layer]
        return UnitPages(
            Tiles(projections, photographs, channels, size, self.percentile, self.smooth),
            UnitCell(size, square(int(projections.rank.max()) + 1 if len(projections.rank) else 1)),
            by_unit(projections),
            frozenset(dead.nonzero().flatten().tolist()),
            len(dead),
            shown_part(result[layer], projections, result.input.size),
            "never positive" if layer in result.signed else "never active",
        )


@dataclass(frozen=True)
class UnitCell:
    """One unit's place on a page: a square of projections, and the same square of image patches beside it.

    Attributes:
        tile: Height and width of one patch in pixels.
        side: Patches in a row and in a column.
    """

    tile: tuple[int, int]
    side: int

    @property
    def gap(self) -> int:
        """Pixels between patches; four times as many stand between the squares."""
        return max(round(0.035 * max(self.tile)), 2)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = (self.side * (length + self.gap) - self.gap for length in self.tile)
        return height, 2 * width + 4 * self.gap

    @property
    def dpi(self) -> int:
        """Pixels in an inch."""
        return round(max(self.tile) / TILE)

    def corners(self, ranks: Sequence[int], origin: tuple[int, int], *, right: bool) -> list[tuple[int, int]]:
        """The top left pixels (y, x) of the patches of some ranks, in the left or the right square."""
        y, x = origin[0], origin[1] + right * (self.size[1] + 4 * self.gap) // 2
        height, width = self.tile[0] + self.gap, self.tile[1] + self.gap
        return [(y + rank // self.side * height, x + rank % self.side * width) for rank in ranks]


@dataclass(frozen=True)
class UnitPages:
    """The units of one layer.

    Attributes:
        tiles: Their pixels.
        cell: The place of one unit.
        neurons: The neurons of each unit, by unit.
        dead: Units without projections.
        count: Units of the layer, projected or not.
        part: What part of the image is shown, in words.
        why: Why units have no projections, in a word or two.
    """

    tiles: Tiles
    cell: UnitCell
    neurons: dict[int, list[int]]
    dead: frozenset[int]
    count: int
    part: str
    why: str

    @property
    def units(self) -> list[int]:
        """Units to show, ascending: dead ones too, unless only some units of the layer were projected."""
        whole = len(self.neurons) + len(self.dead) >= self.count
        return sorted({*self.neurons, *(self.dead if whole else ())})

    def page(self, units: Sequence[int], columns: int, heading: Heading) -> Page:
        """One page of units in reading order."""
        dpi = self.cell.dpi
        shape = (ceil(len(units) / columns), columns)
        grid = Grid(heading, self.cell.size, (round(0.24 * dpi), round(0.2 * dpi)), shape, dpi)
        canvas, labels = grid.paper(), grid.labels()
        for index, unit in enumerate(units):
            labels += self._unit(canvas, unit, grid.corner(index))
        return Page(canvas, tuple(labels), dpi)

    def _unit(self, canvas: UInt8[np.ndarray, "h w 3"], unit: int, origin: tuple[int, int]) -> list[Label]:
        """Draw one unit; return its labels."""
        y, x = origin
        height, width = self.cell.size
        neurons = self.neurons.get(unit, [])
        labels = [Label(x, y - 0.045 * self.cell.dpi, str(unit), 6.5, INK if neurons else QUIET)]
        if not neurons:
            canvas[y : y + height, x : x + width] = EMPTY
            return [*labels, Label(x + width / 2, y + height / 2, self.why, align="center")]
        ranks = self.tiles.layer.rank[neurons].tolist()
        put(canvas, self.tiles.projections(neurons), self.cell.corners(ranks, origin, right=False))
        put(canvas, self.tiles.patches(neurons), self.cell.corners(ranks, origin, right=True))
        return labels


def by_unit(layer: LayerProjections) -> dict[int, list[int]]:
    """The neurons of each unit."""
    neurons: dict[int, list[int]] = {}
    for neuron, unit in enumerate(layer.unit.tolist()):
        neurons.setdefault(unit, []).append(neuron)
    return neurons


def _facts(pages: UnitPages, units: Sequence[int]) -> str:
    """What is on the pages, in numbers."""
    dead = len(pages.dead.intersection(units))
    return f"{len(units)} units" + (f", {dead} {pages.why}" if dead else "") + f"  ·  {pages.part}"


def _legend(pages: UnitPages, result: Projections, layer: str) -> str:
    """How to read the patches."""
    channel = display.channel_note(result.input, pages.tiles.layer.patches.shape[1])
    percentile = pages.tiles.percentile
    cut = f" (percentile {percentile:g})" if percentile < 100 else ""
    pale = " Pale: outside the image." if pages.tiles.beyond else ""
    said = (
        cut_caption(result[layer]),
        own_patches_caption(pages.tiles.layer),
        caption(result.nonlinearities.get(layer, {})),
    )
    beyond = " ".join(text for text in said if text)
    return (
        f"Left: {result.rule} projections, strongest first; zero is mid-grey, each at its own "
        f"scale{cut}. Right: the same patches of the images.{pale}{channel}{beyond and ' '}{beyond}"
    )
