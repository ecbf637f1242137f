"""Where pictures stand on a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Pixels = np.ndarray[Any, Any]


def pixels(file: Path) -> Pixels:
    """The colours of a picture (h, w, 3), as numbers that can be subtracted."""
    with Image.open(file) as image:
        return np.asarray(image).astype(int)


def find_all(page: Pixels, tile: Pixels) -> list[tuple[int, int]]:
    """Every place (y, x) on a page where a tile stands; a few pixels rule most places out."""
    height, width = tile.shape[:2]
    windows = np.lib.stride_tricks.sliding_window_view(page[..., 0], (height, width))
    probes = [(y, x) for y in (1, height // 3, height - 8) for x in (1, width // 2, width - 8)]
    starts = np.all([windows[:, :, y, x] == tile[y, x, 0] for y, x in probes], axis=0)
    found = zip(*np.nonzero(starts), strict=True)
    return [(y, x) for y, x in found if (page[y : y + height, x : x + width] == tile).all()]


def find_one(page: Pixels, tile: Pixels) -> tuple[int, int]:
    """The only place where it stands."""
    (found,) = find_all(page, tile)
    return found
