"""Where the signal of projections lies: the square to show of each, or to keep."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor
from torch.nn.functional import pad

__all__ = ["SHARE", "Spot", "find_spot", "fullest", "shares", "starts"]


SHARE = 0.9
"""How much of a projection's energy, the sum of its squares, has to lie in its square."""

ALIKE = 1e-6
"""Parts that differ by less than this share of all energy are alike: the one nearest to the spot is taken."""


class Spot(NamedTuple):
    """Where the energy of a projection lies; its middle and 0 where it has none.

    Attributes:
        y: Its centre of mass, or that of the neuron's own patch, in pixels from the upper edge.
        x: The same from the left edge.
        side: Pixels on a side of the smallest square around it that holds ``SHARE`` of the energy.
    """

    y: float
    x: float
    side: int


def find_spot(patch: Shaped[Tensor, "c h w"], middle: tuple[float, float] | None = None) -> Spot:
    """Where the energy of a projection lies.

    Args:
        patch: The projection.
        middle: The point around which it is sought, (y, x) in pixels; None: its centre of mass.
    """
    energy = patch.double().square().sum(0)
    if not energy.any():
        return Spot(*(middle or (energy.shape[0] / 2, energy.shape[1] / 2)), 0)
    y, x = middle or (float(_centres(energy.sum(1))), float(_centres(energy.sum(0))))
    held = shares(energy, y, x)
    return Spot(y, x, min(int((held < SHARE).sum()) + 1, len(held)))


def shares(energy: Float[Tensor, "h w"], y: float, x: float) -> Float[Tensor, " side"]:
    """The part of the energy in squares around a point, with sides from 1 to the shorter side."""
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


def fullest(
    energy: Float[Tensor, "n h w"],
    size: tuple[int, int],
    within: Int[Tensor, "n 4"],
    middle: Float[Tensor, "n 2"] | None = None,
) -> tuple[Int[Tensor, "n 2"], Float[Tensor, " n"]]:
    """The part of each map that holds most of its energy, and the share of all that it holds.

    Of several that hold as much, the one nearest to the middle of the energy and, if it can be, inside
    ``within`` is taken; of a map without energy, the one in the middle, whose share is 1.

    Args:
        energy: Not negative.
        size: Rows and columns of the part.
        within: (top, left, bottom, right), half-open: what of each map lies inside the image.
        middle: Points around which the parts are put, (y, x), whatever they hold; None: they hold most.

    Returns:
        Top and left of the parts, and shares from 0 to 1.
    """
    total = energy.sum((1, 2))
    safe = torch.where(total > 0, total, 1.0)
    held = _sums(_sums(energy, size[0], 1), size[1], 2) / safe[:, None, None]
    wanted = torch.stack([_wanted(energy, middle, size, within, axis) for axis in (0, 1)], 1)
    if middle is None:
        away = [
            (torch.arange(count, device=energy.device)[None] - wanted[:, axis, None]).abs()
            for axis, count in enumerate(held.shape[1:])
        ]
        alike = held >= held.amax((1, 2), keepdim=True) - ALIKE
        far = (away[0][:, :, None] + away[1][:, None]).masked_fill(~alike, sum(energy.shape))
        best = far.flatten(1).argmin(1)
        wanted = torch.stack([best // held.shape[2], best % held.shape[2]], 1)
    share = held[torch.arange(len(held), device=held.device), wanted[:, 0], wanted[:, 1]]
    return wanted, torch.where(total > 0, share, 1.0).clamp(0, 1)


def _sums(values: Float[Tensor, "n h w"], length: int, axis: int) -> Float[Tensor, "n H W"]:
    """The sums over all stretches along an axis."""
    before = torch.cat([torch.zeros_like(values.narrow(axis, 0, 1)), values.cumsum(axis)], axis)
    count = before.shape[axis] - length
    return before.narrow(axis, length, count) - before.narrow(axis, 0, count)


def _wanted(
    energy: Float[Tensor, "n h w"],
    middle: Float[Tensor, "n 2"] | None,
    size: tuple[int, int],
    within: Int[Tensor, "n 4"],
    axis: int,
) -> Int[Tensor, " n"]:
    """Where along an axis the parts begin whose middles are those of the energy; inside the image."""
    centre = _centres(energy.sum(2 - axis)) if middle is None else middle[:, axis].to(energy)
    first = starts(centre, size[axis], energy.shape[1 + axis])
    low, high = within[:, axis], within[:, axis + 2] - size[axis]
    inside = torch.maximum(torch.minimum(first, high), low)
    return torch.where(high >= low, inside, first)


def _centres(energy: Float[Tensor, "*n length"]) -> Float[Tensor, "*n"]:
    """The centres of mass, in pixels from the beginning; the middle where there is no mass."""
    middles = torch.arange(energy.shape[-1], device=energy.device) + 0.5
    total = energy.sum(-1)
    found = (energy * middles).sum(-1) / torch.where(total > 0, total, 1.0)
    return torch.where(total > 0, found, energy.shape[-1] / 2)
