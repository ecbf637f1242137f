"""What the occluder's window shows at each of its places, and what a sweep looks like at a glance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from math import isfinite
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, UInt8

from interpret_figures import colours, display
from interpret_figures.colours import Scale, label_pixels, legend
from interpret_figures.pairs import picture_size
from interpret_figures.text import chance, numbers
from interpret_gallery import WindowMap
from interpret_occlusion.renderers.overlay import LEAST, overlaid
from interpret_occlusion.renderers.places import spread
from interpret_occlusion.renderers.text import asked, percent
from interpret_occlusion.renderers.tiles import response_scale, target_scale
from interpret_occlusion.results import OcclusionMaps, Sweep

STRENGTH = 0.85
"""Opacity of full colour over a photograph, as in the figure."""

Show: TypeAlias = Callable[[UInt8[np.ndarray, "rows columns 3"]], UInt8[np.ndarray, "h w 3"]]
"""Puts the colours of places where the centres of their occluders are."""


def window_maps(
    maps: Sweep, categories: Sequence[str], photograph: UInt8[np.ndarray, "h w 3"] | None
) -> list[WindowMap]:
    """The maps of one image: of the target, of the most probable categories, of each followed unit.

    Args:
        maps: What the network answered.
        categories: The names of its outputs.
        photograph: What is seen where the centre of the occluder never was; None: pale.
    """
    show = partial(spread, maps=maps, tile=maps.size, elsewhere=photograph)
    labels = [_label_map(maps, categories, show)] if maps.logits.shape[-1] > 1 else []
    responses = [
        _response_map(maps, layer, rank, show)
        for layer, followed in maps.followed.items()
        for rank in range(len(followed.unit))
    ]
    return [_target_map(maps, categories, show), *labels, *responses]


def _target_map(maps: Sweep, categories: Sequence[str], show: Show) -> WindowMap:
    name = asked(maps, categories)
    what = f"probability of {name}" if maps.has_probability else f"output of {name}"
    values, scale = maps.value.double().numpy(), target_scale(maps)
    if maps.has_probability:  # of a thousand categories few are near 1; the bar tells where the scale ends
        scale = replace(scale, high=max(float(values.max()), maps.unoccluded_value))
    pixels, bar = _drawn(scale, values, show)
    return WindowMap(name if name == "output" else what, values, maps.unoccluded_value, pixels, bar)


def _label_map(maps: Sweep, categories: Sequence[str], show: Show) -> WindowMap:
    labels = maps.label.numpy()
    entries = legend(labels, maps.target, categories)
    return WindowMap(
        "most probable category" if maps.has_probability else "category with the largest output",
        labels,
        int(maps.unoccluded.argmax()),
        show(label_pixels(labels, entries)),
        names=categories,
        legend=[(f"{entry.name} {percent(entry.share)}", entry.colour) for entry in entries],
    )


def _response_map(maps: Sweep, layer: str, rank: int, show: Show) -> WindowMap:
    """The sum of one unit's map."""
    followed = maps.followed[layer]
    values = followed.response[..., rank].double().numpy()
    pixels, bar = _drawn(response_scale(followed, rank), values, show)
    name = f"summed response of {layer}, unit {int(followed.unit[rank])}"
    return WindowMap(name, values, float(followed.unoccluded[rank]), pixels, bar)


def _drawn(
    scale: Scale, values: Float[np.ndarray, "rows columns"], show: Show
) -> tuple[UInt8[np.ndarray, "h w 3"], tuple[str, UInt8[np.ndarray, "bh bw 3"], str]]:
    """A map and its bar: the lower a value, the brighter, so that what counts stands out.

    A scale with two signs keeps its colours.
    """
    low, high = numbers(scale.low, scale.high)
    if scale.colours == "signed":
        return show(scale.pixels(values)), (low, scale.bar(4, 128), high)
    turned = replace(scale, colours=f"{scale.colours}_r")
    return show(turned.pixels(values)), (high, turned.bar(4, 128)[:, ::-1], low)


def at_a_glance(maps: Sweep, photograph: UInt8[np.ndarray, "h w 3"] | None) -> UInt8[np.ndarray, "h w 3"]:
    """What covering does to the target over the greyed photograph; the target's map where there is none."""
    tile = picture_size(*maps.size)
    if photograph is None:
        return spread(target_scale(maps).pixels(maps.value.double().numpy()), maps, tile)
    image = display.resize(photograph[None], tile, smooth=True)[0]
    fall = maps.per_pixel(maps.drop).double().numpy()
    largest = max(colours.largest(fall), LEAST if maps.has_probability else 0.0)
    return overlaid(image, fall, largest, STRENGTH)


def fill_colour(
    result: OcclusionMaps, maps: Sweep, photograph: UInt8[np.ndarray, "h w 3"] | None
) -> tuple[int, int, int] | None:
    """The colour that stands for the occluder: its own, or the photograph's mean; None: not known."""
    if isinstance(maps.fill, str):
        if photograph is None or maps.fill == "noise":
            return None
        red, green, blue = photograph.mean((0, 1)).round().astype(int).tolist()
        return red, green, blue
    tones = [maps.fill] * maps.channels if isinstance(maps.fill, int | float) else list(maps.fill)
    shown = [tones[channel] for channel in display.shown_channels(result.input, maps.channels)]
    red, green, blue = (round(255 * tone) for tone in (shown * 3)[:3])
    return red, green, blue


def ends(maps: Sweep) -> list[str]:
    """What is asked for of the target without the occluder, and where it is lowest, as text."""
    both = maps.unoccluded_value, float(maps.value.min())
    return list(map(chance, both)) if maps.has_probability else numbers(*both)


def outcome(maps: Sweep, name: str, lowest: tuple[int, int]) -> str:
    """What covering the place where the target is least probable does to it, in a sentence."""
    before, after = ends(maps)
    if not isfinite(maps.unoccluded_value):
        return f"The network's answer for {name} is no number, wherever it is covered."
    if before == after or float(maps.value.min()) >= maps.unoccluded_value:
        return f"Wherever it is covered, {name} does not fall below {before}."
    top, left = int(maps.rows[lowest[0]]), int(maps.columns[lowest[1]])
    return f"Covered at row {top}, column {left}, {name} falls from {before} to {after}."
