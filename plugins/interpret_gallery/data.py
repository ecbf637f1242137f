"""Data for the scripts of a page, and pictures: what a page writes into its folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image, features

from interpret.errors import InterpretError
from interpret.plugin import PageContext
from interpret_figures.display import resize
from interpret_gallery.names import file_name

__all__ = [
    "Picture",
    "Piece",
    "picture_bytes",
    "save_drawing",
    "save_picture",
    "script_text",
    "strip",
    "write_data",
]

QUALITY = 82
"""Of photographs and projections as WebP, from 0 to 100."""

MOST_PIXELS = 16_383
"""On a side of a WebP picture."""


@dataclass(frozen=True)
class Picture:
    """A picture of a page.

    Attributes:
        url: Its address, seen from the page.
        size: Height and width in pixels.
    """

    url: str
    size: tuple[int, int]


@dataclass(frozen=True)
class Piece:
    """A part of a picture, which ``parts.piece(piece, alt)`` shows: many small pictures are one file.

    Attributes:
        picture: The whole picture.
        x: The left pixel of the part.
        y: Its top pixel.
        size: Its height and width in pixels.
    """

    picture: Picture
    x: int
    y: int
    size: tuple[int, int]


def picture_bytes(pixels: UInt8[np.ndarray, "h w 3"], *, exact: bool = False) -> tuple[bytes, str]:
    """A picture as a file's content, and the ending of its name.

    Args:
        pixels: Red, green and blue.
        exact: Keep every pixel as it is, as maps with few colours need it.
    """
    image, found = Image.fromarray(np.ascontiguousarray(pixels)), BytesIO()
    if features.check("webp") and max(image.size) <= MOST_PIXELS:
        image.save(found, "WEBP", quality=QUALITY, method=2, lossless=exact)
        return found.getvalue(), "webp"
    image.save(found, "PNG", optimize=True)
    return found.getvalue(), "png"


def save_picture(
    context: PageContext, name: str, pixels: UInt8[np.ndarray, "h w 3"], *, exact: bool = False
) -> Picture:
    """Write a picture into the folder of the step's pages.

    Args:
        context: Whose page it is on.
        name: Any text; one picture of a step has it.
        pixels: Red, green and blue.
        exact: Keep every pixel as it is.

    Raises:
        InterpretError: If another picture of the step has the name.
    """
    blob, ending = picture_bytes(pixels, exact=exact)
    return Picture(context.url(_new_file(context.folder, name, ending, blob)), pixels.shape[:2])


def strip(pictures: Sequence[UInt8[np.ndarray, "h w 3"]], height: int = 240) -> UInt8[np.ndarray, "h W 3"]:
    """Pictures of one height side by side: two squares have the shape of a card's cover."""
    sizes = [(height, max(round(height * item.shape[1] / item.shape[0]), 1)) for item in pictures]
    tiles = [resize(item[None], size, smooth=True)[0] for item, size in zip(pictures, sizes, strict=True)]
    return np.concatenate(tiles, axis=1)


def save_drawing(context: PageContext, name: str, drawing: str) -> str:
    """Write SVG, made by `render`, into the folder of the step's pages; returns its address.

    Args:
        context: Whose page it is on.
        name: Any text; one picture of a step has it.
        drawing: The SVG.
    """
    return context.url(_new_file(context.folder, name, "svg", drawing.encode()))


def write_data(context: PageContext, name: str, value: Any) -> str:
    """Write data for the gallery's script; returns the address for ``Sheet.scripts``.

    A page that was opened from the file system may load scripts and no other data; so the file is a script
    that does nothing but hand over what JSON can hold.

    Args:
        context: Whose page it is for.
        name: By which the page asks for it; one of a step's data has it.
        value: Mappings, lists, texts, numbers; numbers that are not finite become null.
    """
    return context.url(_new_file(context.folder, name, "js", script_text(name, value).encode("ascii")))


def script_text(name: str, value: Any) -> str:
    """The script that hands over a value: ASCII, without anything that could end a script or a line."""
    text = json.dumps([name, finite(value)], separators=(",", ":"), allow_nan=False)
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return f"gallery.put({text[1:-1]});\n"


def finite(value: Any) -> Any:
    """The same with null in place of numbers that JSON has no word for."""
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [finite(item) for item in value]
    return value


def _new_file(folder: Path, name: str, ending: str, blob: bytes) -> Path:
    path = folder / f"{file_name(name)}.{ending}"
    if path.exists():
        raise InterpretError(f"A page writes {name!r} twice. Give each picture a name of its own.")
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(blob)
    return path
