"""The figure of the first layer's filters."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import ClassVar, Literal

from jaxtyping import UInt8
from pydantic import Field
from torch import Tensor

from interpret.images import Images
from interpret.plugin import Renderer
from interpret_figures import display
from interpret_figures.grid import Grid, Heading, put, tile_size
from interpret_figures.page import TIMES, Format, Label, Page, file_name, save_page
from interpret_filters.results import Filters

TILE = 0.36
"""Length of a filter's longer side on paper, in inches."""


class FilterGrid(Renderer[Filters]):
    """First-layer filters as small pictures, zero at mid-grey.

    One scale for all shows which filters dominate and which are dead; a scale for each shows their shapes.
    """

    name: ClassVar[str] = "filters"

    scale: Literal["global", "filter"] = Field(
        "global", description="One symmetric scale for all filters, or one for each filter."
    )
    percentile: float = Field(
        100.0, gt=0, le=100, description="Percentile of the magnitudes that gets full colour."
    )
    smooth: bool = Field(False, description="Enlarge the filters smoothly, not pixel by pixel.")
    columns: int = Field(16, ge=1, le=100, description="Filters side by side on a page.")
    rows: int = Field(16, ge=1, le=100, description="Filters one below the other on a page.")
    formats: tuple[Format, ...] = Field(("png",), min_length=1, description="Kinds of files: png, svg, pdf.")

    def render(self, result: Filters, images: Images, folder: Path) -> Sequence[Path]:  # noqa: ARG002
        """Write the pages, named ``<layer>-filters-1.png`` and so on; no image is read."""
        folder.mkdir(parents=True, exist_ok=True)
        pixels = filter_pixels(result, self.scale, self.percentile)
        step, files = self.columns * self.rows, list[Path]()
        for start in range(0, len(pixels), step):
            page = self._page(self._heading(result, start // step), pixels[start : start + step], start)
            name = file_name(f"{result.layer}-filters", start // step + 1)
            files += save_page(page, folder / name, self.formats)
        return files

    def _page(self, heading: Heading, pixels: UInt8[Tensor, "n h w 3"], start: int) -> Page:
        """The filters from ``start``, with the number of the first one before each row."""
        size, columns = tile_size(*pixels.shape[1:3]), self.columns
        dpi, gap = round(max(size) / TILE), max(round(0.06 * max(size)), 2)
        grid = Grid(heading, size, (gap, gap), (ceil(len(pixels) / columns), columns), dpi)
        canvas, labels = grid.paper(), grid.labels()
        tiles = display.resize(pixels.numpy(), size, smooth=self.smooth)
        put(canvas, tiles, [grid.corner(index) for index in range(len(tiles))])
        for first in range(0, len(tiles), columns):
            y, x = grid.corner(first)
            middle = y + size[0] / 2 + 0.03 * dpi
            labels.append(Label(x - 0.06 * dpi, middle, str(start + first), align="right"))
        return Page(canvas, tuple(labels), dpi)

    def _heading(self, result: Filters, page: int) -> Heading:
        """What is on a page, counted from 0."""
        units, total, height, width = result.weights.shape
        pages, channel = ceil(units / (self.columns * self.rows)), display.channel_note(result.input, total)
        scale = "all at one scale" if self.scale == "global" else "each at its own scale"
        facts = f"{units} filters  ·  {height} {TIMES} {width} pixels, {total} channels"
        details = (facts, f"Zero is mid-grey, {scale}.{channel}")
        return Heading(result.layer, details, f"{page + 1} / {pages}" if pages > 1 else "")


def filter_pixels(
    result: Filters, scale: Literal["global", "filter"], percentile: float
) -> UInt8[Tensor, "n h w 3"]:
    """The filters as pictures: zero is mid-grey, and full colour one magnitude for all, or of each."""
    weights = result.weights[:, display.shown_channels(result.input, result.weights.shape[1])].float()
    items = weights[None].flatten(1, 2) if scale == "global" else weights
    return display.signed_pixels(weights, display.magnitude(items, percentile))
