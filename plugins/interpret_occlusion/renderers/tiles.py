"""The panels of one image in the paper's Figure 7: their pixels, and the words that belong to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil

import numpy as np
from jaxtyping import Int, UInt8
from torch import Tensor

from interpret.images import InputSpec
from interpret_deconv import LayerProjections
from interpret_deconv.beyond import phrase
from interpret_deconv.renderers.zoom import zoomed
from interpret_figures import display
from interpret_figures.colours import HEAT, ZERO, Entry, Scale, label_pixels, legend, rgb, scale_for
from interpret_figures.grid import WHITE
from interpret_figures.page import INK
from interpret_figures.photographs import Photographs
from interpret_figures.text import chance, number, numbers
from interpret_occlusion.renderers.places import lowest_place, occluder_box, spread
from interpret_occlusion.results import Followed, OcclusionMaps, Sweep

PROBABILITY = Scale(0.0, 1.0, HEAT)
"""The same in every figure, so that maps of several images can be compared."""

VEIL = 0.7
"""Opacity of the square that marks the occluder: what it covers shines through."""

EMPTY = 244
"""The tone of a place for which there is no projection."""

PLAIN = 3
"""Patches that are enlarged so many times or more are enlarged pixel by pixel."""

CAPTION = 6.0
"""Points of the small text above a picture."""


@dataclass(frozen=True)
class Panel:
    """One picture with its words.

    Attributes:
        letter: The paper's letter of its kind: a to e.
        title: What it is, in a word or two.
        details: The same in a sentence.
        pixels: The picture.
        caption: What is particular to this image.
        scale: What its colours mean.
        mark: The value without the occluder, on the scale.
        entries: What its colours mean where they stand for labels.
        note: Why there is no picture.
    """

    letter: str
    title: str
    details: str
    pixels: UInt8[np.ndarray, "h w 3"]
    caption: str = ""
    scale: Scale | None = None
    mark: float = 0.0
    entries: Sequence[Entry] = field(default=())
    note: str = ""


@dataclass(frozen=True)
class Panels:
    """Draws the panels of each image.

    Attributes:
        result: What was found.
        photographs: Where the images come from.
        tile: Height and width of a picture in pixels.
        percentile: Percentile of a projection's magnitudes that gets full colour.
        labels: At most so many labels are named.
    """

    result: OcclusionMaps
    photographs: Photographs
    tile: tuple[int, int]
    percentile: float
    labels: int

    def of(self, place: int) -> list[Panel]:
        """The panels of one image, from left to right."""
        maps = self.result.maps[place]
        asked = self._asked(place)
        return [
            self._image(place, maps),
            *(
                self._response(maps, layer, rank, strongest=rank == 0 and layer in asked)
                for layer, followed in maps.followed.items()
                for rank in range(len(followed.unit))
            ),
            *(self._projections(place, maps, layer) for layer in asked),
            self._target(maps),
            *([self._label(place, maps)] if maps.logits.shape[-1] > 1 else []),
        ]

    def _asked(self, place: int) -> list[str]:
        """The layers whose strongest unit is followed: each has projections, or a note why not."""
        features = self.result.features[place] if self.result.features else {}
        return [
            layer
            for layer in self.result.maps[place].followed
            if layer in features or layer in self.result.notes
        ]

    def _image(self, place: int, maps: Sweep) -> Panel:
        """The image under a veil where covering it leaves the target least probable."""
        channels = display.shown_channels(self.result.input, maps.channels)
        picture = self.photographs.read(int(self.result.image[place]), channels).numpy()
        pixels = display.resize(picture[None], self.tile, smooth=True)[0].copy()
        veil(pixels, occluder_box(maps, lowest_place(maps), self.tile))
        least = "least probable" if maps.has_probability else "with the lowest output"
        details = f"in the square: the occluder, where covering leaves the target {least}"
        return Panel("a", "Image", details, pixels, self.result.ids[str(int(self.result.image[place]))])

    def _response(self, maps: Sweep, layer: str, rank: int, *, strongest: bool) -> Panel:
        """The sum of one unit's map at each place of the occluder."""
        followed = maps.followed[layer]
        values, without = followed.response[..., rank].double().numpy(), float(followed.unoccluded[rank])
        scale = response_scale(followed, rank)
        unit = int(followed.unit[rank])
        title, whose = ("Strongest map", "of") if strongest else (f"Unit {unit}", "in")
        return Panel(
            "b", title, f"{whose} {layer}: its summed response at each place of the occluder",
            spread(scale.pixels(values), maps, self.tile),
            f"unit {unit}, {number(without)} uncovered", scale, without,
        )  # fmt: skip

    def _projections(self, place: int, maps: Sweep, layer: str) -> Panel:
        """What the strongest unit looks for, in this image and in others."""
        unit = int(maps.followed[layer].unit[0])
        elsewhere = any(layer in item and len(item[layer].unit) > 1 for item in self.result.features)
        where = "to pixels: here (black frame), in other images" if elsewhere else "to pixels"
        said = phrase(self.result.nonlinearities.get(layer, {}))
        beyond = f" ({said})" if said else ""
        found = self.result.features[place].get(layer)
        stands = any(layer in item and item[layer].own is not None for item in self.result.features)
        own = ", its own patch outlined" if stands else ""
        title, details = "What it sees", f"that map of {layer} projected {where}{own}{beyond}"
        pixels = np.full((*self.tile, 3), WHITE, np.uint8)
        if found is None or not len(found.unit):
            pixels[:] = EMPTY
            note = self.result.notes.get(layer, "This unit is never positive in this image.")
            return Panel("c", title, details, pixels, f"unit {unit}", note=note)
        shown = zoomed(found.take(found.rank.argsort()), self.result.input.size)
        patches = projected(shown, self.result.input, self.percentile)
        mosaic(pixels, patches, None if shown.own is None else (shown.own, shown.box))
        others = len(shown.unit) - 1
        more = f" + {others} other{'s' if others > 1 else ''}" if others else " only"
        zoom = "" if shown.size == found.size else ", zoomed"
        return Panel("c", title, details, pixels, f"unit {unit}, here{more}{zoom}")

    def _target(self, maps: Sweep) -> Panel:
        """The target's probability, or its output where that stands for none."""
        scale, without = target_scale(maps), maps.unoccluded_value
        pixels = spread(scale.pixels(maps.value.double().numpy()), maps, self.tile)
        what = "probability" if maps.has_probability else "output"
        uncovered = chance(without) if maps.has_probability else numbers(without, scale.low, scale.high)[0]
        details = f"its {what} at each place of the occluder"
        return Panel("d", "Target", details, pixels, f"{uncovered} uncovered", scale, without)

    def legend(self, place: int) -> list[Entry]:
        """What the colours of the labels of one image mean; none where there is one output."""
        maps = self.result.maps[place]
        if maps.logits.shape[-1] == 1:
            return []
        return legend(maps.label.numpy(), maps.target, self.result.categories, self.labels)

    def _label(self, place: int, maps: Sweep) -> Panel:
        labels, entries = maps.label.numpy(), self.legend(place)
        pixels = spread(label_pixels(labels, entries), maps, self.tile)
        count = len(np.unique(labels))
        most = "most probable category" if maps.has_probability else "category with the largest output"
        details = f"the {most} at each place, with its share of all places"
        caption = f"{count} label{'s' if count > 1 else ''} in {labels.size} place{'s' * (labels.size > 1)}"
        return Panel("e", "Label", details, pixels, caption, entries=entries)


