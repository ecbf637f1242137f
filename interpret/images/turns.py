"""How a picture is turned to be upright, and what that does to positions, boxes and masks in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from jaxtyping import Bool
from PIL import ExifTags, Image

N = TypeVar("N", int, float)

_SWAPPED = (5, 6, 7, 8)
_MIRRORED = (2, 3, 6, 7)
_UPSIDE_DOWN = (3, 4, 7, 8)


@dataclass(frozen=True)
class Turn:
    """The turn that an EXIF orientation asks for.

    Attributes:
        orientation: 1 to 8, as EXIF counts; 1 turns nothing.
        stored: Width and height of the picture as its file stores it.
    """

    orientation: int
    stored: tuple[int, int]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright picture."""
        return (self.stored[1], self.stored[0]) if self.orientation in _SWAPPED else self.stored

    def undone_for(self, size: tuple[int, int] | None) -> Turn:
        """The turn of annotations that were made on a picture of ``size`` (width, height).

        Annotations count stored pixels, unless the size they state is that of the upright picture alone.
        """
        made_upright = size == self.size and size != self.stored
        return Turn(1, self.size) if made_upright else self

    def position(self, x: float, y: float) -> tuple[float, float]:
        """Where a position lies in the upright picture; whole numbers are pixel middles."""
        (x, y), (width, height) = self._swapped(x, y), self.size
        return (
            width - 1 - x if self.orientation in _MIRRORED else x,
            height - 1 - y if self.orientation in _UPSIDE_DOWN else y,
        )

    def box(self, box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        """A half-open box (left, top, right, bottom) in the upright picture."""
        (left, top), (right, bottom) = self._swapped(*box[:2]), self._swapped(*box[2:])
        width, height = self.size
        if self.orientation in _MIRRORED:
            left, right = width - right, width - left
        if self.orientation in _UPSIDE_DOWN:
            top, bottom = height - bottom, height - top
        return left, top, right, bottom

    def mask(self, mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "H W"]:
        """A mask of the stored picture as one of the upright picture."""
        turned = mask.T if self.orientation in _SWAPPED else mask
        turned = turned[:, ::-1] if self.orientation in _MIRRORED else turned
        return np.ascontiguousarray(turned[::-1] if self.orientation in _UPSIDE_DOWN else turned)

    def _swapped(self, x: N, y: N) -> tuple[N, N]:
        return (y, x) if self.orientation in _SWAPPED else (x, y)


def turn_of(image: Image.Image) -> Turn:
    """The turn that a picture's EXIF data ask for; raises whatever Pillow does where the file is damaged."""
    found = image.getexif().get(ExifTags.Base.Orientation, 1)
    orientation = found if found in range(1, 9) else 1
    # Pillow gives a TIFF file the upright size when it opens it, and turns it when it loads the pixels.
    upright_already = orientation in _SWAPPED and image.format == "TIFF"
    width, height = image.size
    return Turn(int(orientation), (height, width) if upright_already else (width, height))
