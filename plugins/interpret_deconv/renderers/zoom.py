"""Which part of a projection to show where the receptive field is larger than the image.

Such a projection is as large as the image, but its signal is often a small spot. A square around the spot, of
the same size for every neuron of a layer, shows it at a scale at which it can be read. Where a neuron has a
patch of its own (a token's), the square is around that, with some of what lies beside it.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import NamedTuple

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor
from torch.nn.functional import pad

from interpret_deconv.results import LayerProjections

__all__ = ["whole_images", "zoomed"]


SHARE = 0.9
"""How much of a projection's energy, the sum of its squares, has to lie in its square."""

MOST = 3 / 4
"""Of how many projections it has to; the median would cut the signal of every second one."""

AROUND = 3
"""The smallest square around a neuron's own patch, in sides of that."""

LEAST = 1 / 4
"""The smallest square that is shown, as a part of the image's shorter side."""


class Spot(NamedTuple):
    """Where the energy of a projection lies; the middle of the image and 0 where it has none.

    Attributes:
        y: Its centre of mass, or that of the neuron's own patch, in pixels from the upper edge of the image.
        x: The same from the left edge.
        side: Pixels on a side of the smallest square around it that holds ``SHARE`` of the energy.
    """

    y: float
    x: float
    side: int


def whole_images(layer: LayerProjections, image: tuple[int, int]) -> bool:
    """Whether each projection of a layer is as large as the image, of this height and width in pixels."""
    sees_all = (layer.box == torch.tensor([0, 0, *image])).all()
    return layer.patches.shape[-2:] == image and bool(sees_all)


def zoomed(layer: LayerProjections, image: tuple[int, int]) -> LayerProjections:
    """The same neurons, cropped to equal squares around their signals where each shows the whole image.

    The side is the smallest with which three quarters of the squares hold 90 % of their projection's energy,
    and at least a quarter of the image. A layer stays as it is where its neurons see only a part of the
    image, where it has no signal, and where no square smaller than the image is enough.

    Args:
        layer: Projections and their boxes; both are cropped.
        image: Height and width of the network's input in pixels.
    """
    spots = _spots(layer) if whole_images(layer, image) else []
    sides = sorted(spot.side for spot in spots if spot.side)
    if not sides:
        return layer
    side = max(sides[ceil(MOST * len(sides)) - 1], ceil(LEAST * min(image)), AROUND * _own_side(layer))
    return layer if side >= min(image) else _cropped(layer, _boxes(spots, side, image))


def _spots(layer: LayerProjections) -> list[Spot]:
    if layer.own is None:
        return [find_spot(patch) for patch in layer.patches]
    middles = [((top + bottom) / 2, (left + right) / 2) for top, left, bottom, right in layer.own.tolist()]
    return [find_spot(patch, middle) for patch, middle in zip(layer.patches, middles, strict=True)]


def _own_side(layer: LayerProjections) -> int:
    """Pixels on a side of the neurons' own patches; 0 where they have none."""
    return 0 if layer.own is None else int((layer.own[:, 2:] - layer.own[:, :2]).max())


def find_spot(patch: Shaped[Tensor, "c h w"], middle: tuple[float, float] | None = None) -> Spot:
    """Where the energy of a projection of a whole image lies.

    Args:
        patch: The projection.
        middle: The point around which it is sought, (y, x) in pixels; None: its centre of mass.
    """
    energy = patch.double().square().sum(0)
    if not energy.any():
        return Spot(*(middle or (energy.shape[0] / 2, energy.shape[1] / 2)), 0)
    y, x = middle or (_centre(energy.sum(1)), _centre(energy.sum(0)))
    held = shares(energy, y, x)
    return Spot(y, x, min(int((held < SHARE).sum()) + 1, len(held)))


def shares(energy: Float[Tensor, "h w"], y: float, x: float) -> Float[Tensor, " side"]:
    """The part of the energy in squares around a point, with sides from 1 to the image's shorter side."""
    height, width = energy.shape
    side = torch.arange(1, min(height, width) + 1)
    top, left = starts(y, side, height), starts(x, side, width)
    before = pad(energy.cumsum(0).cumsum(1), (1, 0, 1, 0))  # at [i, j]: the sum over rows < i, columns < j
    inside = (
        before[top + side, left + side]
        - before[top, left + side]
        - before[top + side, left]
        + before[top, left]
    )
    return inside / before[-1, -1]


def starts(
    centre: float | Float[Tensor, " n"], side: int | Int[Tensor, " n"], length: int
) -> Int[Tensor, " n"]:
    """The first pixels of stretches around centres, each moved to lie between 0 and ``length``.

    Of the stretches around one centre, each lies inside the next longer one.
    """
    first = torch.as_tensor(centre - side / 2 + 0.5).floor().long()
    return first.clamp(min=0).minimum(torch.as_tensor(length - side))


def _centre(energy: Float[Tensor, " length"]) -> float:
    """The centre of mass along one axis, in pixels from its beginning."""
    middles = torch.arange(len(energy)) + 0.5
    return float((middles * energy).sum() / energy.sum())


def _boxes(spots: list[Spot], side: int, image: tuple[int, int]) -> Int[Tensor, "n 4"]:
    """Squares around spots, moved inside the image."""
    top = starts(torch.tensor([spot.y for spot in spots], dtype=torch.float64), side, image[0])
    left = starts(torch.tensor([spot.x for spot in spots], dtype=torch.float64), side, image[1])
    return torch.stack((top, left, top + side, left + side), dim=1)


def _cropped(layer: LayerProjections, box: Int[Tensor, "n 4"]) -> LayerProjections:
    """A layer of whole images, cropped to boxes of equal size inside them."""
    edges = zip(layer.patches, box.tolist(), strict=True)
    crops = [patch[:, top:bottom, left:right] for patch, (top, left, bottom, right) in edges]
    return replace(layer, box=box, patches=torch.stack(crops))
