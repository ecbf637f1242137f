"""Attributions of one probe: each image, and beside it what counts there for what was asked about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import ClassVar

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from interpret.attributions import Attributions
from interpret.images import Images
from interpret.plugin import Renderer
from interpret_figures import display
from interpret_figures.colours import heat_map, overlaid
from interpret_figures.grid import Heading
from interpret_figures.page import Format, save_page
from interpret_figures.pairs import Pair, pair_page, picture_size
from interpret_figures.photographs import Photographs
from interpret_figures.text import number

__all__ = ["AttributionGrid"]

HEAT_NOTE = "Heat map: magnitudes, summed over channels and smoothed a little; beside it over the image."
"""How to read it."""


class AttributionGrid(Renderer[Attributions]):
    """Each image beside its attribution, from any probe that attributes: signed, as heat map, and over it.

    Of the signed values zero is mid-grey. Each map has its own scale.
    """

    name: ClassVar[str] = "attribution_grid"

    percentile: float = Field(
        99.5,
        gt=0,
        le=100,
        description="Percentile of a map's magnitudes that gets full colour; 100: its maximum.",
    )
    smooth: bool = Field(False, description="Enlarge small maps smoothly, not pixel by pixel.")
    heat: bool = Field(True, description="Show a heat map, and the image under it, beside signed values.")
    columns: int = Field(1, ge=1, le=100, description="Images side by side on a page.")
    rows: int = Field(6, ge=1, le=100, description="Images one below the other on a page.")
    formats: tuple[Format, ...] = Field(("png",), min_length=1, description="Kinds of files: png, svg, pdf.")

    def render(self, result: Attributions, images: Images, folder: Path) -> Sequence[Path]:
        """Write the pages, named ``attributions-1.png`` and so on.

        Raises:
            DatasetError: If a photograph is missing or has changed.
        """
        folder.mkdir(parents=True, exist_ok=True)
        photographs = Photographs(images, result.ids, result.input)
        count, step, files = len(result.maps), self.columns * self.rows, list[Path]()
        for start in range(0, count, step):
            places = range(start, min(start + step, count))
            pairs = [self._pair(result, place, photographs) for place in places]
            page = f"{start // step + 1} / {ceil(count / step)}" if count > step else ""
            heading = Heading(result.method, self._details(result), page)
            drawn = pair_page(pairs, min(self.columns, count), heading)
            files += save_page(drawn, folder / f"attributions-{start // step + 1}", self.formats)
        return files

    def _pair(self, result: Attributions, place: int, photographs: Photographs) -> Pair:
        """One image and its map."""
        channels = display.shown_channels(result.input, result.maps.shape[1])
        tile, index = picture_size(*result.maps.shape[-2:]), int(result.image[place])
        picture = photographs.read(index, channels).numpy()
        values = result.maps[place : place + 1, channels].float()
        pixels = display.signed_pixels(values, display.magnitude(values, self.percentile)).numpy()
        photograph = display.resize(picture[None], tile, smooth=True)[0]
        pair = Pair(
            result.asked(place),
            f"value {number(float(result.score[place]))}  ·  {result.ids[str(index)]}",
            photograph,
            display.resize(pixels, tile, smooth=self.smooth)[0],
        )
        return self._heated(pair, result.maps[place]) if self.heat else pair

    def _heated(self, pair: Pair, values: Float[Tensor, "c h w"]) -> Pair:
        """The same with a heat map and an overlay."""
        pixels, scale = heat_map(values, self.percentile)
        shown = display.resize(pixels[None], pair.left.shape[:2], smooth=True)[0]
        return replace(pair, more=(shown, overlaid(shown, pair.left)), more_scale=scale)

    def _details(self, result: Attributions) -> tuple[str, ...]:
        """What is on the page and how to read it."""
        count, channel = len(result.maps), display.channel_note(result.input, result.maps.shape[1])
        cut = f" (percentile {self.percentile:g})" if self.percentile < 100 else ""
        heat = f" {HEAT_NOTE}" if self.heat else ""
        return (
            f"{count} image{'s' if count > 1 else ''}",
            "How much a pixel counts for what stands above its image. Signed values: zero is mid-grey, each "
            f"map at its own scale{cut}.{heat}{channel}{result.note and ' '}{result.note}",
        )
