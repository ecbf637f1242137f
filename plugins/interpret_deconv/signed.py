"""Layers whose values go below zero and on from there: a unit that is never above it is not dead."""

from __future__ import annotations

from collections.abc import Sequence

from interpret.errors import InterpretError
from interpret.graph import Node, is_rectifier, read_by_relus
from interpret.network import Network
from interpret_topk import Exemplars

__all__ = ["before_relu", "ends_in_activation", "signed_layers"]


def signed_layers(network: Network, mined: Exemplars, layers: Sequence[str]) -> tuple[str, ...]:
    """Those of some layers that have units whose strongest value is below zero, and no ReLU behind them.

    Where a ReLU has made a layer its units have no such value. In a layer that only ReLUs read a unit that is
    never positive passes nothing on: it is as dead as behind them.

    Args:
        network: The network.
        mined: What was mined.
        layers: By the names that were mined.
    """
    below = [
        layer
        for layer in layers
        if bool((mined[layer].values[:, 0].isfinite() & (mined[layer].values[:, 0] < 0)).any())
    ]
    return tuple(layer for layer in below if not before_relu(network, layer))


def before_relu(network: Network, layer: str) -> bool:
    """Whether only ReLUs read what a layer gives, so that values below zero end there.

    False where the network cannot be traced.
    """
    node = _node(network, layer)
    return node is not None and read_by_relus(network.graph, node)


def ends_in_activation(network: Network, layer: str) -> bool:
    """Whether a layer gives what a SiLU, a GELU or another activation makes; so where it is not known."""
    node = _node(network, layer)
    return node is None or is_rectifier(node)


def _node(network: Network, layer: str) -> Node | None:
    try:
        graph, name = network.graph, network.layer(layer)
        return graph.returned.get(name) or graph.layer(name)
    except InterpretError:
        return None
