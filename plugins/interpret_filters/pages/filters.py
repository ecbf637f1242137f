"""The page of filters: each as a small picture, at one scale or at its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from interpret.plugin import Page, PageContext, Sheet
from interpret_figures import display
from interpret_filters.renderers.filter_grid import filter_pixels
from interpret_filters.results import Filters
from interpret_gallery import render, save_picture, write_tiles


class FiltersPage(Page[Filters]):
    """The filters of a layer: one scale for all shows which dominate, a scale for each shows their shapes."""

    name: ClassVar[str] = "filters"

    def compose(self, result: Filters, context: PageContext) -> Iterable[Sheet]:
        """One page, about the layer."""
        largest = result.weights.float().abs().flatten(1).amax(1).tolist()
        one, own = (filter_pixels(result, scale, 100.0).numpy() for scale in ("global", "filter"))
        keys = f"{context.step}, one scale", f"{context.step}, own scales"
        scripts = [
            write_tiles(context, key, pixels, largest, item="filter", measure="largest weight")
            for key, pixels in zip(keys, (one, own), strict=True)
        ]
        body = render(
            "interpret_filters",
            "filters.html",
            keys=keys,
            facts=result.summary(),
            layer=result.layer,
            note=display.channel_note(result.input, result.weights.shape[1]).strip(),
        )
        count = len(own)
        yield Sheet(
            f"Filters of {result.layer}",
            body,
            layer=result.layer,
            units=range(count),
            cover=save_picture(context, "cover", _cover(own), exact=True).url,
            scripts=tuple(scripts),
        )


def _cover(pixels: np.ndarray) -> np.ndarray:
    """The first filters, enlarged pixel by pixel, in twice as many columns as rows."""
    rows = max(int((len(pixels) / 2) ** 0.5), 1)
    columns = len(pixels) // rows
    height, width = pixels.shape[1:3]
    tiles = display.resize(pixels[: rows * columns], (height * 4, width * 4))
    lines = tiles.reshape(rows, columns, height * 4, width * 4, 3)
    return np.ascontiguousarray(
        lines.transpose(0, 2, 1, 3, 4).reshape(rows * height * 4, columns * width * 4, 3)
    )
