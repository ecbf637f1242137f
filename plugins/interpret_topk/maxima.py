"""How strong a unit gets, image by image: counts of maxima over bins that are the same for all layers.

The bins are fixed, so counts over parts of a dataset add up: in any order, to the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import ldexp, sqrt

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

__all__ = ["count_maxima", "maxima_edges", "no_maxima", "sum_maxima"]

OCTAVES = 16
"""Powers of two below and above 1 that have bins of their own."""

WITHIN = (1.0, sqrt(sqrt(2.0)), sqrt(2.0), sqrt(sqrt(8.0)))
"""Where the bins of an octave begin: square roots, which come out the same on every processor."""

BINS = 2 * OCTAVES * len(WITHIN) + 3
"""One for maxima up to 0, one below and one above the grid."""


def maxima_edges() -> Float[Tensor, " edge"]:
    """The edges between the bins of ``LayerExemplars.maxima``: 0, then four to every doubling.

    Bin i counts the maxima m with ``edges[i - 1] < m <= edges[i]``: the first one those up to 0, the last one
    those beyond 65,536.

    Example:
        >>> maxima_edges()[[0, 1, 65, 69, -1]].tolist()
        [0.0, 1.52587890625e-05, 1.0, 2.0, 65536.0]
    """
    octaves = range(-OCTAVES, OCTAVES)
    powers = [ldexp(step, octave) for octave in octaves for step in WITHIN]
    return torch.tensor([0.0, *powers, ldexp(1.0, OCTAVES)])


@lru_cache(8)
def _edges(device: torch.device, dtype: torch.dtype) -> Float[Tensor, " edge"]:
    return maxima_edges().to(device, dtype)


def no_maxima(units: int, device: torch.device) -> Int[Tensor, "unit bin"]:
    """Counts before any image was seen."""
    return torch.zeros(units, BINS, dtype=torch.int32, device=device)


def count_maxima(
    counts: Int[Tensor, "unit bin"], best: Float[Tensor, "n unit"], known: Bool[Tensor, "n unit"] | None
) -> None:
    """Add the maxima of a batch, in place.

    Args:
        counts: How many images have their maximum in each bin.
        best: The largest value of every unit in every image.
        known: Where there is one; None: everywhere.
    """
    values = best.to(torch.float64 if best.dtype == torch.float64 else torch.float32)
    edges = _edges(values.device, values.dtype)
    places = torch.bucketize(values, edges) + torch.arange(len(counts), device=values.device) * BINS
    places = places.flatten() if known is None else places[known]
    ones = torch.ones_like(places, dtype=counts.dtype)
    counts.view(-1).scatter_add_(0, places, ones)


def sum_maxima(parts: Sequence[Int[Tensor, "unit bin"]]) -> Int[Tensor, "unit bin"]:
    """The counts over all parts of a dataset."""
    return torch.stack(list(parts)).sum(0, dtype=parts[0].dtype)
