"""Attributions side by side: a column for each probe, a row for each image, the numbers under the columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from textwrap import wrap
from typing import ClassVar, Literal, TypeAlias

import numpy as np
from jaxtyping import UInt8
from pydantic import Field

from interpret.attributions import Attributions
from interpret.errors import StepError
from interpret.images import Images
from interpret.plugin import Renderer
from interpret_captum.comparison import Comparison
from interpret_captum.renderers.table import REFERENCE, against, cells, key, title
from interpret_figures import display
from interpret_figures.colours import heat_map, overlaid
from interpret_figures.escaping import MISSING, Cell
from interpret_figures.grid import LETTERS, LINE, WHITE, Grid, Heading, put, tile_size
from interpret_figures.page import INK, QUIET, Format, Label, Page, save_page
from interpret_figures.photographs import Photographs

TILE = 1.2
"""Length of a picture's longer side on paper, in inches."""

PICTURES = (160, 256)
"""Pixels of the longer side of a picture: smaller ones are enlarged, larger ones shrunk."""

View: TypeAlias = Literal["heat", "overlay", "signed"]

VIEWS: Mapping[View, str] = {
    "heat": "Magnitudes, summed over channels and smoothed a little",
    "overlay": "Magnitudes, summed over channels and smoothed a little, over the image",
    "signed": "Zero is mid-grey",
}
"""How to read each view."""

RULE = 205
"""The tone of the line between pictures and numbers."""

APART = 0.35
"""Lines between the numbers that answer different questions."""


class ComparisonFigure(Renderer[Comparison]):
    """Attributions in columns, one for each probe, with the metrics under them; each map at its own scale."""

    name: ClassVar[str] = "comparison"

    percentile: float = Field(
        99.5,
        gt=0,
        le=100,
        description="Percentile of a map's magnitudes that gets full colour; 100: maximum.",
    )
    view: View = Field(
        "heat",
        description="How maps are shown: heat (magnitudes), overlay (the same over the image), or signed.",
    )
    smooth: bool = Field(False, description="Enlarge small maps smoothly, not pixel by pixel.")
    rows: int = Field(6, ge=1, le=100, description="Images one below the other on a page.")
    formats: tuple[Format, ...] = Field(("png",), min_length=1, description="Kinds of files: png, svg, pdf.")

    def render(self, result: Comparison, images: Images, folder: Path) -> Sequence[Path]:
        """Write the pages, named ``comparison-1.png`` and so on.

        Raises:
            StepError: If no probe of the comparison gives attributions.
            DatasetError: If a photograph is missing or has changed.
        """
        if not result.attributions:
            raise StepError(
                f"There is nothing to draw: {', '.join(result.probes)} give no attributions. "
                "Use the renderer comparison_table."
            )
        folder.mkdir(parents=True, exist_ok=True)
        first = next(iter(result.attributions.values()))
        photographs = Photographs(images, first.ids, first.input)
        pages = ComparisonPages(result, photographs, self.percentile, self.smooth, self.view)
        files: list[Path] = []
        for start in range(0, len(first.maps), self.rows):
            rows = range(start, min(start + self.rows, len(first.maps)))
            number = f"{start // self.rows + 1} / {ceil(len(first.maps) / self.rows)}"
            page = pages.page(rows, number if len(first.maps) > self.rows else "")
            files += save_page(page, folder / f"comparison-{start // self.rows + 1}", self.formats)
        return files


@dataclass(frozen=True)
class Line:
    """One metric under the pictures: its title, a cell for each column, and the question it answers."""

    title: str
    cells: tuple[Cell, ...]
    family: str


