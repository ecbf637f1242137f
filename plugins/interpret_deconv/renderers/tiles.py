"""The pixels of one layer's units: projections and image patches, each in the tile's size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from interpret_deconv.results import LayerProjections
from interpret_figures import display
from interpret_topk.renderers.patches import Patches

__all__ = ["Tiles"]


@dataclass(frozen=True)
class Tiles:
    """Draws the neurons of one layer.

    Attributes:
        layer: What was projected.
        images: What draws their image patches.
        percentile: Percentile of a projection's magnitudes that gets full colour.
    """

    layer: LayerProjections
    images: Patches
    percentile: float

    def projections(self, neurons: Sequence[int]) -> UInt8[np.ndarray, "n h w 3"]:
        """What drives the neurons; a patch's own scale cancels, since each is shown under its own."""
        values = self.layer.patches[list(neurons)][:, self.images.channels].float()
        pixels = display.signed_pixels(values, display.magnitude(values, self.percentile))
        return self.images.finish(pixels, neurons)