def projected(found: LayerProjections, spec: InputSpec, percentile: float) -> UInt8[np.ndarray, "n h w 3"]:
    """Projections in pixels, each at its own scale; pale outside the images."""
    values = found.patches[:, display.shown_channels(spec, found.patches.shape[1])].float()
    pixels = display.signed_pixels(values, display.magnitude(values, percentile))
    beyond = display.outside(found.box, (values.shape[2], values.shape[3]), spec.size)
    return display.mark(pixels, beyond).numpy()


def target_scale(maps: Sweep) -> Scale:
    """The colours of the target's values: one for all probabilities, each image's own for other outputs."""
    if maps.has_probability:
        return PROBABILITY
    both = np.append(maps.value.double().numpy(), maps.unoccluded_value)
    known = both[np.isfinite(both)] if np.isfinite(both).any() else np.zeros(1)
    return Scale(float(known.min()), float(known.max()), PROBABILITY.colours)


def response_scale(followed: Followed, rank: int) -> Scale:
    """The colours of one unit's responses."""
    values = followed.response[..., rank].double().numpy()
    return scale_for(np.append(values, float(followed.unoccluded[rank])), HEAT)


def veil(pixels: UInt8[np.ndarray, "h w 3"], box: tuple[slice, slice]) -> None:
    """Mark a part of a picture: grey that lets it shine through, in a white and a dark line."""
    part = pixels[box]
    part[:] = (part * (1 - VEIL) + ZERO * VEIL).round().astype(np.uint8)
    frame(part, (WHITE,) * 3, 3)
    frame(part, rgb(INK), 1)


