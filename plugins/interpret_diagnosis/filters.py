"""What the weights of a convolution say: how large its filters are, and which of them are alike."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from interpret.errors import InterpretError
from interpret.records import Record


def filter_rms(
    weight: Float[Tensor, "unit channel h w"], scale: Float[Tensor, " channel"] | None = None
) -> Float[Tensor, " unit"]:
    """Root mean square of the weights of each filter, in float64 (paper, section 3).

    Args:
        weight: The filters of one convolution.
        scale: What divides the weights of each input channel first. The paper's radius of 0.1 is meant for
            pixels of -128 to 128; an input divided by ``std`` (in pixels of 0 to 1) takes weights that are
            255 std times larger.

    Raises:
        InterpretError: If the weights are no filters (unit, channel, h, w).
    """
    weight = as_filters(weight)
    compared = weight if scale is None else weight / scale.double()[:, None, None]
    return compared.square().mean((1, 2, 3)).sqrt()


def relative_size(size: Float[Tensor, " unit"]) -> Float[Tensor, " unit"]:
    """The size of each filter as a multiple of the median; of the mean where the median is 0.

    All are 1 where all filters are zero.
    """
    middle = size.median()
    middle = middle if middle > 0 else size.mean()
    return size / middle if middle > 0 else torch.ones_like(size)


@dataclass(frozen=True)
class Pairs(Record):
    """Pairs of filters that are alike, the most alike first.

    Attributes:
        units: The two units of each pair, the smaller number first.
        similarity: The correlation of each pair, up to 1.
    """

    units: Int[Tensor, "pair 2"]
    similarity: Float[Tensor, " pair"]


def duplicates(
    weight: Float[Tensor, "unit channel h w"], threshold: float = 0.95, *, groups: int = 1, shift: int = 1
) -> Pairs:
    """Pairs of filters that are nearly the same up to their strength.

    Args:
        weight: The filters of one convolution.
        threshold: Similarity from which on a pair counts; see ``similarities``.
        groups: Groups of the convolution: filters of different groups see different maps and are never alike.
        shift: By how many pixels, down and across, one filter may be moved against the other.

    Raises:
        InterpretError: If the weights are no filters, or do not divide into the groups.
    """
    found = similarities(weight, groups=groups, shift=shift)
    one, other = (found.triu(1) >= threshold).nonzero().unbind(1)
    order = found[one, other].argsort(descending=True, stable=True)
    return Pairs(torch.stack([one, other], 1)[order], found[one, other][order])


def similarities(
    weight: Float[Tensor, "unit channel h w"], *, groups: int = 1, shift: int = 1
) -> Float[Tensor, "unit unit"]:
    """Cosine of every filter with every other, -1 to 1: the largest over small shifts.

    What is moved out of the window counts as lost, so that a shift never makes two filters more alike than
    they are. The sign is kept: behind a ReLU a filter and its negative answer to different things. A filter
    of zeros is like no other, itself included, and so are filters of different groups.

    Args:
        weight: The filters of one convolution.
        groups: Groups of the convolution.
        shift: Largest shift in pixels, down and across.

    Raises:
        InterpretError: If the weights are no filters, or do not divide into the groups.
    """
    weight = as_filters(weight)
    unit = weight.flatten(1)
    unit = F.normalize(unit, dim=1).reshape(weight.shape)
    both = F.conv2d(unit, unit, padding=shift).flatten(2).amax(2)
    found = torch.maximum(both, both.T).clamp(-1, 1)
    return found.masked_fill(~_together(len(weight), groups), 0)


def _together(units: int, groups: int) -> Bool[Tensor, "unit unit"]:
    """Which units are in one group."""
    if groups < 1 or units % groups:
        raise InterpretError(f"{units} filters do not divide into {groups} groups.")
    group = torch.arange(units) // (units // groups)
    return group[:, None] == group


def as_filters(weight: Tensor) -> Float[Tensor, "unit channel h w"]:
    """The weights in float64 on the CPU.

    Raises:
        InterpretError: If they are no filters (unit, channel, h, w).
    """
    if weight.dim() != 4 or not weight.is_floating_point() or 0 in weight.shape:
        raise InterpretError(
            "Filters are real weights (units, channels, height, width), such as conv.weight. "
            f"Got {weight.dtype} of shape {tuple(weight.shape)}."
        )
    return weight.detach().to("cpu", torch.float64)
