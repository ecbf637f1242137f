"""Projection of any signals in a layer: of sums of neurons, of outputs, of a function of a layer."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.graph import Rules, save_forward, top_down
from interpret.network import Network
from interpret_deconv.derivatives import whole_gradient

__all__ = ["project_signals"]


def project_signals(
    network: Network, x: Float[Tensor, "n c h w"], layer: str, signals: Float[Tensor, "n ..."], rules: Rules
) -> Float[Tensor, "n c h w"]:
    """What signals in a layer mean in pixels, one for each image, through whole maps.

    Args:
        network: The network.
        x: Preprocessed images.
        layer: The name of a layer; empty: the network's output.
        signals: One for each image, in the layer's shape.
        rules: What is done on the way down.

    Raises:
        UnknownNameError: If there is no such layer.
        ModelError: If the network cannot be traced, or has a nonlinearity without a rule.
        InterpretError: If the signals do not fit the layer.
    """
    channels, height, width = x.shape[1:]
    graph, images = network.graph_for((channels, height, width)), torch.arange(len(x), device=x.device)
    if gradient := whole_gradient(network, graph, layer, rules):
        return gradient(x, signals, images)
    node = graph.layer(layer) if layer else graph.output
    return top_down(save_forward(graph, x, [node], rules), node, signals, images)