def frame(pixels: UInt8[np.ndarray, "h w 3"], colour: tuple[int, ...], width: int) -> None:
    """Draw a line along the inner border of a picture."""
    pixels[:width] = pixels[-width:] = colour
    pixels[:, :width] = pixels[:, -width:] = colour


def mosaic(
    pixels: UInt8[np.ndarray, "h w 3"],
    patches: UInt8[np.ndarray, "n ph pw 3"],
    outlined: tuple[Int[Tensor, "n 4"], Int[Tensor, "n 4"]] | None = None,
) -> None:
    """Draw patches of one size side by side, as large as fits, the first one in a black frame.

    Args:
        pixels: What is drawn on.
        patches: What is drawn.
        outlined: What to outline of each, and what of its image it shows, as `display.outlined` takes it.
    """
    gap = max(round(0.03 * max(pixels.shape[:2])), 3)
    sizes = {
        columns: filling(patches.shape[1:3], _cell(pixels, ceil(len(patches) / columns), columns, gap))
        for columns in range(1, len(patches) + 1)
    }
    columns = max(sizes, key=lambda count: sizes[count])
    height, width = sizes[columns]
    tiles = enlarged(patches, (height, width))
    for place, tile in enumerate(display.outlined(tiles, *outlined) if outlined else tiles):
        y, x = place // columns * (height + gap), place % columns * (width + gap)
        pixels[y : y + height, x : x + width] = tile
    frame(pixels[:height, :width], rgb(INK), 2)


def _cell(pixels: UInt8[np.ndarray, "h w 3"], rows: int, columns: int, gap: int) -> tuple[int, int]:
    """Room for each of rows x columns patches with gaps between them."""
    height, width = pixels.shape[:2]
    return max((height - (rows - 1) * gap) // rows, 1), max((width - (columns - 1) * gap) // columns, 1)


def filling(size: Sequence[int], room: Sequence[int]) -> tuple[int, int]:
    """Height and width of a patch as large as fits into a room."""
    factor = min(have / need for have, need in zip(room, size, strict=True))
    height, width = (max(round(length * factor), 1) for length in size)
    return min(height, room[0]), min(width, room[1])


def enlarged(patches: UInt8[np.ndarray, "n h w 3"], size: tuple[int, int]) -> UInt8[np.ndarray, "n H W 3"]:
    """Patches at another size: small ones pixel by pixel, so that nothing is seen that is not there."""
    height, width = patches.shape[1:3]
    if size[0] < PLAIN * height:
        return display.resize(patches, size)
    down, across = np.arange(size[0]) * height // size[0], np.arange(size[1]) * width // size[1]
    return patches[:, down[:, None], across]
