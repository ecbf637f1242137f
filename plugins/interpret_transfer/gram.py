"""Products of all pairs of feature vectors, streamed: what a linear classifier needs of long vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.errors import InterpretError
from interpret.progress import track
from interpret_transfer.features import COLUMNS, Features

Scaling = Literal["length", "standard", "none"]
"""``length``: each vector to length 1; ``standard``: each dimension to mean 0 and variance 1."""

ROWS = 1024
"""Rows of the product that are computed at a time: what is held beside the product itself."""


def gram(
    features: Features, *, scaling: Scaling = "length", train: Sequence[int] = ()
) -> Float[Tensor, "image image"]:
    """The inner products of all pairs of feature vectors, in float64.

    Dimensions are read in blocks: beside the result itself memory does not grow with their number, 290,400
    for the paper's first layer. Differences from the mean are multiplied in float32 and added up in float64,
    so that what rounding leaves is small beside the differences, not only beside the vectors.

    Args:
        features: n vectors.
        scaling: What is done with the vectors first.
        train: The rows that say mean and variance of each dimension, for ``standard``; default: all.

    Raises:
        InterpretError: If a feature is not a finite number.
    """
    total = torch.zeros(len(features), len(features), dtype=torch.float64)
    squares = torch.zeros(len(features), dtype=torch.float64)
    for start in track(range(0, features.dimension, COLUMNS)):
        x = features.columns(start, start + COLUMNS)
        _require_finite(x)
        x = standardised(x, train) if scaling == "standard" else x
        squares += _by_rows(x, lambda part: part.square().sum(1))
        more = torch.zeros_like(squares) if scaling == "standard" else centred(x)
        _add(total, x, more)
    total.diagonal().copy_(squares)  # those of zeros are zero
    if scaling == "length":
        of_length_one(total)
    _mirror(total)
    return total


def standardised(
    x: Float[Tensor, "image dimension"], train: Sequence[int] = ()
) -> Float[Tensor, "image dimension"]:
    """Every dimension with mean 0 and variance 1 over the rows ``train``; constant ones become 0 there."""
    known = (x[list(train)] if len(train) else x).double()  # else the mean of equal numbers is another one
    mean = known.mean(0)
    deviation = (known - mean).square_().mean(0).sqrt()
    return (x - mean.to(x)) / torch.where(deviation > 0, deviation, 1.0).to(x)


def of_length_one(products: Float[Tensor, "image image"]) -> Float[Tensor, "image image"]:
    """The products of the same vectors, each divided by its length, in place; vectors of zeros stay zero."""
    length = products.diagonal().sqrt()
    scale = torch.where(length > 0, 1 / length, 0.0)
    return products.mul_(scale[:, None]).mul_(scale)


def _require_finite(x: Float[Tensor, "image dimension"]) -> None:
    bad = (~x.isfinite().all(1)).nonzero()[:, 0].tolist()
    if bad:
        raise InterpretError(
            f"The features of {len(bad)} of {len(x)} images are not finite numbers; the first is image "
            f"{bad[0]}. The network's weights may hold NaN, or its numbers overflow."
        )


def centred(x: Float[Tensor, "image dimension"]) -> Float[Tensor, " image"]:
    """Subtract the mean of the vectors, in place.

    Returns:
        What the products of the vectors have more than those of the differences: that of image i and image j
        is the sum of the i-th and the j-th number. With d = x - m, x·x' = d·d' + x·m + x'·m - m·m.
    """
    mean = x.mean(0)
    more = _by_rows(x, lambda part: part @ mean.double()) - mean.double().square().sum() / 2
    x -= mean
    return more


def _by_rows(x: Float[Tensor, "image dimension"], of: Callable[[Tensor], Tensor]) -> Float[Tensor, " image"]:
    """A number of each vector, in float64; some vectors at a time, as these are copied for that."""
    return torch.cat([of(part.double()) for part in torch.split(x, ROWS)])


def _add(
    total: Float[Tensor, "image image"], x: Float[Tensor, "image dimension"], more: Float[Tensor, " image"]
) -> None:
    """Add the products of one block of dimensions, above the diagonal only; ``more`` as from `centred`."""
    for start in range(0, len(x), ROWS):
        rows = slice(start, start + ROWS)
        products = (x[rows] @ x[start:].T).double() + more[rows, None] + more[start:]
        total[rows, start:] += products.triu_()


def _mirror(total: Float[Tensor, "image image"]) -> None:
    """Copy what is above the diagonal to below it, in place: with many images a second matrix is too much."""
    for start in range(0, len(total), ROWS):
        rows, below = slice(start, start + ROWS), slice(start + ROWS, None)
        total[rows, rows] += total[rows, rows].triu(1).T
        total[below, rows] = total[rows, below].T
