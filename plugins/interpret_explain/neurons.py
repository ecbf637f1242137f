"""Which units of a layer are strongest in each image of a batch, and where."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interpret.errors import ModelError
from interpret.graph import Seeds
from interpret.network import undecided


@dataclass(frozen=True)
class Neurons:
    """The strongest neurons of a batch in one layer, ordered by image, strongest first.

    Attributes:
        image: Which image of the batch.
        unit: The channel.
        rank: Its place among the units of its image.
        position: Where it stands, (y, x); (0, 0) in vectors.
        value: Its activation.
    """

    image: Int[Tensor, " neuron"]
    unit: Int[Tensor, " neuron"]
    rank: Int[Tensor, " neuron"]
    position: Int[Tensor, "neuron 2"]
    value: Float[Tensor, " neuron"]

    def seeds(self) -> Seeds:
        """A signal of 1 at each of them."""
        y, x = self.position.unbind(1)
        return Seeds(self.image, self.unit, y, x, torch.ones_like(self.value))


def find_strongest(output: Float[Tensor, "n ..."], layer: str, units: int) -> Neurons:
    """The strongest neuron of each of the strongest units of every image.

    Of equal units it is the first, of equal neurons the first in reading order. NaN are never the strongest,
    and units that are nowhere positive are left out.

    Args:
        output: What the layer gives: maps (n, c, h, w) or vectors (n, c).
        layer: Its name.
        units: How many units of each image.

    Raises:
        ModelError: If the layer gives neither maps nor vectors.
    """
    if output.dim() not in {2, 4} or not output.is_floating_point():
        raise ModelError(
            f"Layer {layer!r} gives {output.dtype} of shape {tuple(output.shape[1:])}; units are ranked "
            "where it gives maps (channels, rows, columns) or vectors (channels,) of real numbers. "
            f"{undecided(layer, output.shape)}"
        )
    maps = output.flatten(2) if output.dim() == 4 else output[:, :, None]
    peak, at = maps.masked_fill(maps.isnan(), -torch.inf).max(2)
    value, unit = (item[:, :units] for item in peak.sort(dim=1, descending=True, stable=True))
    image, rank = (value > 0).nonzero(as_tuple=True)
    at, width = at.gather(1, unit)[image, rank], output.shape[3] if output.dim() == 4 else 1
    position = torch.stack([at // width, at % width], 1)
    found = (image, unit[image, rank], rank, position, value[image, rank])
    return Neurons(*(tensor.cpu() for tensor in found))
