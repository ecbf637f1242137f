"""Forward passes in fewer bits: faster and smaller on cards made for it, at the cost of digits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, TypeVar

import torch
from torch import Tensor

from interpret.errors import ModelError

T = TypeVar("T")

Precision = Literal["float32", "bfloat16", "float16"]
"""The numbers that forward passes multiply; what comes out is as wide as the weights."""

REDUCED = {"bfloat16": torch.bfloat16, "float16": torch.float16}


def require_precision(precision: str) -> Precision:
    """Raise ModelError unless it is one.

    Example:
        >>> require_precision("bfloat16")
        'bfloat16'
    """
    if precision not in ("float32", *REDUCED):
        raise ModelError(f"precision is float32, bfloat16 or float16. Got {precision!r}.")
    return precision  # type: ignore[return-value]


@contextmanager
def reduced(precision: Precision, device: torch.device) -> Iterator[None]:
    """While this holds, convolutions and matrix products take numbers of fewer bits.

    As PyTorch's autocast does it: weights are rounded on the way, sums and norms stay wide.
    """
    if precision == "float32":
        yield
        return
    with torch.autocast(device.type, REDUCED[precision]):
        yield


def widened(tap: Callable[[Tensor], T], dtype: torch.dtype) -> Callable[[Tensor], T]:
    """A function of a layer's output that gets it in a wider type."""
    return lambda output: tap(widen(output, dtype))


def widen(output: T, dtype: torch.dtype) -> T:
    """A tensor of few bits in a wider type; anything else as it is."""
    if isinstance(output, Tensor) and output.dtype in REDUCED.values():
        return output.to(dtype)  # type: ignore[return-value]
    return output
