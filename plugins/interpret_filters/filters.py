"""The filters of the first layer."""

from __future__ import annotations

import torch
from torch import nn

from interpret.errors import ModelError
from interpret.network import Network, takes_network
from interpret_filters.results import Filters


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
    weights = runs[found[0]].weight.detach().to("cpu", torch.float32, copy=True)
    return Filters(found[0], weights, network.input)
