"""Signs of changes, and the Hamming distance between those of two images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float, Int8
from torch import Tensor

Zeros: TypeAlias = Literal["agree", "ignore"]
"""How values that do not change count.

``agree``: no change is a third sign, so two of them agree, and one beside a change differs. ``ignore``: only
the dimensions count in which both of two images change.
"""


@dataclass(frozen=True)
class Distances:
    """The distances between all pairs of some sign vectors, from 0 to 1.

    Attributes:
        agree: Share of all dimensions in which two signs differ; zero is a sign of its own.
        ignore: The same share among the dimensions where neither is zero; NaN where there are none.
    """

    agree: Float[Tensor, "*set n n"]
    ignore: Float[Tensor, "*set n n"]


def signs(change: Float[Tensor, "n d"], tolerance: float = 0.0) -> Int8[Tensor, "n d"]:
    """The sign of every value: -1, 0 or 1.

    Args:
        change: One change in each row.
        tolerance: Values up to this part of the largest of their row count as zero; 0: exact zeros only.
    """
    size = change.abs()
    zero = size <= tolerance * size.amax(1, keepdim=True)
    return change.sign().masked_fill(zero, 0).to(torch.int8)


def hamming(vectors: Int8[Tensor, "*set n d"], chunk: int = 8192) -> Distances:
    """The distances between all pairs of sign vectors under both rules for zeros, by matrix products.

    With s the signs, s s' counts the dimensions that agree minus those that are opposite, and |s| |s|' those
    where both change. They are sums of whole numbers below 2**24, which float32 holds exactly.

    Args:
        vectors: Values -1, 0 and 1; those of different sets are not compared.
        chunk: Dimensions that are compared at once, which bounds the memory.
    """
    dimensions = vectors.shape[-1]
    net = torch.zeros(*vectors.shape[:-1], vectors.shape[-2], dtype=torch.float64)
    both = torch.zeros_like(net)
    for start in range(0, dimensions, chunk):
        part = vectors[..., start : start + chunk].float()
        net += part @ part.mT
        part.abs_()
        both += part @ part.mT
    changing = both.diagonal(dim1=-2, dim2=-1)
    alike, opposite = (both + net) / 2, (both - net) / 2
    differing = changing[..., None] + changing[..., None, :] - both - alike
    return Distances(differing / dimensions, opposite / both)
