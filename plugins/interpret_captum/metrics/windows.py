"""The Gaussian window that blurs an image and weighs its neighbourhoods."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def gaussian_window(size: int, sigma: float) -> Float[Tensor, " size"]:
    """A Gaussian at ``size`` places about its middle, in float64; its sum is 1."""
    place = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    window = torch.exp(-(place**2) / (2 * sigma**2))
    return window / window.sum()


def blur(x: Float[Tensor, "n c h w"], sigma: float) -> Float[Tensor, "n c h w"]:
    """Images under a Gaussian of ``sigma`` pixels; beyond its border an image is repeated."""
    radius = max(round(3 * sigma), 1)
    window = gaussian_window(2 * radius + 1, sigma).to(x)
    channels = x.shape[1]
    x = F.pad(x, (radius, radius, radius, radius), mode="replicate")
    across = window.expand(channels, 1, 1, -1)
    x = F.conv2d(x, across, groups=channels)
    return F.conv2d(x, across.transpose(2, 3), groups=channels)
