"""Where the cells of an occlusion map lie: around the centre of the occluder they belong to."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int, UInt8

from interpret.modules import as_log_probabilities
from interpret_figures.display import OUTSIDE
from interpret_occlusion.results import Sweep


def cell_edges(
    starts: Int[np.ndarray, " places"], window: int, extent: int
) -> Float[np.ndarray, " places+1"]:
    """The borders of the cells along one axis, in pixels of the image.

    A cell ends halfway to its neighbours' centres; the outermost ones reach as far out as in, but not beyond
    the image. A single one is as large as the occluder.

    Args:
        starts: First pixel of the occluder at each place, ascending.
        window: Its length in pixels.
        extent: Pixels of the image.
    """
    centres = starts + window / 2
    if len(centres) == 1:
        return np.array([starts[0], starts[0] + window], float)
    middles = (centres[1:] + centres[:-1]) / 2
    edges = np.concatenate([2 * centres[:1] - middles[:1], middles, 2 * centres[-1:] - middles[-1:]])
    return edges.clip(0, extent)


def cells_at(edges: Float[np.ndarray, " places+1"], extent: int, length: int) -> Int[np.ndarray, " length"]:
    """The cell of each pixel of a tile that is ``length`` long and shows ``extent`` pixels; -1 for none."""
    pixels = (np.arange(length) + 0.5) * extent / length
    found = np.searchsorted(edges, pixels, side="right") - 1
    return np.where(found < len(edges) - 1, found, -1)


def spread(
    cells: UInt8[np.ndarray, "rows columns 3"],
    maps: Sweep,
    tile: tuple[int, int],
    elsewhere: UInt8[np.ndarray, "h w 3"] | None = None,
) -> UInt8[np.ndarray, "h w 3"]:
    """Coloured cells where their occluders' centres are; pale where none of them is.

    Args:
        cells: A colour for each place of the occluder.
        maps: Says where the places are.
        tile: Height and width of the picture in pixels; it shows the whole image.
        elsewhere: What stands where none of them is, in place of pale.
    """
    down, across = (
        cells_at(cell_edges(starts.numpy(), window, extent), extent, length)
        for starts, window, extent, length in zip(maps.offsets, maps.window, maps.size, tile, strict=True)
    )
    nowhere = (down[:, None] < 0) | (across < 0)
    beyond = np.array(OUTSIDE, np.uint8) if elsewhere is None else elsewhere
    return np.where(nowhere[..., None], beyond, cells[down[:, None], across])


def lowest_place(maps: Sweep) -> tuple[int, int]:
    """The place (row, column) at which covering leaves the target the least probable."""
    answers = maps.logits.double()
    if maps.has_probability:
        answers = as_log_probabilities(answers, maps.output_kind)  # many are 1 when rounded
    return divmod(int(answers[..., maps.target].argmin()), len(maps.columns))


def occluder_box(maps: Sweep, place: tuple[int, int], tile: tuple[int, int]) -> tuple[slice, slice]:
    """The pixels of a picture of the whole image that the occluder covers at a place (row, column)."""
    top, left = (
        round(int(starts[i]) * length / extent)
        for starts, i, length, extent in zip(maps.offsets, place, tile, maps.size, strict=True)
    )
    height, width = (
        max(round(window * length / extent), 1)
        for window, length, extent in zip(maps.window, tile, maps.size, strict=True)
    )
    return slice(top, top + height), slice(left, left + width)
