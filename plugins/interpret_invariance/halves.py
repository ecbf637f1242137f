"""How far until a curve has moved by half, and how straight it is on the way."""

from __future__ import annotations

from math import inf, isfinite, nan

import torch
from jaxtyping import Float
from torch import Tensor


def reach(offsets: Float[Tensor, " step"], moved: Float[Tensor, " step"], level: float) -> float:
    """The smallest offset at which a curve, straight between its points, comes up to a level.

    Args:
        offsets: How far each point is from the identity; the first one is 0, and they rise.
        moved: How far the curve has moved there, at least 0.
        level: What it has to reach.

    Returns:
        An offset; inf where the curve never comes up to the level; NaN where that cannot be said: there is no
        point beyond the identity, the level is not above 0 (nothing moves), or something is no number.
    """
    if len(offsets) < 2 or not isfinite(level) or level <= 0 or not bool(moved.isfinite().all()):
        return nan
    there = (moved >= level).nonzero()
    if not len(there):
        return inf
    after = int(there[0])
    if after == 0:
        return 0.0
    before = after - 1
    share = (level - moved[before]) / (moved[after] - moved[before])
    return float(offsets[before] + share * (offsets[after] - offsets[before]))


def half_widths(
    offsets: Float[Tensor, " step"], moved: Float[Tensor, "curve step"], levels: Float[Tensor, " curve"]
) -> Float[Tensor, "curve 2"]:
    """How far below and above the identity each curve first comes up to its level; see ``reach``.

    Args:
        offsets: How far each step is from the identity, in any order, negative below it; one is 0.
        moved: How far each curve has moved at each step.
        levels: What each curve has to reach.
    """
    sides = []
    for sign in (-1, 1):
        signed = sign * offsets.double()
        chosen = (signed >= 0).nonzero()[:, 0]
        order = chosen[signed[chosen].argsort()]
        away, curves = signed[order], moved.double()[:, order]
        sides.append([reach(away, curve, float(level)) for curve, level in zip(curves, levels, strict=True)])
    return torch.tensor(sides, dtype=torch.float64).T.reshape(-1, 2)


def linearity(offsets: Float[Tensor, " step"], moved: Float[Tensor, "curve step"]) -> Float[Tensor, " curve"]:
    """How much of each curve is a straight line from the identity: R squared, 1 for a straight one.

    One slope serves each side of the identity, by least squares. Below 0 the line is worse than the curve's
    mean, as for a curve that jumps at the first step; NaN where the curve does not move.

    Args:
        offsets: How far each step is from the identity, negative below it.
        moved: How far each curve has moved at each step.
    """
    curves, away = moved.double(), offsets.double()
    missed = torch.zeros_like(curves)
    for side in (away < 0, away > 0):
        x, y = away[side], curves[:, side]
        slope = (y @ x) / x.square().sum()
        missed[:, side] = y - slope[:, None] * x
    spread = (curves - curves.mean(1, keepdim=True)).square().sum(1)
    explained: Tensor = 1 - missed.square().sum(1) / spread
    return explained.masked_fill(spread == 0, nan)
