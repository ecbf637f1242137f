"""The paper's Figure 7: an image, what a unit and the classifier answer when a part of it is covered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import ClassVar

import numpy as np
from jaxtyping import UInt8
from pydantic import Field

from interpret.images import Images
from interpret.plugin import Renderer
from interpret_figures.colours import LABELS, draw_bar
from interpret_figures.grid import LINE, WHITE, Grid, Heading
from interpret_figures.page import INK, Format, Label, Page, save_pages
from interpret_figures.pairs import TILE, picture_size
from interpret_figures.photographs import Photographs
from interpret_figures.text import fitted, paragraph, text_inches
from interpret_occlusion.renderers.text import asked, facts, outcome, percent
from interpret_occlusion.renderers.tiles import CAPTION, Panel, Panels
from interpret_occlusion.results import OcclusionMaps

GAP, SWATCH, NAMES, NARROWEST = 0.14, 0.09, 1.9, 1.2
"""Inches between panels, of a legend's square, of a legend's width at most, and of a panel's at least."""

ABOVE, BELOW, ENTRY = 0.36, 0.3, 0.155
"""Inches of a row's words, of what stands under its pictures, and from line to line of a legend."""

BESIDE, WORD = SWATCH + 0.06, 0.05
"""Inches of a legend's square with the room beside it, and between a name and its share."""

LETTERS = "abcde"

TITLE, BODY = 9.0, 6.5
"""Points of a row's title and of all that is read with it."""


class OcclusionPanels(Renderer[OcclusionMaps]):
    """An occluder over each image, a unit's response, its projection, the probability, the label (Figure 7).

    The cells of the maps lie where the centre of the occluder was.
    """

    name: ClassVar[str] = "occlusion_panels"

    percentile: float = Field(
        99.5,
        gt=0,
        le=100,
        description="Percentile of a projection's magnitudes that gets full colour; 100: its maximum.",
    )
    labels: int = Field(
        len(LABELS),
        ge=1,
        le=len(LABELS),
        description="Labels that the legend names: the target, then the most frequent; the rest is grey.",
    )
    rows: int = Field(4, ge=1, le=100, description="Images one below the other on a page.")
    formats: tuple[Format, ...] = Field(("png",), min_length=1, description="Kinds of files: png, svg, pdf.")

    def render(self, result: OcclusionMaps, images: Images, folder: Path) -> Sequence[Path]:
        """Write the pages, named ``occlusion-1.png`` and so on.

        Raises:
            DatasetError: If a photograph is missing or has changed.
        """
        folder.mkdir(parents=True, exist_ok=True)
        tile = picture_size(*result.maps[0].size)
        photographs = Photographs(images, result.ids, result.input)
        pages = OcclusionPages(result, Panels(result, photographs, tile, self.percentile, self.labels))
        drawn = enumerate(pages.drawn(self.rows), start=1)
        return save_pages(((f"occlusion-{count}", page) for count, page in drawn), folder, self.formats)


