"""From signed values and photographs to pixels: pure functions on tensors.

Zero is mid-grey (128 of 255) and the scale is symmetric, so that a colour tells the sign of a value. One
channel is shown in grey, three as red, green and blue. Of other numbers the network's input says which are
shown, or it is the first three (of two the first), and the page says which. A pale checkerboard stands where
a value is no number: NaN, or infinite.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from PIL import Image
from torch import Tensor
from torch.nn.functional import conv2d, pad

from interpret.images import InputSpec

__all__ = [
    "OUTSIDE",
    "channel_note",
    "crop",
    "heat",
    "magnitude",
    "mark",
    "mark_no_numbers",
    "outlined",
    "outside",
    "resize",
    "shown_channels",
    "signed_pixels",
    "unit_pixels",
]


OUTSIDE = (222, 228, 238)
"""The tone of what lies outside the image: pale and cool, neither paper nor mid-grey."""


OUTLINE = (20, 20, 20), (255, 255, 255)
"""The tones of the outer and the inner line around a part of a picture: one is seen on any picture."""


def shown_channels(spec: InputSpec | None, count: int) -> list[int]:
    """The channels to show of values that have so many.

    Args:
        spec: What the network takes: it says which, if the values have its channels.
        count: Channels of the values.
    """
    if spec is not None and len(spec.mean) == count:
        return spec.displayed
    return list(range(3 if count > 2 else 1))


def channel_note(spec: InputSpec | None, count: int) -> str:
    """What to say of values with so many channels where not all are shown in order; begins with a space."""
    shown = shown_channels(spec, count)
    if shown == list(range(count)):
        return ""
    if len(shown) == 1:
        return f" Channel {shown[0]} of {count} is shown."
    return f" Channels {', '.join(map(str, shown))} of {count} are shown as red, green, blue."


def magnitude(values: Float[Tensor, "n c h w"], percentile: float = 100.0) -> Float[Tensor, " n"]:
    """The size of each item: a percentile of its absolute values, or their maximum where that is zero.

    Values that are not finite count as zero.
    """
    flat = values.abs().nan_to_num(0, 0, 0).flatten(1)
    largest = flat.amax(1)
    if percentile == 100.0:
        return largest
    size = torch.quantile(flat, percentile / 100, dim=1)
    return torch.where(size > 0, size, largest)


def signed_pixels(
    values: Float[Tensor, "n c h w"], scale: Float[Tensor, " n"] | Float[Tensor, ""]
) -> UInt8[Tensor, "n h w 3"]:
    """Signed values as pixels: ``-scale`` is 1, zero is 128, ``scale`` is 255; beyond is cut off.

    Args:
        values: One or three channels.
        scale: The value of full colour, for each item or for all; zero leaves mid-grey.
    """
    safe = torch.where(scale > 0, scale, 1.0).reshape(-1, 1, 1, 1)
    shares = (values / safe).nan_to_num(0, 0, 0).clamp(-1, 1)
    pixels, unknown = _colour(shares.mul(127).round().add(128).to(torch.uint8)), ~values.isfinite().all(1)
    return _with_no_numbers(pixels, unknown) if unknown.any() else pixels


def _with_no_numbers(
    pixels: UInt8[Tensor, "n h w 3"], unknown: Bool[Tensor, "n h w"]
) -> UInt8[Tensor, "n h w 3"]:
    marked = pixels.numpy(force=True).copy()
    for picture, where in zip(marked, unknown.numpy(force=True), strict=True):
        mark_no_numbers(picture, where)
    return torch.from_numpy(marked)


NO_NUMBER = (236, 206)
"""The tones of the checkerboard that stands where a value is no number: no scale has such a pattern."""


def mark_no_numbers(pixels: UInt8[np.ndarray, "h w 3"], unknown: Bool[np.ndarray, "h w"]) -> None:
    """Draw a pale checkerboard where values are no numbers.

    Args:
        pixels: A picture, which is drawn on.
        unknown: Where in it.
    """
    row, column = unknown.nonzero()
    square = max(min(unknown.shape) // 24, 1)
    pixels[row, column] = np.array(NO_NUMBER, np.uint8)[(row // square + column // square) % 2, None]


SMOOTH = 1 / 100
"""Sigma by which heat maps are smoothed, in shorter sides: single pixels of a gradient are noise."""


def heat(maps: Float[Tensor, "n c h w"]) -> Float[Tensor, "n h w"]:
    """How much each pixel counts, whatever the sign: magnitudes summed over channels, smoothed a little.

    What is no number stays so, and counts nothing for the pixels around it.
    """
    total = maps.double().nan_to_num(0, 0, 0).abs().sum(1, keepdim=True)
    sigma = SMOOTH * min(maps.shape[2:])
    reach = ceil(3 * sigma)
    steps = torch.arange(-reach, reach + 1, dtype=total.dtype)
    weights = torch.exp(-steps.square() / (2 * sigma**2))
    weights = weights / weights.sum()
    down = conv2d(pad(total, (0, 0, reach, reach), mode="replicate"), weights[None, None, :, None])
    found = conv2d(pad(down, (reach, reach, 0, 0), mode="replicate"), weights[None, None, None, :])[:, 0]
    return found.masked_fill(~maps.isfinite().all(1), torch.nan)


def unit_pixels(values: Float[Tensor, "n c h w"]) -> UInt8[Tensor, "n h w 3"]:
    """Intensities in [0, 1] as pixels; what lies beyond is cut off."""
    return _colour(values.clamp(0, 1).mul(255).round().to(torch.uint8))


def _colour(pixels: UInt8[Tensor, "n c h w"]) -> UInt8[Tensor, "n h w 3"]:
    return pixels.expand(-1, 3, -1, -1).permute(0, 2, 3, 1)


def outside(
    boxes: Int[Tensor, "n 4"], size: tuple[int, int], image: tuple[int, int]
) -> Bool[Tensor, "n h w"]:
    """Which pixels of crops at ``boxes`` (unclipped top, left, bottom, right) lie outside the image.

    Args:
        boxes: Where each crop begins and ends, in pixels of the image.
        size: Height and width of the crops.
        image: Height and width of the image.
    """
    rows = boxes[:, 0, None] + torch.arange(size[0])
    columns = boxes[:, 1, None] + torch.arange(size[1])
    beyond_row = (rows < 0) | (rows >= image[0])
    beyond_column = (columns < 0) | (columns >= image[1])
    return beyond_row[:, :, None] | beyond_column[:, None, :]


def crop(picture: UInt8[Tensor, "h w 3"], box: Sequence[int]) -> UInt8[Tensor, "bh bw 3"]:
    """The pixels in a box (top, left, bottom, right) that may reach over the borders; there it is zero."""
    top, left, bottom, right = (int(edge) for edge in box)
    whole = torch.zeros(bottom - top, right - left, 3, dtype=torch.uint8)
    inside = picture[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    y, x = min(max(-top, 0), bottom - top), min(max(-left, 0), right - left)
    whole[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    return whole


def mark(tiles: UInt8[Tensor, "n h w 3"], where: Bool[Tensor, "n h w"]) -> UInt8[Tensor, "n h w 3"]:
    """The tiles with the tone of ``OUTSIDE`` where ``where`` is true."""
    return torch.where(where[..., None], torch.tensor(OUTSIDE, dtype=torch.uint8), tiles)


def outlined(
    tiles: UInt8[np.ndarray, "n h w 3"], boxes: Int[Tensor, "n 4"], crops: Int[Tensor, "n 4"]
) -> UInt8[np.ndarray, "n h w 3"]:
    """The tiles with a part of each in a white and a dark line.

    Args:
        tiles: Crops of images, at any scale.
        boxes: The part of each to outline, (top, left, bottom, right) in pixels of the image. The lines lie
            around it, and at the border of a tile in it.
        crops: Which part of its image each tile shows.
    """
    shown, (height, width) = tiles.copy(), tiles.shape[1:3]
    line = max(round(max(height, width) / 96), 1)
    for tile, box, crop in zip(shown, boxes.tolist(), crops.tolist(), strict=True):
        (top, bottom), (left, right) = (
            (
                max(round((box[axis] - crop[axis]) * size / (crop[axis + 2] - crop[axis])), 2 * line),
                min(
                    round((box[axis + 2] - crop[axis]) * size / (crop[axis + 2] - crop[axis])),
                    size - 2 * line,
                ),
            )
            for axis, size in enumerate((height, width))
        )
        if top < bottom and left < right:
            inside = tile[top:bottom, left:right].copy()
            for wide, tone in zip((2 * line, line), OUTLINE, strict=True):
                tile[top - wide : bottom + wide, left - wide : right + wide] = tone
            tile[top:bottom, left:right] = inside
    return shown


def resize(
    tiles: UInt8[np.ndarray, "n h w 3"], size: tuple[int, int], *, smooth: bool = False
) -> UInt8[np.ndarray, "n H W 3"]:
    """The tiles at another size: pixel by pixel where it is a whole multiple, else (or if smooth) bicubic."""
    height, width = tiles.shape[1:3]
    if size == (height, width):
        return tiles
    if not smooth and size[0] % height == 0 and size[1] % width == 0:
        return tiles.repeat(size[0] // height, 1).repeat(size[1] // width, 2)
    method = Image.Resampling.BICUBIC
    resized = [np.asarray(Image.fromarray(tile).resize((size[1], size[0]), method)) for tile in tiles]
    return np.stack(resized)
