"""AlexNet as Krizhevsky et al. trained it in 2012, which torchvision's ``alexnet`` is not."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from interpret_zoo.architecture import ConvLayer, Layers, LinearLayer, ungrouped
from interpret_zoo.eight_layers import EightLayers

ALEXNET: Layers = {
    1: ConvLayer(96, kernel=11, stride=4, after=("norm", "pool")),
    2: ConvLayer(256, kernel=5, padding=2, groups=2, after=("norm", "pool")),
    3: ConvLayer(384, kernel=3, padding=1),
    4: ConvLayer(384, kernel=3, padding=1, groups=2),
    5: ConvLayer(256, kernel=3, padding=1, groups=2, after=("pool",)),
    6: LinearLayer(4096),
    7: LinearLayer(4096),
}
"""Half of the maps of layers 2, 4 and 5 see only half of the maps below (one on each of two devices)."""


class AlexNet(EightLayers):
    """Krizhevsky's network of 2012, with contrast norm before the pool and two groups; the paper's baseline.

    ``layer1`` to ``layer7`` are its layers: convolution, ReLU, contrast norm and pool; linear and ReLU.
    Sizes round up as in Krizhevsky's code: 224 pixels give maps of 55, 27, 13 and 6.
    """

    name: ClassVar[str] = "alexnet"

    grouped: bool = Field(True, description="Whether layers 2, 4 and 5 have two groups; false: dense.")

    def layers(self) -> Layers:
        """The layers at Krizhevsky's widths."""
        return ALEXNET if self.grouped else ungrouped(ALEXNET)