@dataclass(frozen=True)
class OcclusionPages:
    """Lays out the panels of some images: one image in a row, with what is said of it above.

    Attributes:
        result: What was found.
        panels: Draws one image's panels.
    """

    result: OcclusionMaps
    panels: Panels

    @property
    def dpi(self) -> int:
        """Pixels in an inch."""
        return round(max(self.panels.tile) / TILE)

    def drawn(self, rows: int) -> Iterator[Page]:
        """All pages, each drawn when it is asked for."""
        count = len(self.result.maps)
        for start in range(0, count, rows):
            page = f"{start // rows + 1} / {ceil(count / rows)}" if count > rows else ""
            yield self.page(range(start, min(start + rows, count)), page)

    def page(self, rows: range, count: str = "") -> Page:
        """One page with the images of some places."""
        drawn = [self.panels.of(place) for place in rows]
        titles = [paragraph(panel.details, self.inches, BODY, 6) for panel in drawn[0]]
        head = self.pixels(LINE * (1.6 + max(map(len, titles))))
        cell = (self._height(drawn), self._left(len(drawn[0])) + self.pixels(self.names))
        heading = Heading("Occlusion sensitivity", facts(self.result), count)
        grid = Grid(heading, cell, (self.pixels(0.28), 0), (len(rows), 1), self.dpi)
        canvas = np.pad(grid.paper(), ((0, head), (0, 0), (0, 0)), constant_values=WHITE)
        y, x = grid.corner(0)
        labels = [*grid.labels(), *self._titles(drawn[0], titles, (y, x))]
        for index, panels in enumerate(drawn):
            top = grid.corner(index)[0] + head
            labels += self._sentence(rows[index], (top, x), cell[1] / self.dpi)
            for place, panel in enumerate(panels):
                labels += self._panel(canvas, panel, (top + self.pixels(ABOVE), x + self._left(place)))
        return Page(canvas, tuple(labels), self.dpi)

    def pixels(self, inches: float) -> int:
        """A length on paper in pixels."""
        return round(inches * self.dpi)

    @property
    def column(self) -> int:
        """Pixels of a panel's width: of its picture, or of its words where that is narrow."""
        return max(self.panels.tile[1], self.pixels(NARROWEST))

    @property
    def inches(self) -> float:
        """The width of a panel on paper."""
        return self.column / self.dpi

    @cached_property
    def names(self) -> float:
        """Inches from the last panel to the right end of the longest legend, the same on all pages."""
        entries = [entry for place in range(len(self.result.maps)) for entry in self.panels.legend(place)]
        longest = max((_length(entry.name, percent(entry.share)) for entry in entries), default=0.0)
        return min(longest + BESIDE, NAMES)

    def _left(self, place: int) -> int:
        """Where a panel begins, from the left margin."""
        return place * (self.column + self.pixels(GAP))

    def _height(self, drawn: Sequence[Sequence[Panel]]) -> int:
        """The height of a row: its words, its pictures, and bars or the longest legend."""
        longest = max(len(panel.entries) for panels in drawn for panel in panels)
        below = max(self.panels.tile[0] + self.pixels(BELOW), self.pixels(ENTRY * longest))
        return self.pixels(ABOVE) + below

    def _titles(
        self, panels: Sequence[Panel], titles: Sequence[Sequence[str]], corner: tuple[int, int]
    ) -> Iterator[Label]:
        """What each column shows, above the first row."""
        (y, x), line = corner, LINE * self.dpi
        kinds = list(dict.fromkeys(panel.letter for panel in panels))  # no gap where no unit is followed
        for place, (panel, lines) in enumerate(zip(panels, titles, strict=True)):
            left = x + self._left(place)
            yield Label(left, y, LETTERS[kinds.index(panel.letter)], BODY, bold=True)
            yield Label(left + self.pixels(0.13), y, panel.title, BODY, INK, bold=True)
            yield from (Label(left, y + (i + 1) * line, text, BODY) for i, text in enumerate(lines))

    def _sentence(self, place: int, corner: tuple[int, int], room: float) -> Iterator[Label]:
        """What is asked of an image and what the occluder did to it, above its pictures."""
        maps, y = self.result.maps[place], corner[0] + self.pixels(0.1)
        name = fitted(asked(maps, self.result.categories), room / 2, TITLE, bold=True)
        taken = text_inches(name, TITLE, bold=True) + 0.12
        yield Label(corner[1], y, name, TITLE, INK, bold=True)
        yield Label(corner[1] + self.pixels(taken), y, fitted(outcome(maps), room - taken, BODY), BODY)

    def _panel(
        self, canvas: UInt8[np.ndarray, "h w 3"], panel: Panel, corner: tuple[int, int]
    ) -> Iterator[Label]:
        """Draw one panel; its labels."""
        (y, x), (height, width) = corner, self.panels.tile
        canvas[y : y + height, x : x + width] = panel.pixels
        yield Label(x, y - self.pixels(0.055), fitted(panel.caption, self.inches, CAPTION), CAPTION)
        if panel.scale is not None:
            below = (y + height + self.pixels(0.06), x)
            yield from draw_bar(canvas, panel.scale, below, self.column, dpi=self.dpi, mark=panel.mark)
        yield from self._legend(canvas, panel, (y, x + self.column + self.pixels(GAP)))
        yield from self._note(panel.note, corner)

    def _note(self, note: str, corner: tuple[int, int]) -> Iterator[Label]:
        """Why there is no picture, in the middle of its place."""
        height, line = self.panels.tile[0], LINE * self.dpi
        lines = paragraph(note, self.inches - 0.16, CAPTION, max(int(height / line) - 1, 1))
        top = corner[0] + height / 2 - (len(lines) / 2 - 0.75) * line
        for i, text in enumerate(lines):
            yield Label(corner[1] + self.column / 2, top + i * line, text, CAPTION, align="center")

    def _legend(
        self, canvas: UInt8[np.ndarray, "h w 3"], panel: Panel, corner: tuple[int, int]
    ) -> Iterator[Label]:
        """Draw what the colours of labels mean."""
        side, (top, x) = self.pixels(SWATCH), corner
        for line, entry in enumerate(panel.entries):
            y = top + self.pixels(line * ENTRY)
            canvas[y : y + side, x : x + side] = entry.colour
            share = percent(entry.share)
            left = x + self.pixels(BESIDE)
            name = fitted(entry.name, self.names - BESIDE - text_inches(share, BODY) - WORD, BODY)
            yield Label(left, y + side, name, BODY, INK)
            yield Label(left + self.pixels(text_inches(name, BODY) + WORD), y + side, share, BODY)


def _length(name: str, share: str) -> float:
    """Inches of a legend's line without its square."""
    return text_inches(name, BODY) + WORD + text_inches(share, BODY) + 0.01
