"""Pairs of unit vectors with a large product, out of more pairs than fit into memory."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from interpret.errors import InterpretError

MAX_PAIRS = 1_000_000
"""More would fill the memory and tell nobody anything."""

_ROWS, _COLUMNS = 1024, 8192  # products at once: 32 MB
_ROUNDING = 1e-6  # of a product in float32


@dataclass(frozen=True)
class Matches:
    """Pairs of rows of two matrices that correlate, largest correlation first, then in order of rows.

    Attributes:
        rows: Rows of the first matrix.
        columns: Rows of the second.
        correlation: From -1 to 1.
        mirrored: Whether the second row's picture had to be mirrored for it.
    """

    rows: Int[Tensor, " pair"]
    columns: Int[Tensor, " pair"]
    correlation: Float[Tensor, " pair"]
    mirrored: Bool[Tensor, " pair"]


def correlated(
    a: Float[Tensor, "n pixels"], b: Float[Tensor, "m pixels"], threshold: float, *, mirror: bool = False
) -> Matches:
    """The pairs of rows whose product reaches the threshold.

    Args:
        a: Unit vectors, or zero.
        b: The same.
        threshold: The least product; one that is smaller by rounding alone counts too.
        mirror: The rows of ``b`` are square pictures: take the larger of the products with each and with its
            mirror image.

    Raises:
        InterpretError: If there are more than ``MAX_PAIRS``.
    """
    found: list[tuple[np.ndarray, ...]] = []
    for top, left in _corners(len(a), len(b)):
        x, y = a[top : top + _ROWS].numpy(), b[left : left + _COLUMNS].numpy()
        row, column, *values = _pairs(x, y, threshold, mirror)
        found.append((row + top, column + left, *values))
        if sum(len(part[0]) for part in found) > MAX_PAIRS:
            raise InterpretError(
                f"More than {MAX_PAIRS:,} pairs correlate by {threshold} or more. Raise the threshold."
            )
    rows, columns, correlation, mirrored = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((columns, rows, -correlation))
    return Matches(*(torch.from_numpy(part[order]) for part in (rows, columns, correlation, mirrored)))


def _corners(n: int, m: int) -> list[tuple[int, int]]:
    """Where the blocks of n x m products begin; one, which is empty, where there are no products."""
    return [(top, left) for top in range(0, max(n, 1), _ROWS) for left in range(0, max(m, 1), _COLUMNS)]


def _pairs(x: np.ndarray, y: np.ndarray, threshold: float, mirror: bool) -> tuple[np.ndarray, ...]:
    """The pairs of one block; in numpy, as memory that torch frees between small tensors stays unused."""
    products = x @ y.T
    flipped = x @ _mirror(y).T if mirror else products
    largest = np.maximum(products, flipped) if mirror else products
    at = np.nonzero(largest >= threshold - _ROUNDING)
    return *at, largest[at].clip(-1, 1), flipped[at] > products[at]


def _mirror(y: np.ndarray) -> np.ndarray:
    size = math.isqrt(y.shape[1])
    return y.reshape(-1, size, size)[:, :, ::-1].reshape(y.shape)
