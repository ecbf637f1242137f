"""The pixels of one layer's units: projections and image patches, each in the tile's size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import UInt8

from interpret_deconv.results import LayerProjections
from interpret_figures import display
from interpret_figures.photographs import Photographs

__all__ = ["Tiles"]


@dataclass(frozen=True)
class Tiles:
    """Draws the neurons of one layer.

    Attributes:
        layer: What was projected.
        photographs: Where the image patches come from.
        channels: The channels that are shown.
        size: Height and width of a tile in pixels.
        percentile: Percentile of a projection's magnitudes that gets full colour.
        smooth: Whether patches are enlarged smoothly.
    """

    layer: LayerProjections
    photographs: Photographs
    channels: list[int]
    size: tuple[int, int]
    percentile: float
    smooth: bool

    @property
    def beyond(self) -> bool:
        """Whether any tile shows something that lies outside its image."""
        box, size = self.layer.box, torch.tensor(self.photographs.spec.size)
        return bool((box[:, :2] < 0).any() or (box[:, 2:] > size).any())

    def projections(self, neurons: Sequence[int]) -> UInt8[np.ndarray, "n h w 3"]:
        """What drives the neurons; a patch's own scale cancels, since each is shown under its own."""
        values = self.layer.patches[list(neurons)][:, self.channels].float()
        return self._finish(
            display.signed_pixels(values, display.magnitude(values, self.percentile)), neurons
        )

    def patches(self, neurons: Sequence[int]) -> UInt8[np.ndarray, "n h w 3"]:
        """The part of its photograph that each neuron sees."""
        images, boxes = self.layer.image.tolist(), self.layer.box.tolist()
        crops = [display.crop(self.photographs.read(images[n], self.channels), boxes[n]) for n in neurons]
        return self._finish(torch.stack(crops), neurons)

    def _finish(
        self, tiles: UInt8[torch.Tensor, "n ph pw 3"], neurons: Sequence[int]
    ) -> UInt8[np.ndarray, "n h w 3"]:
        height, width = tiles.shape[1:3]
        beyond = display.outside(self.layer.box[list(neurons)], (height, width), self.photographs.spec.size)
        shown = display.resize(display.mark(tiles, beyond).numpy(), self.size, smooth=self.smooth)
        if self.layer.own is None:
            return shown
        return display.outlined(shown, self.layer.own[list(neurons)], self.layer.box[list(neurons)])
