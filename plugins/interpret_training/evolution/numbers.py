"""Numbers of an evolution: how much of a unit's strongest images is new, and how much is there to stay."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Float16, Int
from torch import Tensor

__all__ = ["quartiles"]


def winners(values: Float[Tensor, "*any rank"], image: Int[Tensor, "*any rank"]) -> Int[Tensor, "*any rank"]:
    """The images in which a unit is strongest and positive; -1 for the others: they tell of no feature."""
    return image.masked_fill(values <= 0, -1)


def share(one: Int[Tensor, "unit rank"], other: Int[Tensor, "unit rank"]) -> Float[Tensor, " unit"]:
    """The share, 0 to 1, of one set of images that is in another; NaN where the first is empty.

    Args:
        one: The images of each unit, each once; -1 is none.
        other: The same.
    """
    there = one >= 0
    found = there & (one[:, :, None] == other[:, None, :]).any(2)
    return found.sum(1).float() / there.sum(1)  # 0 / 0 is NaN


def turnover(top: Int[Tensor, "unit epoch rank"]) -> Float[Tensor, "unit epoch"]:
    """The share, 0 to 1, of the strongest images that were not among them one checkpoint before.

    NaN at the first checkpoint, and where the unit is dead at this one or the one before.

    Args:
        top: The `winners` of each unit at each checkpoint.
    """
    changed = torch.full(top.shape[:2], torch.nan)
    for epoch in range(1, top.shape[1]):
        new = 1 - share(top[:, epoch], top[:, epoch - 1])
        changed[:, epoch] = new.masked_fill((top[:, epoch - 1] < 0).all(1), torch.nan)
    return changed


def overlap(top: Int[Tensor, "unit epoch rank"]) -> Float[Tensor, "unit epoch"]:
    """The share, 0 to 1, of the last checkpoint's strongest images that are among those of each checkpoint.

    It is 1 at the last one by definition, 0 where a unit that lives at the end is still dead, and NaN for
    units that are dead at the end.

    Args:
        top: The `winners` of each unit at each checkpoint.
    """
    return torch.stack([share(top[:, -1], then) for then in top.unbind(1)], 1)


def settled(
    kept: Float[Tensor, "unit epoch"], epochs: Sequence[int], threshold: float
) -> Int[Tensor, " unit"]:
    """The epoch from which on a unit keeps enough of its final images; -1 for units that are dead at the end.

    Args:
        kept: The `overlap` with the last checkpoint.
        epochs: The epoch of each checkpoint.
        threshold: How much is enough, at that checkpoint and at every later one, 0 to 1.
    """
    stays = (kept >= threshold).flip(1).cumprod(1).flip(1)
    first = torch.tensor(list(epochs))[stays.argmax(1)]
    return first.masked_fill(kept[:, -1].isnan(), -1)


def similarity(patches: Float16[Tensor, "row epoch channel height width"]) -> Float[Tensor, "row epoch"]:
    """The cosine of each projection with that of the checkpoint before, -1 to 1; NaN where one is missing.

    Patches are compared as they are cropped, pixel by pixel around the neuron.
    """
    flat = patches.flatten(2).double()
    flat = flat / flat.norm(dim=2, keepdim=True)  # a missing one is zero, and becomes NaN
    return torch.nn.functional.pad((flat[:, 1:] * flat[:, :-1]).sum(2), (1, 0), value=torch.nan).float()


def quartiles(values: Float[Tensor, "unit epoch"]) -> Float[Tensor, "3 epoch"]:
    """Lower quartile, median and upper quartile over the units; NaN are left out."""
    levels = torch.tensor([0.25, 0.5, 0.75], dtype=values.dtype)
    return torch.nanquantile(values, levels, dim=0)
