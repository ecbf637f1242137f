"""Pixels moved, scaled and turned about the centre of the image, by bilinear interpolation.

Positions are computed in float64: where a pixel of the result falls on a pixel of the image (a move by whole
pixels, a turn by 90 degrees of a square), float32 pixels come out to the bit.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

__all__ = ["Border"]

Border = Literal["mean", "edge", "reflect", "black"]
"""What is seen beyond the image: its mean colour, its nearest pixel, the image mirrored, or black."""

NOTHING = 1e-12
"""Below this is what rounding leaves of a neighbour's pixel where the exact result is 0."""

_PADDING: dict[str, Literal["zeros", "border", "reflection"]] = {"edge": "border", "reflect": "reflection"}


def warp(
    pixels: Float[Tensor, "n c h w"], matrices: Float[Tensor, "n 2 3"], border: Border = "mean"
) -> Float[Tensor, "n c h w"]:
    """Each image as it is seen through an affine map.

    Args:
        pixels: The images.
        matrices: For each image, where a pixel of the result comes from: the position (x, y, 1) of the result
            is multiplied by it; x and y are in pixels from the centre of the image, to the right and down.
        border: What is seen beyond the image.
    """
    height, width = pixels.shape[2:]
    there = pixels.cpu() if pixels.device.type == "mps" else pixels  # which has no float64
    exact = there.double()
    half = torch.tensor([width / 2, height / 2, 1.0], dtype=torch.float64, device=exact.device)
    theta = matrices.to(exact) * half / half[:2, None]
    grid = F.affine_grid(theta, list(exact.shape), align_corners=False)
    padding = _PADDING.get(border, "zeros")
    seen = F.grid_sample(exact, grid, padding_mode=padding, align_corners=False)
    if padding == "zeros" and border == "mean":
        inside = F.grid_sample(torch.ones_like(exact[:, :1]), grid, align_corners=False)
        seen = seen + (1 - inside) * exact.mean((2, 3), keepdim=True)
    return F.hardshrink(seen, NOTHING).to(pixels)


def translate(
    pixels: Float[Tensor, "n c h w"],
    down: Float[Tensor, " n"],
    right: Float[Tensor, " n"],
    border: Border = "mean",
) -> Float[Tensor, "n c h w"]:
    """Each image moved by so many pixels; negative moves go up and to the left."""
    one, zero = torch.ones_like(down), torch.zeros_like(down)
    return warp(pixels, _matrices([[one, zero, -right], [zero, one, -down]]), border)


def scale(
    pixels: Float[Tensor, "n c h w"], factors: Float[Tensor, " n"], border: Border = "mean"
) -> Float[Tensor, "n c h w"]:
    """Each image enlarged about its centre; factors below 1 shrink it, without smoothing it first."""
    inverse, zero = 1 / factors, torch.zeros_like(factors)
    return warp(pixels, _matrices([[inverse, zero, zero], [zero, inverse, zero]]), border)


def rotate(
    pixels: Float[Tensor, "n c h w"], degrees: Float[Tensor, " n"], border: Border = "mean"
) -> Float[Tensor, "n c h w"]:
    """Each image turned about its centre, counter-clockwise."""
    angle = torch.deg2rad(degrees.cpu().double())
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    return warp(pixels, _matrices([[cos, -sin, zero], [sin, cos, zero]]), border)


def _matrices(rows: list[list[Tensor]]) -> Float[Tensor, "n 2 3"]:
    return torch.stack([torch.stack(row, -1) for row in rows], -2)
