"""Projections of large layers, cut to the part that holds most of each: a layer stays small on disk."""

from __future__ import annotations

from math import isqrt
from typing import Annotated, NamedTuple, TypeAlias

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor

from interpret_deconv.results import LayerProjections
from interpret_deconv.spots import fullest

__all__ = ["MAX_MB", "MaxMegabytes", "cut", "cut_caption", "kept_size"]


MAX_MB = 195
"""Megabytes that the projections of a layer may take, unless another number is asked for."""

MaxMegabytes: TypeAlias = Annotated[
    int,
    Field(
        ge=1,
        le=10**6,
        description="Megabytes that the projections of one layer may take; of larger ones the square that "
        "holds most of each is kept.",
    ),
]
"""The parameter of the probes that store projections."""

MEGABYTE, BYTES = 10**6, 2
"""Bytes in a megabyte, and of each value."""

AT_ONCE = 2**21
"""Values that are looked at together: what that takes is small beside the projections."""


class Cut(NamedTuple):
    """What is kept of some projections.

    Attributes:
        patches: The parts.
        box: Where they lie, (top, left, bottom, right) in pixels of the image.
        kept: The share of each projection's energy that they hold; 1 where it has none.
    """

    patches: Float[Tensor, "n c height width"]
    box: Int[Tensor, "n 4"]
    kept: Float[Tensor, " n"]


def kept_size(count: int, shape: tuple[int, int, int], max_mb: int) -> tuple[int, int]:
    """Rows and columns that are kept of each projection: all, or an equal square, at least one pixel.

    Where a side is shorter than the square, the other one takes what that leaves.

    Args:
        count: How many projections there are.
        shape: Channels, rows and columns of each.
        max_mb: Megabytes (10^6 bytes) for all, at two bytes for each value.

    Example:
        >>> kept_size(9216, (3, 224, 224), 195)
        (59, 59)
    """
    channels, height, width = shape
    if BYTES * count * channels * height * width <= max_mb * MEGABYTE:
        return height, width
    pixels = max(max_mb * MEGABYTE // (BYTES * count * channels), 1)
    side = isqrt(pixels)
    if min(height, width) >= side:
        return side, side
    return (height, pixels // height) if height < width else (pixels // width, width)


def cut(
    patches: Float[Tensor, "n c h w"],
    box: Int[Tensor, "n 4"],
    size: tuple[int, int],
    image: tuple[int, int],
    own: Int[Tensor, "n 4"] | None = None,
) -> Cut:
    """The part of each projection that holds most of its energy, the sum of its squares.

    Args:
        patches: The projections.
        box: Where they lie in the image.
        size: Rows and columns of the parts.
        image: Height and width of the image; parts lie inside it where they can.
        own: Where the neurons stand, if attention lets them see everything: then the parts lie around that.
    """
    count = max(AT_ONCE // max(patches[:1].numel(), 1), 1)
    groups = [slice(start, start + count) for start in range(0, max(len(box), 1), count)]
    parts = [_cut(patches[i], box[i], None if own is None else own[i], size, image) for i in groups]
    return Cut(*map(torch.cat, zip(*parts, strict=True)))


def _cut(
    patches: Float[Tensor, "n c h w"],
    box: Int[Tensor, "n 4"],
    own: Int[Tensor, "n 4"] | None,
    size: tuple[int, int],
    image: tuple[int, int],
) -> Cut:
    corner, (height, width) = box[:, :2].to(patches.device), patches.shape[2:]
    low, high = -corner, torch.tensor(image, device=corner.device) - corner
    within = torch.cat([low.clamp(min=0), high.minimum(torch.tensor([height, width]).to(high))], 1)
    middle = None if own is None else (own[:, :2] + own[:, 2:]).to(corner) / 2 - corner
    start, kept = fullest(_energy(patches), size, within, middle)
    top, left = (start[:, axis, None] + torch.arange(size[axis], device=start.device) for axis in (0, 1))
    each = torch.arange(len(patches), device=start.device)[:, None, None]
    parts = patches.movedim(1, 3)[each, top[:, :, None], left[:, None]].movedim(3, 1)
    first = (start + corner).cpu()
    return Cut(parts, torch.cat([first, first + torch.tensor(size)], 1), kept.float().cpu())


def _energy(patches: Float[Tensor, "n c h w"]) -> Float[Tensor, "n h w"]:
    """The squares of each projection under its own scale, in as many bits as the device has."""
    largest = patches.abs().amax((1, 2, 3), keepdim=True)
    shares = patches / torch.where(largest > 0, largest, 1)
    exact = torch.float32 if patches.device.type == "mps" else torch.float64
    return shares.square().sum(1).to(exact)


def cut_caption(layer: LayerProjections) -> str:
    """What was kept of projections that were cut, in a sentence; empty where they are whole."""
    if layer.kept is None or not len(layer.kept):
        return ""
    rows, columns = layer.patches.shape[2:]
    return (
        f"Stored: the {rows} \N{MULTIPLICATION SIGN} {columns} pixels that hold most of each projection, "
        f"{float(layer.kept.median()):.0%} of its energy at the median."
    )
