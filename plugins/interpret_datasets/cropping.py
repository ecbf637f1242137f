"""A photograph seen through a square around some of its parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from math import dist

from PIL import Image

from interpret.errors import DatasetError
from interpret.images import Sample
from interpret_datasets.annotated import Box, Position


def square_around(points: Sequence[Position], times: float) -> Box:
    """A square about the mean of some points, ``times`` as wide as the largest distance between two of them.

    Raises:
        DatasetError: If it has no pixel.
    """
    side = round(times * max(dist(a, b) for a, b in combinations(points, 2)))
    if side < 1:
        raise DatasetError(f"The parts to crop to lie at one place, {points[0]} (x, y): there is no crop.")
    left, top = (round(sum(point[axis] for point in points) / len(points) - side / 2) for axis in (0, 1))
    return left, top, left + side, top + side


def cropped(sample: Sample, photograph: Image.Image, square: Box) -> Sample:
    """What a square shows of a sample with a box and parts, black beyond the photograph.

    The box is cut off at its sides; it is none where nothing of it is seen. Parts beyond it are left out.
    """
    left, top, right, bottom = square
    inside = {
        part: tuple((x - left, y - top) for x, y in points if left <= x < right and top <= y < bottom)
        for part, points in sample.parts.items()
    }
    return replace(
        sample,
        image=photograph.crop(square),
        box=None if sample.box is None else _cut(sample.box, square),
        parts={part: points for part, points in inside.items() if points},
    )


def _cut(box: Box, square: Box) -> Box | None:
    """A half-open box in pixels of a square that it is cut off at."""
    left, top = (max(box[at], square[at]) - square[at] for at in (0, 1))
    right, bottom = (min(box[at + 2], square[at + 2]) - square[at] for at in (0, 1))
    return (left, top, right, bottom) if left < right and top < bottom else None
