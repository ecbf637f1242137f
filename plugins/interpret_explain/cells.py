"""Pictures of neurons: what drives each, beside the part of the image that it sees."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8

from interpret.images import InputSpec
from interpret_deconv import LayerProjections
from interpret_deconv.renderers.tiles import Tiles
from interpret_deconv.renderers.zoom import zoomed
from interpret_figures import display
from interpret_figures.grid import WHITE, put
from interpret_figures.photographs import Photographs
from interpret_topk.renderers.patches import Patches

__all__ = ["GAP", "fit", "layer_cells"]

GAP = 4
"""Pixels between a projection and its patch."""


def layer_cells(
    layer: LayerProjections,
    spec: InputSpec,
    photographs: Photographs,
    *,
    side: int,
    projected: bool = True,
    percentile: float = 99.5,
) -> list[UInt8[np.ndarray, "side width 3"]]:
    """One picture for each neuron: its projection and its patch side by side, or the patch alone.

    Args:
        layer: The neurons.
        spec: What the network takes.
        photographs: Where the patches come from.
        side: Pixels of the longer side of a projection, and of a patch.
        projected: Whether there are projections.
        percentile: Percentile of a projection's magnitudes that gets full colour.
    """
    if not len(layer.unit):
        return []
    shown, neurons = zoomed(layer, spec.size), list(range(len(layer.unit)))
    height, width = (shown.box[0, 2:] - shown.box[0, :2]).tolist()
    size = fit(height, width, side)
    channels = display.shown_channels(spec, len(spec.mean))
    patches = Patches(shown, photographs, channels, size, smooth=False)
    drawn = [Tiles(shown, patches, percentile).projections(neurons)] if projected else []
    return [_beside(pair, side) for pair in zip(*drawn, patches.patches(neurons), strict=True)]


def fit(height: int, width: int, side: int) -> tuple[int, int]:
    """Height and width of a picture whose longer side has so many pixels."""
    longer = max(height, width)
    return max(round(side * height / longer), 1), max(round(side * width / longer), 1)


def _beside(tiles: tuple[UInt8[np.ndarray, "h w 3"], ...], side: int) -> UInt8[np.ndarray, "side width 3"]:
    """Tiles side by side, each at the top left of a square."""
    paper = np.full((side, len(tiles) * (side + GAP) - GAP, 3), WHITE, np.uint8)
    for index, tile in enumerate(tiles):
        put(paper, tile[None], [(0, index * (side + GAP))])
    return paper
