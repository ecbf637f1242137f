"""Which part of a projection to show where the receptive field nearly fills the image, or is larger.

Such a projection is about as large as the image, but its signal is often a small spot. A square around the
spot, of the same size for every neuron of a layer, shows it at a scale at which it can be read. Where a
neuron has a patch of its own (a token's), the square is around that, with some of what lies beside it.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interpret_deconv.results import LayerProjections
from interpret_deconv.spots import Spot, find_spot, starts
from interpret_figures.page import TIMES

__all__ = ["shown_part", "whole_images", "zoomed"]


NEARLY = 2 / 3
"""From which part of the image's height or width on a receptive field nearly fills it."""

MOST = 3 / 4
"""Of how many projections 90 % of the energy has to be shown; the median would cut every second signal."""

AROUND = 3
"""The smallest square around a neuron's own patch, in sides of that."""

WORTH = 0.85
"""The largest square that is worth a cut, as a part of the shorter side of what is stored."""

LEAST = 1 / 8
"""The smallest square that is shown, as a part of the image's shorter side."""


def whole_images(layer: LayerProjections, image: tuple[int, int]) -> bool:
    """Whether each neuron of a layer sees the whole image, of this height and width in pixels."""
    return bool((layer.seen == torch.tensor([0, 0, *image])).all())


def zoomed(layer: LayerProjections, image: tuple[int, int]) -> LayerProjections:
    """The same neurons, cropped to equal squares around their signals where fields nearly fill the image.

    The side is the smallest with which three quarters of the squares hold 90 % of their projection's energy,
    and at least an eighth of the image. A layer stays as it is where its neurons see a smaller part of the
    image, where it has no signal, and where only a square about as large as what is stored is enough.

    Args:
        layer: Projections and their boxes; both are cropped.
        image: Height and width of the network's input in pixels.
    """
    spots = _spots(layer) if _fills(layer, image) else []
    sides = sorted(spot.side for spot in spots if spot.side)
    if not sides:
        return layer
    side = max(sides[ceil(MOST * len(sides)) - 1], ceil(LEAST * min(image)), AROUND * _own_side(layer))
    if side > WORTH * min(layer.size):
        return layer
    return _cropped(layer, _corners(layer, spots, side, image), side)


def shown_part(layer: LayerProjections, shown: LayerProjections, image: tuple[int, int]) -> str:
    """What patches show, in words.

    Args:
        layer: The projections.
        shown: The same, perhaps zoomed.
        image: Height and width of the network's input in pixels.
    """
    pixels = _pixels(*shown.size)
    whole, (rows, columns) = whole_images(layer, image), _extent(layer)
    if shown.size == (rows, columns):
        return "whole image" if whole else f"receptive field {pixels} pixels"
    around = "signal" if layer.own is None else "place"
    return f"the {pixels} pixels around each {around}, of {_pixels(rows, columns)} seen"


def _pixels(rows: int, columns: int) -> str:
    return f"{rows} {TIMES} {columns}"


def _extent(layer: LayerProjections) -> tuple[int, int]:
    """Rows and columns of the largest receptive field."""
    if not len(layer.seen):
        return layer.size
    rows, columns = (layer.seen[:, 2:] - layer.seen[:, :2]).amax(0).tolist()
    return rows, columns


def _fills(layer: LayerProjections, image: tuple[int, int]) -> bool:
    return any(mine >= NEARLY * whole for mine, whole in zip(_extent(layer), image, strict=True))


def _spots(layer: LayerProjections) -> list[Spot]:
    """Where the signals lie, in pixels of what is stored."""
    if layer.own is None:
        return [find_spot(patch) for patch in layer.patches]
    middles = (layer.own[:, :2] + layer.own[:, 2:]) / 2 - layer.box[:, :2]
    return [find_spot(patch, (y, x)) for patch, (y, x) in zip(layer.patches, middles.tolist(), strict=True)]


def _own_side(layer: LayerProjections) -> int:
    """Pixels on a side of the neurons' own patches; 0 where they have none."""
    return 0 if layer.own is None else int((layer.own[:, 2:] - layer.own[:, :2]).max())


def _corners(
    layer: LayerProjections, spots: list[Spot], side: int, image: tuple[int, int]
) -> Int[Tensor, "n 2"]:
    """Top and left of squares around spots, in what is stored, and inside the image if they can."""
    middles = torch.tensor([spot[:2] for spot in spots], dtype=torch.float64)
    axes = [
        _inside(middles[:, axis], side, layer.size[axis], -layer.box[:, axis], image[axis]) for axis in (0, 1)
    ]
    return torch.stack(axes, 1)


def _inside(
    middle: Float[Tensor, " n"], side: int, stored: int, border: Int[Tensor, " n"], length: int
) -> Int[Tensor, " n"]:
    """Where squares begin along one axis, on which the image begins at ``border``."""
    low, high = border.clamp(min=0), (border + length).clamp(max=stored) - side
    first = starts(middle, side, stored)
    return torch.where(high >= low, first.clamp(min=low).minimum(high), first)


def _cropped(layer: LayerProjections, corners: Int[Tensor, "n 2"], side: int) -> LayerProjections:
    """A layer, cropped to equal squares within what is stored."""
    each = zip(layer.patches, corners.tolist(), strict=True)
    crops = [patch[:, top : top + side, left : left + side] for patch, (top, left) in each]
    first = layer.box[:, :2] + corners
    return replace(
        layer, box=torch.cat([first, first + side], 1), patches=torch.stack(crops), field=layer.seen
    )
