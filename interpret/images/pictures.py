"""Reading picture files: upright, 8 bits a channel, broken ones refused by name."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from interpret.errors import DatasetError, clause
from interpret.files.reading import open_file, printable
from interpret.images.depths import Scale, by_tiles, eight_bits, is_deep, scale_of
from interpret.images.scans import more_scans_than
from interpret.images.turns import Turn, turn_of

Picture: TypeAlias = Image.Image | Tensor
"""A photograph, or a tensor (c, h, w) that is preprocessed already."""

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""What is opened, whatever a file's ending says; Pillow knows others, some of which run further programs."""

MAX_PIXELS = 100_000_000
"""Larger pictures are refused: a decompression bomb can fill the memory from a file of a few kilobytes."""

LARGE = 16_000_000
"""Pictures of more pixels are decoded one at a time, whatever the number of threads that read."""

MAX_SCANS = 100
"""JPEGs of more scans are refused, as libtiff does: ten are usual, and each goes over the whole picture."""

MAX_SCANNED = 3_000_000_000
"""Pixels times scans that are decoded: half a minute of a decoder's time, in the worst case."""

_TILE_WIDTH, _TILE_LENGTH = 322, 323  # tags of TIFF
_TRANSPARENT = {"PA", "LA", "RGBA", "La", "RGBa"}

_one_large = threading.Lock()


def _renew_lock() -> None:
    """A process that is forked while another thread decodes would wait for ever."""
    global _one_large  # noqa: PLW0603 - a lock of each process
    _one_large = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def open_image(path: str | Path) -> Image.Image:
    """Read a picture as people see it: upright, 8 bits a channel, transparency on white, mode L or RGB.

    Of several frames or pages it is the first. ``interpret.images.depths`` is about pixels of more bits.

    Raises:
        DatasetError: If the file is missing, none of ``FORMATS``, damaged, or larger than ``MAX_PIXELS``.
    """
    return open_turned(path)[0]


def open_turned(path: str | Path) -> tuple[Image.Image, Turn]:
    """What `open_image` reads, and how it was turned: annotations count the pixels of the file.

    Raises:
        DatasetError: As `open_image` does.
    """
    with _named(str(path)), open_file(path) as file, Image.open(file, formats=FORMATS) as image:
        return _decode(image)


def open_bytes(content: bytes, name: str) -> Image.Image:
    """What `open_image` reads, of a file that lies in memory.

    Args:
        content: The file's bytes.
        name: What errors call it.

    Raises:
        DatasetError: As `open_image` does.
    """
    with _named(name), Image.open(BytesIO(content), formats=FORMATS) as image:
        return _decode(image)[0]


@contextmanager
def _named(name: str) -> Iterator[None]:
    """What Pillow raises over a file, as an error that names it."""
    name = printable(name)
    try:
        yield
    except DatasetError as error:
        raise DatasetError(f"{name} cannot be used. {error}") from error
    except FileNotFoundError:
        raise DatasetError(f"There is no file {name}.") from None
    except UnidentifiedImageError:
        raise DatasetError(
            f"{name} is not a picture that can be read: none of {', '.join(FORMATS)}. Remove it or convert "
            "it to JPEG or PNG."
        ) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DatasetError(
            f"{name} is too large: {clause(error)}. Pictures of up to {MAX_PIXELS:,} pixels are read. Scale "
            "it down first."
        ) from None
    except Exception as error:  # what Pillow raises for damaged files has no common type
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise DatasetError(
            f"{name} cannot be read: {clause(reason)}. The file may be cut short or damaged: replace "
            "or remove it."
        ) from error


def upright(image: Image.Image) -> Image.Image:
    """A picture turned as its EXIF tag says, in mode L or RGB with 8 bits a channel; itself if it is so.

    Raises:
        DatasetError: If its file is damaged, or its pixels are no numbers between black and white.
    """
    with _refused():
        return _upright(image)


def turn_asked(image: Image.Image) -> Turn:
    """How `upright` would turn a picture.

    Raises:
        DatasetError: If its file is damaged.
    """
    with _refused():
        return turn_of(image)


@contextmanager
def _refused() -> Iterator[None]:
    """Whatever Pillow raises for damaged files, which has no common type, as an error of the data set."""
    try:
        yield
    except DatasetError:
        raise
    except Exception as error:
        raise DatasetError(f"The picture cannot be read: {clause(error)}.") from error


def _decode(image: Image.Image) -> tuple[Image.Image, Turn]:
    pixels = image.width * image.height
    if pixels > MAX_PIXELS:
        raise Image.DecompressionBombError(f"{image.width} x {image.height} pixels")
    tags = getattr(image, "tag_v2", {})
    if tags.get(_TILE_WIDTH, 0) * tags.get(_TILE_LENGTH, 0) > LARGE:  # each is decoded whole
        raise Image.DecompressionBombError(f"tiles of {tags[_TILE_WIDTH]} x {tags[_TILE_LENGTH]} pixels")
    with _one_large if pixels > LARGE else nullcontext():
        turn, found = turn_of(image), _upright(image)
        picture = found.copy() if found is image else found  # it outlives its file
    picture.info = {}  # its EXIF data are used up, and comments may be large
    return picture, turn


def _require_few_scans(image: Image.Image) -> None:
    """Refuse a JPEG that was not decoded yet and would take minutes: thousands of scans take little room."""
    file = getattr(image, "fp", None)
    if image.format not in {"JPEG", "MPO"} or file is None or file.closed:
        return
    most = min(MAX_SCANS, MAX_SCANNED // max(image.width * image.height, 1))
    if more_scans_than(file, most):
        raise DatasetError(
            f"It is a JPEG of more than {most} scans, each of which goes over the whole picture. Save it "
            "anew with another program, or remove it."
        )


def _upright(image: Image.Image) -> Image.Image:
    _require_few_scans(image)
    scale = scale_of(image)
    turned = image if turn_of(image).orientation == 1 else ImageOps.exif_transpose(image)
    turned.load()
    if is_deep(turned.mode):
        return by_tiles(turned, "L", lambda part: _deep(part, scale))
    if turned.mode in _TRANSPARENT or "transparency" in turned.info:
        return by_tiles(turned, "RGB", _on_white)
    mode = "L" if turned.mode in {"1", "L"} else "RGB"
    return turned if turned.mode == mode else turned.convert(mode)


def _on_white(part: Image.Image) -> Image.Image:
    layer = part.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")


def _deep(part: Image.Image, scale: Scale) -> Image.Image:
    """16-bit, integer and float greyscale as 8 bits (Pillow's own conversion cuts off at 255)."""
    values = np.asarray(part)
    grey = eight_bits(values, scale)
    transparent = part.info.get("transparency")
    if isinstance(transparent, int):
        grey = np.where(values == transparent, np.uint8(255), grey)
    return Image.fromarray(grey)