@dataclass(frozen=True)
class ComparisonPages:
    """Draws a comparison.

    Attributes:
        result: What was found.
        photographs: Where the images come from.
        percentile: Percentile of a map's magnitudes that gets full colour.
        smooth: Whether maps are enlarged smoothly.
        view: How maps are shown.
    """

    result: Comparison
    photographs: Photographs
    percentile: float
    smooth: bool
    view: View = "heat"

    @property
    def maps(self) -> list[Attributions]:
        """The attributions, in the order of their columns."""
        return list(self.result.attributions.values())

    @property
    def places(self) -> list[int]:
        """The place of each column's probe in the comparison."""
        return [self.result.probes.index(name) for name in self.result.attributions]

    @property
    def tile(self) -> tuple[int, int]:
        """Height and width of a picture in pixels."""
        return tile_size(*self.photographs.spec.size, PICTURES)

    @property
    def dpi(self) -> int:
        """Pixels in an inch."""
        return round(max(self.tile) / TILE)

    def page(self, rows: range, number: str) -> Page:
        """One page of images, with the numbers of all images under it."""
        grid = self._grid(len(rows), number)
        names = [_name_lines(name, self.tile[1] / self.dpi) for name in self.result.attributions]
        numbers = self._numbers()
        families = len({line.family for line in numbers})
        head, foot = self._lines(max(map(len, names))), self._lines(len(numbers) + APART * families + 0.5)
        canvas = np.pad(grid.paper(), ((0, head + foot), (0, 0), (0, 0)), constant_values=WHITE)
        columns = grid.shape[1]
        corners = [(y + head, x) for y, x in map(grid.corner, range(len(rows) * columns))]
        put(canvas, self._pictures(rows), corners)
        labels = [*grid.labels(), *self._names(names, corners[1:columns])]
        labels += [self._question(row, corners[index * columns]) for index, row in enumerate(rows)]
        left, right, bottom = corners[0][1], corners[-1][1], corners[-1][0] + self.tile[0] + self._lines(0.6)
        canvas[bottom : bottom + max(self.dpi // 120, 1), left : right + self.tile[1]] = RULE
        labels += self._table(numbers, [x for _, x in corners[:columns]], bottom)
        return Page(canvas, tuple(labels), self.dpi)

    def _grid(self, rows: int, number: str) -> Grid:
        gap = (round(0.22 * self.dpi), round(0.14 * self.dpi))
        heading = Heading("Attributions compared", self._details(), number)
        return Grid(heading, self.tile, gap, (rows, 1 + len(self.maps)), self.dpi)

    def _lines(self, count: int | float) -> int:
        """The height of so many lines of text in pixels."""
        return round(LINE * self.dpi * count)

    def _pictures(self, rows: range) -> UInt8[np.ndarray, "n h w 3"]:
        """The photograph and the maps of each image, in reading order."""
        tiles = []
        for row in rows:
            index = int(self.maps[0].image[row])
            channels = self._channels(self.maps[0])
            photograph = self.photographs.read(index, channels)[None].numpy()
            tiles.append(display.resize(photograph, self.tile, smooth=True))
            tiles += [self._map(found, row, tiles[-1][0]) for found in self.maps]
        return np.concatenate(tiles)

    def _channels(self, found: Attributions) -> list[int]:
        return display.shown_channels(found.input, found.maps.shape[1])

    def _map(
        self, found: Attributions, row: int, photograph: UInt8[np.ndarray, "h w 3"]
    ) -> UInt8[np.ndarray, "1 h w 3"]:
        if self.view != "signed":
            pixels, _ = heat_map(found.maps[row], self.percentile)
            shown = display.resize(pixels[None], self.tile, smooth=True)
            return shown if self.view == "heat" else overlaid(shown[0], photograph)[None]
        values = found.maps[row : row + 1, self._channels(found)].float()
        signed = display.signed_pixels(values, display.magnitude(values, self.percentile))
        return display.resize(signed.numpy(), self.tile, smooth=self.smooth)

    def _names(
        self, names: Sequence[Sequence[tuple[str, str]]], corners: Sequence[tuple[int, int]]
    ) -> list[Label]:
        """What each column shows, above its first picture."""
        labels = []
        for lines, (y, x) in zip(names, corners, strict=True):
            top = y - 0.06 * self.dpi - self._lines(len(lines) - 1)
            for index, (text, colour) in enumerate(lines):
                where = (x + self.tile[1] / 2, top + self._lines(index))
                labels.append(Label(*where, text, 6.5, colour, "center", bold=colour == INK))
        return labels

    def _question(self, row: int, corner: tuple[int, int]) -> Label:
        """What is asked about an image, above it."""
        found, (y, x) = self.maps[0], corner
        text = f"{found.layer}, unit {int(found.target[row])}" if found.layer else found.asked(row)
        text = wrap(text, int(self.tile[1] / self.dpi * LETTERS), max_lines=1, placeholder="…")[0]
        return Label(x, y - 0.06 * self.dpi, text, 6.5, INK)

    def _numbers(self) -> list[Line]:
        """The lines under the pictures."""
        indices = self.places
        lines = []
        if len({self.result.reference[index] for index in indices}) > 1:
            others = against(self.result)
            own = tuple(Cell(others[index].partition(" (")[0].rpartition(".")[2]) for index in indices)
            lines.append(Line("measured against", own, "agreement"))
        for column, metric in enumerate(self.result.metrics):
            found = cells(self.result, column, indices)
            own = tuple(found[index] for index in indices)
            if any(cell.text != MISSING for cell in own):
                lines.append(Line(title(metric), own, metric.family))
        return lines

    def _table(self, lines: Sequence[Line], lefts: Sequence[int], top: int) -> list[Label]:
        """The numbers under their columns, with a little room between families."""
        labels, y, family = list[Label](), top + 0.2 * LINE * self.dpi, ""
        for line in lines:
            y += self._lines(1 if family in {"", line.family} else 1 + APART)
            family = line.family
            labels.append(Label(lefts[0], y, line.title, 6.5))
            for x, cell in zip(lefts[1:], line.cells, strict=True):
                colour = QUIET if cell.text in {REFERENCE, MISSING} else INK
                labels.append(
                    Label(x + self.tile[1] / 2, y, cell.text, 6.5, colour, "center", bold=cell.best)
                )
        return labels

    def _details(self) -> tuple[str, ...]:
        """What is on the page and how to read it."""
        count, columns = len(self.maps[0].maps), len(self.maps)
        images = f"{count} image{'s' if count > 1 else ''}"
        cut = f" (percentile {self.percentile:g})" if self.percentile < 100 else ""
        covered = self.result.covered
        share = "" if covered is None else f" The object takes {float(covered.nanmean()):.0%} of an image."
        return (
            f"{images}  ·  {columns} probe{'s' if columns > 1 else ''}",
            f"What counts for what stands above each image. {VIEWS[self.view]}, each map at its own "
            f"scale{cut}. Below: over all images; {key(self.result)}{share}",
            *self._notes(),
        )

    def _notes(self) -> list[str]:
        """What must be known of all, and of each method on this network, if anything."""
        return [*self.result.notes] + [
            f"{name}: {found.note}" for name, found in self.result.attributions.items() if found.note
        ]


def _name_lines(name: str, inches: float) -> list[tuple[str, str]]:
    """A probe's name in lines that fit its column: its family, the name itself, its parameters."""
    letters = max(int(inches * LETTERS), 1)
    own, _, parameters = name.partition(" (")
    family, _, word = own.rpartition(".")
    quiet = [(line, QUIET) for line in wrap(parameters.rstrip(")"), letters)]
    return [*([(f"{family}.", QUIET)] if family else []), (word, INK), *quiet]
