"""The layers that a diagnosis knows by what they are: the first convolution, the second layer."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from interpret.graph import Node
from interpret.network import Network


def first_convolution(network: Network) -> tuple[str, nn.Conv2d] | None:
    """The name and the module of the first ``nn.Conv2d`` that runs; none where there is none."""
    return next(iter(network.modules_of(nn.Conv2d).items()), None)


def second_layer(network: Network, layers: Sequence[str]) -> str | None:
    """The first of some layers that lies above two convolutions of more than 1 x 1 pixels; or none.

    Raises:
        ModelError: If the network cannot be traced; the message says why.
    """
    graph = network.graph
    for name in layers:
        node = graph.layer(network.layer(name))
        if node.spatial == (2, 3) and sum(map(_spatial, graph.path(node))) >= 2:
            return name
    return None


def _spatial(node: Node) -> bool:
    """Whether a node is a convolution that reads more than one pixel at a time."""
    return node.op == "conv2d" and max(node.operands[1].traced[2:]) > 1
