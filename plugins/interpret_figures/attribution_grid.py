"""Attributions of one probe: each image, and beside it what counts there for what was asked about."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from interpret.attributions import Attributions
from interpret.images import Images
from interpret.plugin import Renderer
from interpret_figures import display
from interpret_figures.grid import Heading
from interpret_figures.page import Format, save_page
from interpret_figures.pairs import Pair, pair_page, picture_size
from interpret_figures.photographs import Photographs
from interpret_figures.text import category, number

__all__ = ["AttributionGrid", "asked"]


class AttributionGrid(Renderer[Attributions]):
    """Each image beside its signed attribution, from any probe that attributes.

    Zero is mid-grey, and each map has its own symmetric scale.
    """

    name: ClassVar[str] = "attribution_grid"

    percentile: float = Field(
        99.5,
        gt=0,
        le=100,
        description="Percentile of a map's magnitudes that gets full colour; 100: its maximum.",
    )
    smooth: bool = Field(False, description="Enlarge small maps smoothly, not pixel by pixel.")
    columns: int = Field(2, ge=1, le=100, description="Images side by side on a page.")
    rows: int = Field(4, ge=1, le=100, description="Images one below the other on a page.")
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
        return Pair(
            asked(result, place),
            f"value {number(float(result.score[place]))}  ·  {result.ids[str(index)]}",
            display.resize(picture[None], tile, smooth=True)[0],
            display.resize(pixels, tile, smooth=self.smooth)[0],
        )

    def _details(self, result: Attributions) -> tuple[str, ...]:
        """What is on the page and how to read it."""
        count, channel = len(result.maps), display.channel_note(result.input, result.maps.shape[1])
        cut = f" (percentile {self.percentile:g})" if self.percentile < 100 else ""
        return (
            f"{count} image{'s' if count > 1 else ''}",
            "How much a pixel counts for what stands above its image. Zero is mid-grey, each map at its own "
            f"scale{cut}.{channel}{result.note and ' '}{result.note}",
        )


def asked(result: Attributions, place: int) -> str:
    """What was asked about in one image: a category, or a neuron."""
    unit = int(result.target[place])
    if not result.layer:
        return category(unit, result.categories)
    y, x = result.position[place].tolist()
    return f"{result.layer}, unit {unit} at ({y}, {x})"
