"""Whether two tensors differ by more than rounding."""

from __future__ import annotations

import torch
from torch import Tensor

from interpret.modules.returned import is_dense

ROUNDING = 1e-4
"""Difference, relative to the largest value of a layer, from which on rounding is no longer believed."""

ROUNDING_DOUBLE = 1e-6
"""The same in double precision, where every suspicion is tested again."""


def differs(known: Tensor, found: Tensor, row: int, rounding: float) -> bool:
    """Whether one image's values (1, ...) are others in a row of (2, ...); other shapes are left out."""
    if (
        not is_dense(known)
        or not is_dense(found)
        or known.shape[:1] != (1,)
        or found.shape != (2, *known.shape[1:])
    ):
        return False
    return not alike(known, found[row : row + 1], rounding)


def alike(one: Tensor, other: Tensor, rounding: float) -> bool:
    """Whether two tensors are equal but for rounding; not-a-numbers are equal."""
    if one.is_complex():
        one, other = torch.view_as_real(one.resolve_conj()), torch.view_as_real(other.resolve_conj())
    if not one.is_floating_point():
        return torch.equal(one, other)
    if one.numel() and (one - other).abs_().amax() <= rounding * one.abs().amax():
        return True
    finite = one[one.isfinite()]
    scale = float(finite.abs().max()) if finite.numel() else 0.0
    return torch.allclose(one, other, rtol=0, atol=rounding * scale, equal_nan=True)
