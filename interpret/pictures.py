"""Reading picture files: upright, 8 bits a channel, broken ones refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from interpret.errors import DatasetError

Picture: TypeAlias = Image.Image | Tensor
"""A photograph, or a tensor (c, h, w) that is preprocessed already."""

MAX_PIXELS = 100_000_000
"""Larger pictures are refused: a decompression bomb can fill the memory from a file of a few kilobytes."""


def open_image(path: str | Path) -> Image.Image:
    """Read a picture as people see it: upright, 8 bits a channel, transparency on white, mode L or RGB.

    Raises:
        DatasetError: If the file is missing, no picture, cut short, or larger than ``MAX_PIXELS``.
    """
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError(f"{image.width} x {image.height} pixels")
            return upright(image)
    except FileNotFoundError:
        raise DatasetError(f"There is no file {path}.") from None
    except UnidentifiedImageError:
        raise DatasetError(
            f"{path} is not a picture that can be read. Remove it or convert it to JPEG or PNG."
        ) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DatasetError(
            f"{path} is larger than {MAX_PIXELS:,} pixels ({error}). Scale it down first."
        ) from None
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise DatasetError(
            f"{path} cannot be read: {error}. The file may be cut short: replace or remove it."
        ) from error


def upright(image: Image.Image) -> Image.Image:
    """A picture turned as its EXIF tag says, in mode L or RGB with 8 bits a channel."""
    turned = ImageOps.exif_transpose(image)
    if turned.mode.startswith("I") or turned.mode == "F":
        return _eight_bits(turned)
    if turned.mode in {"P", "PA", "LA", "RGBA", "La", "RGBa"} or "transparency" in turned.info:
        layer = turned.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return turned.convert("L" if turned.mode in {"1", "L"} else "RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit and float greyscale scaled to 8 bits (Pillow's own conversion cuts off at 255)."""
    values = np.asarray(image, dtype=np.float64)
    top = (
        1.0
        if image.mode == "F" and values.max(initial=0) <= 1
        else 65535.0
        if values.max(initial=0) > 255
        else 255.0
    )
    return Image.fromarray(np.clip(values * (255 / top), 0, 255).round().astype(np.uint8))
