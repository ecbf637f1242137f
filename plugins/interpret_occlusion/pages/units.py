"""The strongest unit of a followed layer: its projections, beside what it sees in the photographs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from interpret.plugin import PageContext
from interpret_deconv import LayerProjections
from interpret_deconv.beyond import phrase
from interpret_deconv.renderers.zoom import zoomed
from interpret_figures import display
from interpret_figures.grid import tile_size
from interpret_figures.text import number
from interpret_gallery import Picture, save_picture
from interpret_occlusion.renderers.tiles import projected
from interpret_occlusion.results import OcclusionMaps

__all__ = ["units_of"]

TILES = (112, 160)
"""Pixels of the longer side of a projection, at least and at most."""

PERCENTILE = 99.5
"""Of a projection's magnitudes that gets full colour, as in the figure."""

Group = tuple[list[tuple[Picture, str]], str]
"""Pictures that belong together, each with what is seen on it, and the caption below them."""


def units_of(result: OcclusionMaps, place: int, context: PageContext) -> list[Mapping[str, object]]:
    """What the page of one photograph shows of each layer whose strongest unit is projected."""
    features = result.features[place] if result.features else {}
    return [
        {
            "layer": layer,
            "unit": int(followed.unit[0]),
            "beyond": phrase(result.nonlinearities.get(layer, {})),
            "own": features[layer].own is not None,
            "groups": _groups(result, context, features[layer], f"{layer} of photograph {place + 1}"),
        }
        for layer, followed in result.maps[place].followed.items()
        if layer in features
    ]


def _groups(result: OcclusionMaps, context: PageContext, found: LayerProjections, key: str) -> list[Group]:
    """For each neuron its projection and the part of the photograph that it sees, and where that is."""
    found, groups = zoomed(found.take(found.rank.argsort()), result.input.size), list[Group]()
    tiles = projected(found, result.input, PERCENTILE) if len(found.unit) else ()
    for neuron, tile in enumerate(tiles):
        index, box = int(found.image[neuron]), found.box[neuron]
        photo, pixels = context.photo(index, result), context.pixels(index, result)
        where = f"in {photo.category or photo.name}" if neuron else "in this photograph"
        shown = [("projection", f"Projection of the unit {where}", tile)]
        if pixels is not None:
            shown.append(("patch", f"What the unit sees {where}", _seen(pixels, box)))
        own = None if found.own is None else found.own[neuron]
        pictures = [
            (save_picture(context, f"{key}, {neuron + 1}, {kind}", _finished(part, box, own)), alt)
            for kind, alt, part in shown
        ]
        groups.append((pictures, f"activation {number(float(found.value[neuron]))} {where}"))
    return groups


def _seen(pixels: UInt8[np.ndarray, "h w 3"], box: Int[Tensor, " 4"]) -> UInt8[np.ndarray, "bh bw 3"]:
    """The part of a photograph in a box; pale outside the image."""
    part = display.crop(torch.from_numpy(pixels), box.tolist())
    beyond = display.outside(box[None], (part.shape[0], part.shape[1]), pixels.shape[:2])
    seen: UInt8[np.ndarray, "bh bw 3"] = display.mark(part[None], beyond)[0].numpy()
    return seen


def _finished(
    tile: UInt8[np.ndarray, "h w 3"], box: Int[Tensor, " 4"], own: Int[Tensor, " 4"] | None
) -> UInt8[np.ndarray, "H W 3"]:
    """A tile in the size of the page, a token's own patch outlined."""
    shown = display.resize(tile[None], tile_size(tile.shape[0], tile.shape[1], TILES))
    if own is not None:
        shown = display.outlined(shown, own[None], box[None])
    finished: UInt8[np.ndarray, "H W 3"] = shown[0]
    return finished
