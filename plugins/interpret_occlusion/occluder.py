"""The occluder: where it stands; what it shows is `interpret.images.fills`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.errors import InterpretError
from interpret.graph import Slices
from interpret.images import Fill, filled

__all__ = ["Fill", "filled", "per_pixel", "places"]


def places(extent: int, window: int, stride: int) -> Slices:
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
    return Slices(tuple(starts), window)


def per_pixel(
    values: Float[Tensor, "*more rows columns"],
    starts: tuple[Sequence[int], Sequence[int]],
    window: tuple[int, int],
    size: tuple[int, int],
) -> Float[Tensor, "*more h w"]:
    """Values of places averaged over the occluders that cover each pixel; 0 where none does.

    Args:
        values: One value for each place.
        starts: Top pixels of the rows of places, and left pixels of the columns.
        window: Height and width of the occluder, which may reach over the border.
        size: Height and width of the image.
    """
    down, across = (
        _covered(first, length, extent).to(values)
        for first, length, extent in zip(starts, window, size, strict=True)
    )
    count = down.sum(0)[:, None] * across.sum(0)
    return (down.T @ values @ across) / count.clamp_min(1)


def _covered(starts: Sequence[int], length: int, size: int) -> Float[Tensor, "places pixels"]:
    """1 where the occluder at a place covers a pixel of an axis."""
    first, pixels = torch.as_tensor(starts)[:, None], torch.arange(size)
    return ((pixels >= first) & (pixels < first + length)).double()
