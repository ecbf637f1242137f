"""The paper's Figure 8: images in rows, masked on their parts and at random positions; and the distances."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from jaxtyping import UInt8
from pydantic import Field

from interpret.images import Images, filled
from interpret.plugin import Renderer
from interpret_correspondence.masks import cover
from interpret_correspondence.renderers.chart import draw
from interpret_correspondence.renderers.text import PaperLayer, check_paper, masks
from interpret_correspondence.results import Correspondence
from interpret_figures import display
from interpret_figures.charts import save_chart
from interpret_figures.grid import LINE, WHITE, Grid, Heading
from interpret_figures.page import INK, Format, Label, Page, save_page
from interpret_figures.pairs import picture_size
from interpret_figures.photographs import Photographs
from interpret_figures.text import fitted, paragraph

TILE = 1.05
"""Length of a picture's longer side on paper, in inches."""

ACROSS, DOWN = 0.05, 0.17
"""Inches between pictures; the id of an image stands above its row."""

TITLE, SMALL, CLOSE = 7.0, 5.5, 0.1
"""Points of the columns' titles, and of ids and notes; inches from line to line of a note."""

EMPTY = 244
"""The tone of a place where nothing can be masked."""


class CorrespondenceFigure(Renderer[Correspondence]):
    """Images in rows with each part and some random positions masked, and all distances (Figure 8)."""

    name: ClassVar[str] = "correspondence_figure"

    images: int = Field(
        5, ge=1, le=1000, description="Images that are shown; those with all parts come first."
    )
    draws: int = Field(3, ge=0, le=1000, description="Random masks of each image that are shown.")
    paper: dict[str, PaperLayer] = Field(
        {},
        description="The paper's layer, 5 or 7, whose numbers stand beside a layer of ours: {layer5: 5}.",
    )
    formats: tuple[Format, ...] = Field(("png",), min_length=1, description="Kinds of files: png, svg, pdf.")

    def render(self, result: Correspondence, images: Images, folder: Path) -> Sequence[Path]:
        """Write ``masked.png`` and ``distances.png``.

        Raises:
            DatasetError: If a photograph is missing or has changed.
            UnknownNameError: If ``paper`` names a layer that the result does not have.
        """
        check_paper(result, self.paper)
        folder.mkdir(parents=True, exist_ok=True)
        sheet = MaskedImages(result, Photographs(images, result.ids, result.input), self.images, self.draws)
        files = save_page(sheet.page(), folder / "masked", self.formats)
        return [*files, *save_chart(lambda: draw(result, self.paper), folder / "distances", self.formats)]


@dataclass(frozen=True)
class MaskedImages:
    """Lays out the masked images: one image in a row, one mask in a column.

    Attributes:
        result: What was masked.
        photographs: Where the pictures come from.
        images: So many are shown at most.
        draws: So many random masks are shown at most.
    """

    result: Correspondence
    photographs: Photographs
    images: int
    draws: int

    @property
    def rows(self) -> list[int]:
        """The images that are shown, by their place in the result: those that have all masks come first."""
        whole = self.result.covered.all(0).tolist()
        return sorted(range(len(whole)), key=lambda place: not whole[place])[: self.images]

    @property
    def columns(self) -> list[tuple[str, int | None]]:
        """What stands above each column, and its mask."""
        parts = [(part, mask) for mask, part in enumerate(self.result.parts)]
        count = min(self.draws, self.result.draws)
        random = [(f"random {draw + 1}", len(parts) + draw) for draw in range(count)]
        return [("original", None), *parts, *random]

    def page(self) -> Page:
        """All images under all masks."""
        tile = picture_size(*self.result.input.size)
        dpi, shape = round(max(tile) / TILE), (len(self.rows), len(self.columns))
        shown = f"{len(self.rows)} of {len(self.result.image)} images"
        said = masks(self.result) + display.channel_note(self.result.input, self.result.input.shape[0])
        heading = Heading("The same part masked in several images", (f"{shown}. {said}",))
        grid = Grid(heading, tile, (round(DOWN * dpi), round(ACROSS * dpi)), shape, dpi)
        head = round(LINE * dpi)  # room for the titles of the columns
        canvas = np.pad(grid.paper(), ((0, head), (0, 0), (0, 0)), constant_values=WHITE)
        labels = [*grid.labels(), *self._titles(grid)]
        for row, image in enumerate(self.rows):
            corners = [grid.corner(row * shape[1] + column) for column in range(shape[1])]
            places = [(y + head, x) for y, x in corners]
            labels.append(self._name(image, places, grid))
            labels += self._row(canvas, image, places, grid)
        return Page(canvas, tuple(labels), dpi)

    def _titles(self, grid: Grid) -> Iterator[Label]:
        """What each column shows, above the first row."""
        for column, (title, _) in enumerate(self.columns):
            y, x = grid.corner(column)
            text = fitted(title, grid.cell[1] / grid.dpi, TITLE, bold=True)
            yield Label(x, y - 0.02 * grid.dpi, text, TITLE, INK, bold=True)

    def _name(self, image: int, places: Sequence[tuple[int, int]], grid: Grid) -> Label:
        """The id of an image, above its row."""
        (y, x), room = places[0], (places[-1][1] + grid.cell[1] - places[0][1]) / grid.dpi
        return Label(x, y - 0.04 * grid.dpi, fitted(self.name(image), room, SMALL), SMALL)

    def _row(
        self, canvas: UInt8[np.ndarray, "h w 3"], image: int, places: Sequence[tuple[int, int]], grid: Grid
    ) -> Iterator[Label]:
        """Draw one image under all masks; why there is none, where there is none."""
        height, width = grid.cell
        for picture, (y, x), (_, mask) in zip(self.pictures(image), places, self.columns, strict=True):
            cell = canvas[y : y + height, x : x + width]
            if picture is not None:
                cell[:] = display.resize(picture[None], grid.cell, smooth=True)[0]
                continue
            cell[:] = EMPTY
            lines = paragraph(self.reason(mask, image), width / grid.dpi - 0.1, SMALL, 6)
            top = y + height / 2 - (len(lines) / 2 - 0.75) * CLOSE * grid.dpi
            for number, line in enumerate(lines):
                yield Label(x + width / 2, top + number * CLOSE * grid.dpi, line, SMALL, align="center")

    def pictures(self, image: int) -> Iterator[UInt8[np.ndarray, "h w 3"] | None]:
        """One image as the network saw it, in each column; none where it lacks the part."""
        spec, result, index = self.result.input, self.result, int(self.result.image[image])
        channels = spec.displayed
        picture = self.photographs.read(index, channels)
        x = self.photographs.preprocessed(index)
        fill = filled(spec, x, result.fill, result.window, result.seed)
        for _, mask in self.columns:
            if mask is None:
                yield picture.numpy()
            elif bool(result.covered[mask, image]):
                covered = spec.denormalize(cover(x, result.boxes[mask][image], fill))
                yield display.unit_pixels(covered[None, channels])[0].numpy()
            else:
                yield None

    def name(self, image: int) -> str:
        """The id of an image."""
        return self.result.ids[str(int(self.result.image[image]))]

    def reason(self, mask: int | None, image: int) -> str:
        """Why an image does without a part."""
        found = {(part, name): reason for part, name, reason in self.result.missing}
        return "" if mask is None else found[self.result.parts[mask], self.name(image)]
