"""ZFNet: the network of Zeiler & Fergus 2014, Figure 3."""

from __future__ import annotations

from typing import ClassVar

from interpret_zoo.architecture import ConvLayer, Layers, LinearLayer
from interpret_zoo.eight_layers import EightLayers

__all__ = ["ZFNet"]

ZFNET: Layers = {
    1: ConvLayer(96, kernel=7, stride=2, after=("pool", "norm")),
    2: ConvLayer(256, kernel=5, stride=2, after=("pool", "norm")),
    3: ConvLayer(384, kernel=3, padding=1),
    4: ConvLayer(384, kernel=3, padding=1),
    5: ConvLayer(256, kernel=3, padding=1, after=("pool",)),
    6: LinearLayer(4096),
    7: LinearLayer(4096),
}


class ZFNet(EightLayers):
    """The network of Zeiler & Fergus 2014 (Figure 3), at any width, without any of its layers (Table 3).

    ``layer1`` to ``layer7`` are the paper's layers: convolution, ReLU, pool and contrast norm; linear and
    ReLU. A unit is thus a pooled and normalised map, as the next layer sees it; ``layer1.pool`` is the map
    before the norm. Sizes round up as in Krizhevsky's code: 224 pixels give maps of 110, 55, 26, 13 and 6.
    The paper's wide variant is ``widths: {3: 512, 4: 1024, 5: 512}``.
    """

    name: ClassVar[str] = "zfnet"

    def layers(self) -> Layers:
        """The layers at the paper's widths."""
        return ZFNET
