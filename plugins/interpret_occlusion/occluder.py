"""The occluder: where it stands, and what it shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.errors import InterpretError
from interpret.graph.spans import Windows
from interpret.images import InputSpec

Fill = float | tuple[float, ...] | Literal["mean", "blur", "noise"]
"""A grey, a colour, the image's mean colour, the image blurred, or noise; pixels go from 0 to 1."""


def places(extent: int, window: int, stride: int) -> Windows:
    """Where an occluder stands along one axis: every ``stride`` pixels, the last one at the border.

    Args:
        extent: Pixels of the image.
        window: Pixels of the occluder.
        stride: Pixels from one place to the next.

    Raises:
        InterpretError: If the occluder does not fit into the image, or the stride is no step.
    """
    if stride < 1:
        raise InterpretError(f"The stride of an occluder must be at least 1 pixel. Got {stride}.")
    if not 1 <= window <= extent:
        raise InterpretError(
            f"An occluder of {window} pixels does not fit into an image of {extent}. "
            f"Give a window from 1 to {extent}."
        )
    starts = list(range(0, extent - window + 1, stride))
    if starts[-1] + window < extent:
        starts.append(extent - window)
    return Windows(tuple(starts), window)


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
    """
    if isinstance(fill, str):
        pixels = _made(spec.denormalize(x), fill, window, seed)
    else:
        pixels = x.new_tensor(_colour(fill, len(x)))[:, None, None].expand_as(x)
    return spec.normalize(pixels)


def _made(pixels: Tensor, fill: str, window: tuple[int, int], seed: int) -> Tensor:
    if fill == "mean":
        return pixels.mean((1, 2), keepdim=True).expand_as(pixels)
    if fill == "blur":
        return _blurred(pixels, window)
    if fill == "noise":
        draw = torch.Generator().manual_seed(seed)
        return torch.rand(pixels.shape, generator=draw, dtype=torch.float64).to(pixels)
    raise InterpretError(f"fill is {fill!r}; it must be a number, a colour, 'mean', 'blur' or 'noise'.")


def _blurred(pixels: Tensor, window: tuple[int, int]) -> Tensor:
    from torchvision.transforms.functional import gaussian_blur  # noqa: PLC0415 - takes a second

    sigma = [max(length / 2, 0.5) for length in reversed(window)]
    reach = [min(round(3 * s), size - 1) for s, size in zip(sigma, reversed(pixels.shape[1:]), strict=True)]
    blurred: Tensor = gaussian_blur(pixels, [2 * length + 1 for length in reach], sigma)
    return blurred


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
