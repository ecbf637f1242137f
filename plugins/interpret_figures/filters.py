"""The filters of the first layer, and the probe that takes them out; `filter_grid` draws them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from interpret.errors import ModelError
from interpret.images import Images
from interpret.network import Network, takes_network
from interpret.plugin import Probe
from interpret.results import Result


@dataclass(frozen=True)
class Filters(Result):
    """The weights of one convolution.

    Attributes:
        layer: Its name.
        weights: Signed weights.
    """

    layer: str
    weights: Float[Tensor, "unit channel height width"]


@takes_network
def first_filters(network: Network, layer: str | None = None) -> Filters:
    """The filters of the first convolution that runs, or of the first one in ``layer``.

    Args:
        network: Any network whose convolutions are ``nn.Conv2d``.
        layer: Name or alias of a convolution, or of a layer that begins with one.

    Raises:
        ModelError: If there is no convolution; the message names those there are.
        UnknownNameError: If there is no such layer.
    """
    runs = network.modules_of(nn.Conv2d)
    start = "" if layer is None else network.layer(layer)
    found = [name for name in runs if not start or name == start or name.startswith(f"{start}.")]
    if not found:
        where = f"Layer {layer!r}" if layer else f"{type(network.module).__name__}"
        known = (
            f"Its convolutions are {', '.join(list(runs)[:12])}." if runs else "It has no nn.Conv2d at all."
        )
        raise ModelError(f"{where} has no filters to show: it is no convolution and holds none. {known}")
    return Filters(found[0], runs[found[0]].weight.detach().to("cpu", torch.float32, copy=True))


class FirstLayerFilters(Probe):
    """The filters of the network's first convolution (Zeiler & Fergus 2014, Figures 2 and 6)."""

    name: ClassVar[str] = "filters"

    layer: str | None = Field(None, description="A convolution, or a layer that holds one; none: the first.")

    def run(self, network: Network, images: Images) -> Filters:  # noqa: ARG002
        """The weights; no image is read."""
        return first_filters(network, self.layer)
