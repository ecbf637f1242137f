"""A mask on a position, and images with masks on them."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from typing import TypeAlias

from jaxtyping import Float
from torch import Tensor

__all__ = ["cover"]

Box: TypeAlias = tuple[int, int, int, int]
"""Top, left, bottom, right in pixels, half-open."""

Size: TypeAlias = tuple[int, int]
"""Height and width in pixels."""


def square(x: float, y: float, window: Size, size: Size) -> Box:
    """The window around a position, cut off at the borders of the image.

    Args:
        x: Pixels from the left; whole numbers are pixel middles.
        y: Pixels from the top.
        window: Of the mask.
        size: Of the image.
    """
    top, left = (floor(at - (side - 1) / 2 + 0.5) for at, side in zip((y, x), window, strict=True))
    bottom, right = min(top + window[0], size[0]), min(left + window[1], size[1])
    return max(top, 0), max(left, 0), bottom, right


def cover(
    x: Float[Tensor, "c h w"], boxes: Sequence[Box], fill: Float[Tensor, "c h w"]
) -> Float[Tensor, "c h w"]:
    """An image that shows ``fill`` inside the boxes."""
    covered = x.clone()
    for top, left, bottom, right in boxes:
        covered[:, top:bottom, left:right] = fill[:, top:bottom, left:right]
    return covered
