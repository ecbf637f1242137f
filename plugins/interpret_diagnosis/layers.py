"""Which layers a diagnosis looks at: rectified ones, the first convolution, the second layer."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from interpret.errors import ModelError
from interpret.graph import Graph, Node
from interpret.network import Network

__all__ = ["diagnosed_layers"]


def first_convolution(network: Network) -> tuple[str, nn.Conv2d] | None:
    """The name and the module of the first ``nn.Conv2d`` that runs; none where there is none."""
    return next(iter(network.modules_of(nn.Conv2d).items()), None)


def diagnosed_layers(network: Network) -> list[str]:
    """The layers whose units are looked at unless others are named, in execution order.

    The network's aliases, such as the paper's ``layer1`` to ``layer7``; where it has none, the outputs of all
    ReLUs; where there are none of these either, all convolutions.

    Raises:
        ModelError: If it has no convolution either.
    """
    if network.aliases:
        order = {name: place for place, name in enumerate(network.layers)}
        return sorted(network.aliases, key=lambda alias: order[network.layer(alias)])
    return rectified(network) or _convolutions(network)


def rectified(network: Network) -> list[str]:
    """The layers that end in a ReLU, whether it is a module or a function; each output under one name."""
    graph = graph_of(network)
    if graph is None:
        return list(network.modules_of(nn.ReLU))
    names: dict[Node, str] = {}
    for name, node in graph.layers.items():
        if node.op == "relu" and name in network.calls:
            names.setdefault(node, name)
    return list(names.values())


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


def graph_of(network: Network) -> Graph | None:
    """The network as a program, or none where it cannot be traced."""
    try:
        return network.graph
    except ModelError:
        return None


def _spatial(node: Node) -> bool:
    """Whether a node is a convolution that reads more than one pixel at a time."""
    return node.op == "conv2d" and max(node.operands[1].traced[2:]) > 1


def _convolutions(network: Network) -> list[str]:
    names = list(network.modules_of(nn.Conv2d))
    if not names:
        raise ModelError(
            f"{type(network.module).__name__} has neither ReLUs nor convolutions that can be named: say "
            f"which layers to look at, for example {list(network.layers[-3:])}."
        )
    return names
