"""Pixels made brighter, of more contrast, or blurred.

What leaves the range from 0 to 1 is cut off there, as a photograph does; where the image itself goes beyond
(tensors that are no photographs), at its own extremes.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.images import blurred


def brighten(pixels: Float[Tensor, "n c h w"], factors: Float[Tensor, " n"]) -> Float[Tensor, "n c h w"]:
    """Each image times a factor: 0 is black, 1 leaves it."""
    return _cut(pixels * _column(factors, pixels), pixels)


def stretch(pixels: Float[Tensor, "n c h w"], factors: Float[Tensor, " n"]) -> Float[Tensor, "n c h w"]:
    """Each image's differences from its mean times a factor: 0 is plain grey, 1 leaves it.

    The mean is one number, over pixels and channels.
    """
    mean = pixels.mean((1, 2, 3), keepdim=True)
    return _cut(mean + (pixels - mean) * _column(factors, pixels), pixels)


def blur(pixels: Float[Tensor, "n c h w"], sigmas: Float[Tensor, " n"]) -> Float[Tensor, "n c h w"]:
    """Each image under a Gaussian of this standard deviation in pixels; 0 leaves it.

    The image is mirrored at its border; the Gaussian ends after 3 standard deviations, or with the image.
    """
    found = [
        blurred(image, (sigma, sigma)) if sigma > 0 else image
        for image, sigma in zip(pixels[:, None], sigmas.tolist(), strict=True)
    ]
    return torch.cat(found)


def _column(factors: Tensor, pixels: Tensor) -> Tensor:
    return factors.to(pixels)[:, None, None, None]


def _cut(changed: Tensor, pixels: Tensor) -> Tensor:
    low = pixels.amin((1, 2, 3), keepdim=True).clamp(max=0)
    high = pixels.amax((1, 2, 3), keepdim=True).clamp(min=1)
    return changed.clamp(low, high)
