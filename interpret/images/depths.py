"""Deep pixels as 8 bits: one scale for each kind of file, which no picture's own values change.

White is what the file declares: 1 for floating-point numbers, the largest number of the declared bits for a
TIFF of up to 16, and 65535 for all other integers, which is how PGM and Pillow's mode I hold 16 bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Shaped, UInt8
from PIL import Image

from interpret.errors import DatasetError

WHITE = 65535
"""White of integers of more than 8 bits, unless a TIFF declares fewer bits."""

_ROUNDING = 1e-6  # beyond 0 and 1, as scaling in 32 bits leaves them
_TILE = 2**20  # pixels that are converted at once: what bounds the memory
_BITS, _PHOTOMETRIC, _FORMAT = 258, 262, 339  # tags of TIFF
_SIGNED = 2

Convert: TypeAlias = Callable[[Image.Image], Image.Image]


class Scale(NamedTuple):
    """The number that means white, and whether black and white are exchanged."""

    white: float = WHITE
    inverted: bool = False


def is_deep(mode: str) -> bool:
    """Whether a mode of Pillow has more than 8 bits a channel."""
    return mode.startswith("I") or mode == "F"


def scale_of(image: Image.Image) -> Scale:
    """The scale of a picture's kind of file."""
    tags = getattr(image, "tag_v2", {})
    inverted = tags.get(_PHOTOMETRIC) == 0
    if image.mode == "F":
        return Scale(1, inverted)
    bits, signed = tags.get(_BITS, (16,))[0], tags.get(_FORMAT, (1,))[0] == _SIGNED
    return Scale(2 ** (bits - signed) - 1 if bits <= 16 else WHITE, inverted)


def eight_bits(values: Shaped[np.ndarray, "*shape"], scale: Scale) -> UInt8[np.ndarray, "*shape"]:
    """Deep pixels as 8 bits, rounded to the nearest.

    Raises:
        DatasetError: If one is no number, negative, or beyond white.
    """
    low, high = values.min(initial=0), values.max(initial=0)
    slack = _ROUNDING if scale.white == 1 else 0
    if not (low >= -slack and high <= scale.white + slack):  # also where one is NaN
        unit = "1 (floating-point pixels lie in 0 to 1)" if scale.white == 1 else f"{scale.white:.0f}"
        raise DatasetError(
            f"Its pixels are {low:g} to {high:g}, but must be numbers from 0 to {unit}: which of them is "
            "black and which white is not known. Save it with 8 bits a channel, scaled as you want it seen."
        )
    scaled = np.rint(values * (255 / scale.white)).clip(0, 255).astype(np.uint8)
    return 255 - scaled if scale.inverted else scaled


def by_tiles(image: Image.Image, mode: str, convert: Convert) -> Image.Image:
    """A picture converted part by part, so that what lies between takes little memory."""
    columns = min(image.width, _TILE)
    rows = max(1, _TILE // columns)
    if image.width <= columns and image.height <= rows:
        return convert(image)
    whole = Image.new(mode, image.size)
    for top in range(0, image.height, rows):
        for left in range(0, image.width, columns):
            right, bottom = min(left + columns, image.width), min(top + rows, image.height)
            whole.paste(convert(image.crop((left, top, right, bottom))), (left, top))
    return whole
