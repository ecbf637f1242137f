"""A photograph under one of several maps, as strong as a person wants it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from interpret.plugin import PageContext, Photo
from interpret_gallery.data import save_picture, write_data

__all__ = ["OverlayMap", "write_overlay"]


@dataclass(frozen=True)
class OverlayMap:
    """One map of a photograph.

    Attributes:
        name: What it is called.
        pixels: The map, of the photograph's proportions.
        bar: All its colours from left to right, with the texts at its ends.
        alt: What is seen on it, for those who cannot see it.
        text: A few words below its name.
        note: How to read it, in a sentence.
    """

    name: str
    pixels: UInt8[np.ndarray, "h w 3"]
    bar: tuple[str, UInt8[np.ndarray, "bh bw 3"], str]
    alt: str
    text: str = ""
    note: str = ""


def write_overlay(context: PageContext, key: str, photo: Photo, maps: Sequence[OverlayMap]) -> str:
    """Write what ``parts.overlay(key)`` shows; returns the address for ``Sheet.scripts``.

    Args:
        context: Whose page it is on.
        key: A name of its own among the step's data.
        photo: The photograph.
        maps: What a person can choose from; the first is shown at first.
    """
    value = {
        "photo": photo.url,
        "alt": photo.alt,
        "size": list(photo.size),
        "maps": [_map(context, f"{key} map {place}", shown) for place, shown in enumerate(maps)],
    }
    return write_data(context, key, value)


def _map(context: PageContext, name: str, shown: OverlayMap) -> dict[str, str]:
    low, colours, high = shown.bar
    return {
        "name": shown.name,
        "url": save_picture(context, name, shown.pixels).url,
        "alt": shown.alt,
        "text": shown.text,
        "note": shown.note,
        "low": low,
        "high": high,
        "bar": save_picture(context, f"{name} bar", colours, exact=True).url,
    }
