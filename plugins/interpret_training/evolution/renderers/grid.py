"""The paper's Figure 4: what drives some units of each layer, epoch by epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import ClassVar

import numpy as np
from jaxtyping import UInt8
from pydantic import Field

from interpret.errors import StepError
from interpret.images import Images
from interpret_deconv.beyond import captions
from interpret_deconv.renderers.tiles import Tiles
from interpret_deconv.renderers.unit_grid import ProjectionGrid
from interpret_deconv.renderers.zoom import shown_part, zoomed
from interpret_figures import display
from interpret_figures.grid import WHITE, Grid, Heading, put
from interpret_figures.page import INK, Label, Page, save_pages
from interpret_figures.photographs import Photographs
from interpret_topk.renderers.patches import Patches
from interpret_topk.renderers.unit_pages import EMPTY
from interpret_topk.renderers.units import check_layers, choose_units
from interpret_training.evolution.results import Evolution, LayerEvolution

SIDE, TILE = 96, 0.46
"""Length of a patch's longer side, in pixels and in inches on paper."""

DPI = round(SIDE / TILE)

SAME = 150
"""The tone of the line that joins patches of one image."""


class EvolutionGrid(ProjectionGrid[Evolution]):
    """Projections of some units at every checkpoint, a block for each layer (Zeiler & Fergus 2014, Figure 4).

    Zero is mid-grey, and each projection has its own scale. A line under two neighbours says that they come
    from the same image; where it breaks, the strongest image is another one.
    """

    name: ClassVar[str] = "evolution_grid"

    patches: bool = Field(False, description="Show the part of the image below each projection.")
    across: int = Field(2, ge=1, le=100, description="Layers side by side on a page.")
    rows: int = Field(12, ge=1, le=100, description="Units of a layer on one page.")

    def render(self, result: Evolution, images: Images, folder: Path) -> Sequence[Path]:
        """Write the pages, named ``evolution-1.png`` and so on.

        Raises:
            DatasetError: If a photograph is missing or has changed.
            StepError: If a unit or layer that is asked for is not in the result, or nothing was projected.
        """
        check_layers(self.units, list(result.layers))
        photographs = Photographs(images, result.ids, result.input)
        parts = [part for name in result.layers if (part := self._layer_rows(result, name, photographs)).rows]
        if not parts:
            raise StepError(
                "There is nothing to draw: no unit was projected. Give the step units to project."
            )
        folder.mkdir(parents=True, exist_ok=True)
        pages = enumerate(self._pages(result, parts), start=1)
        return save_pages(((f"evolution-{number}", page) for number, page in pages), folder, self.formats)

    def _pages(self, result: Evolution, parts: Sequence[LayerRows]) -> Iterator[Page]:
        """The pages, each drawn when it is asked for."""
        count = ceil(max(len(part.rows) for part in parts) / self.rows)
        for number in range(count):
            shown_rows = slice(number * self.rows, (number + 1) * self.rows)
            shown = [replace(part, rows=part.rows[shown_rows]) for part in parts if part.rows[shown_rows]]
            heading = Heading(
                "Evolution of features", self._legend(result), f"{number + 1} / {count}" if count > 1 else ""
            )
            yield stacked(heading, [part.page() for part in shown], self.across)

    def _layer_rows(self, result: Evolution, name: str, photographs: Photographs) -> LayerRows:
        layer, image = result[name], result.input.size
        known = layer.unit.tolist()
        found = layer.projections()
        shown = zoomed(found, image) if self.zoom else found
        height, width = shown.patches.shape[-2:]
        factor = ceil(SIDE / max(height, width))
        channels = display.shown_channels(result.input, shown.patches.shape[1])
        size = (height * factor, width * factor)
        tiles = Tiles(shown, Patches(shown, photographs, channels, size, self.smooth), self.percentile)
        chosen = [known.index(unit) for unit in choose_units(self.units, name, known, self.seed)]
        part = shown_part(found, shown, image)
        return LayerRows(name, layer, tiles, result.epochs, chosen, self.patches, part)

    def _legend(self, result: Evolution) -> tuple[str, ...]:
        """What is on the pages and how to read them."""
        cut = f" (percentile {self.percentile:g})" if self.percentile < 100 else ""
        below = ", below it the same patch of the image" if self.patches else ""
        beyond = captions(result.nonlinearities)
        return (
            f"A row for each unit, a column for each epoch: the strongest neuron in {result.count} images, "
            f"projected ({result.rule}) with that epoch's weights{below}.",
            f"Zero is mid-grey, each at its own scale{cut}. A line joins patches of one image; where it "
            "breaks, another image became the strongest. Pale: outside the image.",
            *([beyond] if beyond else []),
            *self._missing(result),
        )

    def _missing(self, result: Evolution) -> list[str]:
        """The layers that have no block: of units drawn at random, because all are dead at the end."""
        names = [name for name, layer in result.layers.items() if not len(layer.unit)]
        return [f"Without projections: {', '.join(names)}."] if names else []


