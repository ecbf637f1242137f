"""The activations of layers as features, by our recording and by Captum's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from interpret.images import Images, as_images
from interpret.network import Network, batches
from interpret.plugin import Probe
from interpret.results import Result
from interpret.run import cached_pieces
from interpret.wording import value
from interpret_captum.mining import layer_features


@dataclass(frozen=True)
class Features(Result):
    """The activations of some layers in some images.

    Attributes:
        layers: By the names that were asked for; of each image a map or a vector.
        ids: The ids of the images, in order.
    """

    layers: dict[str, Float[Tensor, "image ..."]]
    ids: tuple[str, ...]

    def summary(self) -> dict[str, str]:
        """The shape of each layer's activations."""
        shapes = {name: " x ".join(map(str, found.shape[1:])) for name, found in self.layers.items()}
        return {"images": value(len(self.ids)), **shapes}


class LayerFeatures(Probe):
    """The activations of layers, all layers from one pass."""

    name: ClassVar[str] = "layer_features"
    in_pieces: ClassVar[bool] = True

    layers: list[str] = Field([], description="Layers, by name or alias; none: every convolution.")
    batch_size: int = Field(32, ge=1, le=4096, description="Images in one forward pass.")

    def run(self, network: Network, images: Images) -> Features:
        """One forward pass over the images for all layers."""
        layers = self.layers or network.default_layers("convolutions")
        return _collect(network, as_images(images), self.batch_size, lambda x: network.record(x, layers))


class CaptumLayerFeatures(Probe):
    """The activations of layers by Captum's ``LayerActivation``."""

    name: ClassVar[str] = "captum.layer_features"
    in_pieces: ClassVar[bool] = True

    layers: list[str] = Field([], description="Layers, by name or alias; none: every convolution.")
    batch_size: int = Field(32, ge=1, le=4096, description="Images in one forward pass.")

    def run(self, network: Network, images: Images) -> Features:
        """One ``LayerActivation`` for all layers."""
        layers = self.layers or network.default_layers("convolutions")
        return _collect(
            network, as_images(images), self.batch_size, lambda x: layer_features(network, x, layers)
        )


def _collect(
    network: Network, images: Images, batch_size: int, activations: Callable[[Tensor], dict[str, Tensor]]
) -> Features:
    """The activations of all images on the CPU."""

    def some(piece: range) -> Features:
        part = images.subset(piece)
        found = [activations(batch.x) for batch in batches(network, part, batch_size)]
        layers = {name: torch.cat([part[name].cpu() for part in found]) for name in found[0]}
        return Features(layers, tuple(part.ids))

    pieces = cached_pieces(some, range(len(images)), batch_size, kind=Features)
    if len(pieces) == 1:
        return pieces[0]
    layers = {name: torch.cat([piece.layers[name] for piece in pieces]) for name in pieces[0].layers}
    return Features(layers, tuple(images.ids))
