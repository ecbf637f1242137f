"""What covering each part of an image does to the target's probability, laid over the image."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Bool, Float, UInt8
from pydantic import Field

from interpret.images import Images
from interpret.plugin import Renderer
from interpret_figures import colours, display
from interpret_figures.colours import Scale, tint
from interpret_figures.grid import WHITE, Heading
from interpret_figures.page import Format, save_page
from interpret_figures.pairs import Pair, pair_page, picture_size
from interpret_figures.photographs import Photographs
from interpret_occlusion.renderers.text import (
    asked,
    kind_note,
    occluder,
    outcome,
    percent,
)
from interpret_occlusion.results import OcclusionMaps, Sweep

DARKEST, BRIGHTEST = 56, 216
"""The tones of the greyed image, so that colours show on all of it."""


LEAST = 0.01
"""The smallest change of a probability that gets full colour: below it is mostly rounding."""


class OcclusionOverlay(Renderer[OcclusionMaps]):
    """What covering a pixel does to the target's probability, in colour over the greyed image.

    For each pixel the fall is averaged over the occluders that cover it. A probability that changes by less
    than a hundredth nowhere gets full colour.
    """

    name: ClassVar[str] = "occlusion_overlay"

    of: Literal["probability", "logit"] = Field(
        "probability",
        description="What falls: the target's probability (its output where that stands for none), or its "
        "output, which never saturates.",
    )
    strength: float = Field(0.85, gt=0, le=1, description="Opacity of full colour over the image.")
    contour: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="A line where the fall is this share of the largest; none: no line.",
    )
    scale: Literal["image", "all"] = Field(
        "image", description="Full colour is the largest change of each image, or of all images."
    )
    columns: int = Field(2, ge=1, le=100, description="Images side by side on a page.")
    rows: int = Field(4, ge=1, le=100, description="Images one below the other on a page.")
    formats: tuple[Format, ...] = Field(("png",), min_length=1, description="Kinds of files: png, svg, pdf.")

    def render(self, result: OcclusionMaps, images: Images, folder: Path) -> Sequence[Path]:
        """Write the pages, named ``overlay-1.png`` and so on.

        Raises:
            DatasetError: If a photograph is missing or has changed.
        """
        folder.mkdir(parents=True, exist_ok=True)
        photographs = Photographs(images, result.ids, result.input)
        falls = [self._fall(maps) for maps in result.maps]
        least = [LEAST if self.of == "probability" and maps.has_probability else 0.0 for maps in result.maps]
        largest = [max(colours.largest(fall), each) for fall, each in zip(falls, least, strict=True)]
        if self.scale == "all":
            largest = [max(largest)] * len(falls)
        step, files = self.columns * self.rows, list[Path]()
        for start in range(0, len(falls), step):
            places = range(start, min(start + step, len(falls)))
            pairs = [self._pair(result, place, falls[place], largest[place], photographs) for place in places]
            number = f"{start // step + 1} / {ceil(len(falls) / step)}" if len(falls) > step else ""
            heading = Heading("Occlusion sensitivity", self._details(result), number)
            page = pair_page(pairs, min(self.columns, len(falls)), heading)
            files += save_page(page, folder / f"overlay-{start // step + 1}", self.formats)
        return files

    def _fall(self, maps: Sweep) -> Float[np.ndarray, "h w"]:
        """How much what is asked for falls at each pixel."""
        fall = maps.per_pixel(maps.drop) if self.of == "probability" else maps.attribution()[0]
        values: Float[np.ndarray, "h w"] = fall.double().numpy()
        return values

    def _pair(
        self,
        result: OcclusionMaps,
        place: int,
        fall: Float[np.ndarray, "h w"],
        largest: float,
        photographs: Photographs,
    ) -> Pair:
        """One image, and the same under its map."""
        maps, tile = result.maps[place], picture_size(*fall.shape)
        picture = photographs.read(
            int(result.image[place]), display.shown_channels(result.input, maps.channels)
        ).numpy()
        image = display.resize(picture[None], tile, smooth=True)[0]
        covered = overlaid(image, fall, largest, self.strength)
        if self.contour is not None and (fall > 0).any():
            covered[outline(stretched(fall, tile) >= self.contour * fall.max())] = WHITE
        name = asked(maps, result.categories)
        scale = Scale(-largest, largest, "signed", self.strength)
        return Pair(name, outcome(maps), image, covered, scale)

    def _details(self, result: OcclusionMaps) -> tuple[str, ...]:
        """What is on the page and how to read it."""
        count = len(result.maps)
        line = "" if self.contour is None else f" The line: {percent(self.contour)} of the largest fall."
        first = result.maps[0]
        what = "probability" if self.of == "probability" and first.has_probability else "output"
        if self.of == "logit" and first.output_kind == "logits" and first.has_probability:
            what = "logit"
        channels = display.channel_note(result.input, first.channels)
        return (
            f"{count} image{'s' if count > 1 else ''}  ·  {occluder(first)}",
            f"Red: covering it lowers the {what} of the category above; blue: it raises it; each pixel "
            f"averaged over the occluders that cover it.{line}{channels}{kind_note(first)}",
        )


def overlaid(
    image: UInt8[np.ndarray, "H W 3"], fall: Float[np.ndarray, "h w"], largest: float, strength: float
) -> UInt8[np.ndarray, "H W 3"]:
    """A greyed photograph under the signed colours of what falls, in full where it falls by the largest."""
    return tint(greyed(image), stretched(fall, image.shape[:2]) / (largest or 1), strength)


def greyed(image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w"]:
    """A picture's brightness, without its darkest and brightest tones."""
    bright = image @ np.array([0.299, 0.587, 0.114]) / 255
    tones: UInt8[np.ndarray, "h w"] = (DARKEST + bright * (BRIGHTEST - DARKEST)).round().astype(np.uint8)
    return tones


def stretched(values: Float[np.ndarray, "h w"], tile: tuple[int, int]) -> Float[np.ndarray, "H W"]:
    """A map at the size of a picture, each pixel with the value of the one it shows."""
    down, across = (np.arange(new) * old // new for new, old in zip(tile, values.shape, strict=True))
    wide: Float[np.ndarray, "H W"] = values[down[:, None], across]
    return wide


def outline(inside: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """The pixels of a region that touch what is not in it; the border of the picture is no edge of it."""
    padded = np.pad(inside, 1, mode="edge")
    around = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    edge: Bool[np.ndarray, "h w"] = inside & ~around
    return edge
