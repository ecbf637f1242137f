"""The Gaussian window that blurs an image and weighs its neighbourhoods."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from interpret.images import blurred, gaussian_window

__all__ = ["blur", "gaussian_window"]


def blur(x: Float[Tensor, "n c h w"], sigma: float) -> Float[Tensor, "n c h w"]:
    """Images under a Gaussian of ``sigma`` pixels; beyond its border an image is repeated."""
    return blurred(x, (sigma, sigma), border="repeat")
