"""Pixels made brighter, of more contrast, or blurred.

What leaves the range from 0 to 1 is cut off there, as a photograph does; where the image itself goes beyond
(tensors that are no photographs), at its own extremes.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

REACH = 3
"""Standard deviations at which a blur ends."""


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
    from torchvision.transforms.v2.functional import gaussian_blur  # noqa: PLC0415 - takes a second

    room = [size - 1 for size in reversed(pixels.shape[2:])]
    blurred = []
    for image, sigma in zip(pixels, sigmas.tolist(), strict=True):
        sides = [2 * min(max(round(REACH * sigma), 1), most) + 1 for most in room]
        blurred.append(gaussian_blur(image, sides, [sigma, sigma]) if sigma > 0 else image)
    return torch.stack(blurred)


def _column(factors: Tensor, pixels: Tensor) -> Tensor:
    return factors.to(pixels)[:, None, None, None]


def _cut(changed: Tensor, pixels: Tensor) -> Tensor:
    low = pixels.amin((1, 2, 3), keepdim=True).clamp(max=0)
    high = pixels.amax((1, 2, 3), keepdim=True).clamp(min=1)
    return changed.clamp(low, high)
