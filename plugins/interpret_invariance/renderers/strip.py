"""Small pictures of transformed images: a row for each image, a column for each of some steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import UInt8

from interpret_figures import display
from interpret_figures.photographs import Photographs
from interpret_invariance.results import Curves
from interpret_invariance.transforms import transform
from interpret_invariance.warping import Border


@dataclass(frozen=True)
class Strip:
    """Draws what the network saw.

    Attributes:
        photographs: Where the pictures come from.
        channels: The channels that are shown.
        border: What is seen beyond the border.
        size: Height and width of a picture in pixels of the page.
        gap: White pixels between two of them.
    """

    photographs: Photographs
    channels: list[int]
    border: Border
    size: tuple[int, int]
    gap: int

    def draw(
        self, curves: Curves, steps: Sequence[int], places: Sequence[int]
    ) -> UInt8[np.ndarray, "height width 3"]:
        """The images at these places of the dataset, each at some steps of a transformation."""
        (height, width), gap = self.size, self.gap
        down, across = height + gap, width + gap
        shape = (len(places) * down - gap, len(steps) * across - gap, 3)
        sheet = np.full(shape, 255, np.uint8)
        for row, index in enumerate(places):
            for column, tile in enumerate(self._tiles(curves, steps, index)):
                top, left = row * down, column * across
                sheet[top : top + height, left : left + width] = tile
        return sheet

    def _tiles(self, curves: Curves, steps: Sequence[int], index: int) -> UInt8[np.ndarray, "n h w 3"]:
        picture = self.photographs.read(index, self.channels).permute(2, 0, 1)
        pixels = picture[: len(self.channels)].float() / 255  # one channel is shown as three equal ones
        amounts = curves.amounts[list(steps)]
        changed = transform(pixels.expand(len(steps), -1, -1, -1), curves.transform, amounts, self.border)
        return display.resize(display.unit_pixels(changed).numpy(), self.size, smooth=True)


def shown_steps(curves: Curves, most: int) -> list[int]:
    """At most so many steps, evenly spaced from the first to the last, one of them the identity."""
    count = len(curves.amounts)
    steps = sorted(set(torch.linspace(0, count - 1, min(most, count)).round().int().tolist()))
    nearest = min(range(len(steps)), key=lambda index: abs(steps[index] - curves.identity))
    steps[nearest] = curves.identity
    return sorted(set(steps))
