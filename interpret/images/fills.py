"""What stands where pixels were taken away: a colour, the image's mean, its blur, or noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from interpret.errors import InterpretError
from interpret.images.inputs import InputSpec

__all__ = ["Border", "Fill", "blurred", "filled", "gaussian_window"]

Fill: TypeAlias = float | tuple[float, ...] | Literal["mean", "blur", "noise"]
"""A grey, a colour, the image's mean colour, the image blurred, or noise; pixels go from 0 to 1."""

Border: TypeAlias = Literal["mirror", "repeat"]
"""What a blur finds beyond the border: the image mirrored, or its last pixels repeated."""

REACH = 3
"""Standard deviations at which a blur ends."""


def filled(
    spec: InputSpec, x: Float[Tensor, "c h w"], fill: Fill, window: tuple[int, int], seed: int = 0
) -> Float[Tensor, "c h w"]:
    """What an occluder shows wherever it stands, as the network takes it.

    Args:
        spec: What the network takes.
        x: The image.
        fill: What is shown. The blur has a standard deviation of half the window, so that nothing of its
            size is left; the noise is uniform from 0 to 1.
        window: Height and width of the occluder.
        seed: Of the noise.

    Raises:
        InterpretError: If there is no such fill, or a colour has another number of channels.

    Example:
        >>> spec = InputSpec((2, 2), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
        >>> filled(spec, torch.zeros(3, 2, 2), (1.0, 0.5, 0.0), (1, 1))[:, 0, 0].tolist()
        [1.0, 0.0, -1.0]
    """
    if isinstance(fill, str):
        return spec.normalize(_made(spec.denormalize(x), fill, window, seed))
    return spec.normalize(x.new_tensor(_colour(fill, len(x)))[:, None, None].expand_as(x))


def blurred(
    x: Float[Tensor, "n c h w"], sigma: tuple[float, float], border: Border = "mirror"
) -> Float[Tensor, "n c h w"]:
    """Images under a Gaussian, which ends after three standard deviations, or with a mirrored image.

    Along one axis after the other: to rounding what both at once give, and many times faster.

    Args:
        x: The images.
        sigma: Standard deviation in pixels, down and across.
        border: What it finds beyond the border.
    """
    longest = [size - 1 if border == "mirror" else None for size in x.shape[2:]]
    down, across = (_window(*pair).to(x) for pair in zip(sigma, longest, strict=True))
    rows, columns, channels = len(down) // 2, len(across) // 2, x.shape[1]
    mode = "reflect" if border == "mirror" else "replicate"
    x = F.pad(x, (columns, columns, rows, rows), mode=mode)
    x = F.conv2d(x, across.expand(channels, 1, 1, -1), groups=channels)
    return F.conv2d(x, down.expand(channels, 1, 1, -1).transpose(2, 3), groups=channels)


def gaussian_window(size: int, sigma: float) -> Float[Tensor, " size"]:
    """A Gaussian at ``size`` positions about its middle, in float64; its sum is 1."""
    position = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    window = torch.exp(-(position**2) / (2 * sigma**2))
    return window / window.sum()


def _window(sigma: float, longest: int | None) -> Float[Tensor, " size"]:
    """A Gaussian that reaches as far as it should, and at most ``longest`` pixels to each side."""
    reach = max(round(REACH * sigma), 1)
    return gaussian_window(2 * (reach if longest is None else min(reach, longest)) + 1, sigma)


def _made(pixels: Float[Tensor, "c h w"], fill: str, window: tuple[int, int], seed: int) -> Tensor:
    if fill == "mean":
        return pixels.mean((1, 2), keepdim=True).expand_as(pixels)
    if fill == "blur":
        down, across = (max(length / 2, 0.5) for length in window)
        return blurred(pixels[None], (down, across))[0]
    if fill == "noise":
        draw = torch.Generator().manual_seed(seed)
        return torch.rand(pixels.shape, generator=draw, dtype=torch.float64).to(pixels)
    raise InterpretError(f"fill is {fill!r}; it must be a number, a colour, 'mean', 'blur' or 'noise'.")


def _colour(fill: float | Sequence[float], channels: int) -> list[float]:
    values = [fill] * channels if isinstance(fill, int | float) else fill
    if not isinstance(values, Sequence) or not all(_is_number(value) for value in values):
        raise InterpretError(f"fill is {fill!r}; it must be a number, a colour, 'mean', 'blur' or 'noise'.")
    if len(values) != channels:
        raise InterpretError(f"fill has {len(values)} values, but the image has {channels} channels.")
    if not all(0 <= value <= 1 for value in values):
        raise InterpretError(f"fill is {fill}, but pixels go from 0 (black) to 1 (white).")
    return [float(value) for value in values]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
