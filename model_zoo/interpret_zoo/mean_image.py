"""The mean image, subtracted by the network itself."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class MeanImage(nn.Module):
    """Subtracts the mean image of the training set from every image (paper section 3).

    The mean is a part of the network: it is saved and loaded with the weights, and whoever asks the network
    later need not know of it. It is as large as photographs are scaled to, since views other than the centre
    have their own part of it; the network subtracts the centre. It is zero until a training sets it.

    Args:
        channels: Channels of the input.
        size: Height and width of the network's input in pixels.
        whole: Height and width that photographs are scaled to before they are cropped.
    """

    mean: Float[Tensor, "c h w"]

    def __init__(self, channels: int, size: tuple[int, int], whole: tuple[int, int]) -> None:
        super().__init__()
        self.size = size
        self.corner = tuple(round((large - small) / 2) for large, small in zip(whole, size, strict=True))
        self.register_buffer("mean", torch.zeros(channels, *whole))

    @property
    def centre(self) -> Float[Tensor, "c height width"]:
        """The part that belongs to the centre of a photograph."""
        (top, left), (height, width) = self.corner, self.size
        return self.mean[:, top : top + height, left : left + width]

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """The images without their mean, in units of the network's input."""
        return x - self.centre