@dataclass(frozen=True)
class LayerRows:
    """The rows of one layer.

    Attributes:
        name: The layer.
        layer: What was found in it.
        tiles: Its pixels, in the order of ``layer.cells``.
        epochs: The epoch of each column.
        rows: Which rows of the result are shown.
        patches: Whether the image patches are shown too.
        part: What part of the image is shown, in words.
    """

    name: str
    layer: LayerEvolution
    tiles: Tiles
    epochs: tuple[int, ...]
    rows: list[int]
    patches: bool
    part: str

    @property
    def tile(self) -> tuple[int, int]:
        """Height and width of a patch on the page in pixels."""
        height, width = self.tiles.images.size
        longer = max(height, width)
        return max(round(height * SIDE / longer), 1), max(round(width * SIDE / longer), 1)

    @property
    def cell(self) -> tuple[int, int]:
        """Height and width of a projection, with the image patch where it is shown."""
        height, width = self.tile
        return (2 * height + 2, width) if self.patches else (height, width)

    def page(self) -> Page:
        """The block of the layer."""
        gap = (round(0.15 * DPI), round(0.04 * DPI))
        shape = (len(self.rows), len(self.epochs))
        grid = Grid(Heading(self.name, self._facts()), self.cell, gap, shape, DPI)
        canvas, labels = grid.paper(), [*grid.labels(), *self._heads(grid)]
        for index in range(len(self.rows)):
            labels += self._row(canvas, grid, index)
        return Page(canvas, tuple(labels), DPI)

    def _heads(self, grid: Grid) -> list[Label]:
        """The epochs above the columns."""
        y, x = grid.corner(0)
        height = y - 0.035 * DPI
        corners = [grid.corner(column)[1] + self.tile[1] / 2 for column in range(len(self.epochs))]
        heads = [
            Label(middle, height, str(epoch), align="center")
            for middle, epoch in zip(corners, self.epochs, strict=True)
        ]
        return [Label(x - 0.06 * DPI, height, "epoch", align="right"), *heads]

    def _row(self, canvas: UInt8[np.ndarray, "h w 3"], grid: Grid, index: int) -> list[Label]:
        """Draw one unit; return its labels."""
        row, (height, width) = self.rows[index], self.tile
        corners = [grid.corner(index * len(self.epochs) + column) for column in range(len(self.epochs))]
        neurons = self._neurons(row)
        alive = [corners[column] for column in neurons]
        put(canvas, self._pixels(self.tiles.projections, neurons), alive)
        if self.patches:
            below = [(y + height + 2, x) for y, x in alive]
            put(canvas, self._pixels(self.tiles.images.patches, neurons), below)
        y, x = corners[0]
        name = str(int(self.layer.unit[row]))
        labels = [Label(x - 0.06 * DPI, y + height / 2 + 0.03 * DPI, name, 6.5, INK, "right")]
        for column, (top, left) in enumerate(corners):
            if column not in neurons:
                canvas[top : top + self.cell[0], left : left + width] = EMPTY
                middle = (left + width / 2, top + self.cell[0] / 2 + 0.03 * DPI)
                why = "\N{LESS-THAN OR EQUAL TO} 0" if self.layer.signed else "dead"
                labels.append(Label(*middle, why, align="center"))
        self._join(canvas, row, corners)
        return labels

    def _neurons(self, row: int) -> dict[int, int]:
        """The place of each of a row's projections, by column; columns in which it is dead are missing."""
        cells = self.layer.cells.tolist()
        return {column: index for index, (own, column) in enumerate(cells) if own == row}

    def _pixels(
        self, draw: Callable[[Sequence[int]], UInt8[np.ndarray, "n th tw 3"]], neurons: dict[int, int]
    ) -> UInt8[np.ndarray, "n h w 3"]:
        """Tiles in the size of the page: they are first enlarged pixel by pixel, then shrunk to it."""
        if not neurons:
            return np.zeros((0, *self.tile, 3), np.uint8)
        return display.resize(draw(list(neurons.values())), self.tile)

    def _join(self, canvas: UInt8[np.ndarray, "h w 3"], row: int, corners: Sequence[tuple[int, int]]) -> None:
        """Draw lines under neighbours from the same image."""
        unit = self.layer.unit[row]
        jump, dead = self.layer.jump[unit].tolist(), self.layer.dead[unit].tolist()
        thick, width = max(DPI // 70, 2), self.tile[1]
        for column in range(1, len(corners)):
            if jump[column] or dead[column] or dead[column - 1]:
                continue
            top = corners[column][0] + self.cell[0] + round(0.03 * DPI)
            left, right = corners[column - 1][1] + width // 2, corners[column][1] + width // 2
            canvas[top : top + thick, left:right] = SAME

    def _facts(self) -> tuple[str, str]:
        """What the block shows, in two lines, so that blocks side by side begin at one height."""
        channels, total = self.tiles.images.channels, self.tiles.layer.patches.shape[1]
        named = f"channel{'s' * (len(channels) > 1)} {', '.join(map(str, channels))} of {total}"
        channel = "" if channels == list(range(total)) else f"  ·  {named}"
        return f"{len(self.rows)} of {len(self.layer.dead)} units{channel}", self.part


def stacked(heading: Heading, blocks: Sequence[Page], across: int) -> Page:
    """Pages as blocks of one page, in reading order below a heading."""
    lines = [beside(blocks[start : start + across]) for start in range(0, len(blocks), across)]
    width = max(line.canvas.shape[1] for line in lines)
    margin, spare = round(0.4 * DPI), round(0.25 * DPI)  # blocks have margins of their own
    top = Grid(heading, (0, width - 2 * margin), (0, 0), (1, 1), DPI)
    head = top.paper()[:-margin]
    canvases, labels, height = [head], list(top.labels()), head.shape[0]
    width = max(width, head.shape[1])
    for line in lines:
        labels += moved(line.labels, 0, height - spare)
        canvases.append(line.canvas[spare:])
        height += canvases[-1].shape[0]
    return Page(np.concatenate([widened(canvas, width) for canvas in canvases]), tuple(labels), DPI)


def beside(blocks: Sequence[Page]) -> Page:
    """Pages side by side, each at the top."""
    height, left, labels = max(block.canvas.shape[0] for block in blocks), 0, list[Label]()
    for block in blocks:
        labels += moved(block.labels, left, 0)
        left += block.canvas.shape[1]
    padded = [
        np.pad(block.canvas, ((0, height - len(block.canvas)), (0, 0), (0, 0)), constant_values=WHITE)
        for block in blocks
    ]
    return Page(np.concatenate(padded, 1), tuple(labels), DPI)


def moved(labels: Sequence[Label], right: float, down: float) -> list[Label]:
    """Labels at another place."""
    return [replace(label, x=label.x + right, y=label.y + down) for label in labels]


def widened(canvas: UInt8[np.ndarray, "h w 3"], width: int) -> UInt8[np.ndarray, "h W 3"]:
    """A canvas with paper at its right."""
    return np.pad(canvas, ((0, 0), (0, width - canvas.shape[1]), (0, 0)), constant_values=WHITE)
