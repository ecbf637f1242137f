"""Pairs of unit vectors with a large product, out of more pairs than fit into memory."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from interpret.errors import InterpretError
from interpret.progress import track

MAX_PAIRS = 1_000_000
"""More would fill the memory and tell nobody anything."""

DIGITS = 6
"""Correlations are rounded to so many digits: what is left is the same on every processor."""

_ROWS, _COLUMNS = 1024, 8192  # products at once: 32 MB
_DOUBT = 1e-5  # more than rounding changes a product of float32 vectors by
_PAIRS = 4096  # computed again at once: 8 MB each of whole numbers
_SCALE = 2**30  # of unit vectors in whole numbers: no sum of their products is beyond 2**60


@dataclass(frozen=True)
class Matches:
    """Pairs of rows of two matrices that correlate, largest correlation first, then by row, then by column.

    Attributes:
        rows: Rows of the first matrix.
        columns: Rows of the second.
        correlation: From -1 to 1, rounded to six digits.
        mirrored: Whether the second row's picture had to be mirrored for it.
    """

    rows: Int[Tensor, " pair"]
    columns: Int[Tensor, " pair"]
    correlation: Float[Tensor, " pair"]
    mirrored: Bool[Tensor, " pair"]


def correlated(
    a: Float[Tensor, "n pixels"], b: Float[Tensor, "m pixels"], threshold: float, *, mirror: bool = False
) -> Matches:
    """The pairs of rows whose product, rounded to six digits, reaches the threshold.

    The last bits of a matrix product depend on the processor, so that equal pairs would come in any order. A
    fast product finds the pairs in question; theirs are summed again in whole numbers, which are exact, and
    rounded.

    Args:
        a: Unit vectors, or zero.
        b: The same.
        threshold: The least product, rounded alike.
        mirror: The rows of ``b`` are square pictures: take the larger of the products with each and with its
            mirror image.

    Raises:
        InterpretError: If there are more than ``MAX_PAIRS``.
    """
    found: list[tuple[np.ndarray, ...]] = []
    for top, left in track(_corners(len(a), len(b))):
        x, y = a[top : top + _ROWS].numpy(), b[left : left + _COLUMNS].numpy()
        row, column, *values = _pairs(x, y, threshold, mirror)
        found.append((row + top, column + left, *values))
        _check_count(sum(len(part[0]) for part in found), threshold)
    rows, columns, correlation, mirrored = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((columns, rows, -correlation))
    return Matches(*(torch.from_numpy(part[order]) for part in (rows, columns, correlation, mirrored)))


def _check_count(pairs: int, threshold: float) -> None:
    if pairs > MAX_PAIRS:
        raise InterpretError(
            f"More than {MAX_PAIRS:,} pairs correlate by {threshold} or more. Raise the threshold."
        )


def _corners(n: int, m: int) -> list[tuple[int, int]]:
    """Where the blocks of n x m products begin; one, which is empty, where there are no products."""
    return [(top, left) for top in range(0, max(n, 1), _ROWS) for left in range(0, max(m, 1), _COLUMNS)]


def _pairs(x: np.ndarray, y: np.ndarray, threshold: float, mirror: bool) -> tuple[np.ndarray, ...]:
    """The pairs of one block; in numpy, as memory that torch frees between small tensors stays unused."""
    products = x @ y.T
    largest = np.maximum(products, x @ _mirror(y).T) if mirror else products
    _check_count(int((largest >= threshold + _DOUBT).sum()), threshold)
    rows, columns = np.nonzero(largest >= threshold - _DOUBT)
    plain = _exact(x, y, rows, columns)
    flipped = _exact(x, _mirror(y), rows, columns) if mirror else plain
    correlation = np.maximum(plain, flipped)
    kept = correlation >= round(threshold, DIGITS)
    return rows[kept], columns[kept], correlation[kept], (flipped > plain)[kept]


def _exact(x: np.ndarray, y: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The products of some pairs, summed in whole numbers, whose order does not matter, and rounded."""
    first, second = (np.rint(one.astype(np.float64) * _SCALE).astype(np.int64) for one in (x, y))
    sums = np.zeros(len(rows), dtype=np.int64)
    for start in range(0, len(rows), _PAIRS):
        part = slice(start, start + _PAIRS)
        sums[part] = (first[rows[part]] * second[columns[part]]).sum(1)
    return np.round(sums / _SCALE**2, DIGITS).clip(-1, 1)


def _mirror(y: np.ndarray) -> np.ndarray:
    size = math.isqrt(y.shape[1])
    return y.reshape(-1, size, size)[:, :, ::-1].reshape(y.shape)
