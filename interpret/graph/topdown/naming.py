"""What was done on the way down beyond ReLUs, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from interpret.graph.operations.signals import ends_in, is_activation
from interpret.graph.operations.table import is_linear, row_of
from interpret.graph.program.program import Graph, Node
from interpret.graph.topdown.rules import Rules
from interpret.graph.topdown.ways import Gated, Way, between, signal_path, way_of


def nonlinearities(graph: Graph, layer: Node, rules: Rules) -> dict[str, tuple[str, ...]]:
    """The nonlinear operations below a layer without a rule of their own, by what is done with signals there.

    Args:
        graph: The network.
        layer: The node of the layer.
        rules: What is done on the way down.

    Returns:
        Under ``rectified``, ``gated`` and ``gradient`` the names of operations, as ``hardswish x 5``; only
        those that there are. Empty under ``relu="gradient"``, which is the gradient everywhere.
    """
    found = {"rectified": Counter[str](), "gated": Counter[str](), "gradient": Counter[str]()}
    path = () if rules.relu == "gradient" else signal_path(graph, [layer], rules)
    for node in path:
        way = way_of(node, rules)
        if way or passes_gradient(node, rules):
            found[_kind(way, rules)][_name(node, way)] += 1
    return {kind: tuple(_counted(names)) for kind, names in found.items() if names}


def passes_gradient(node: Node, rules: Rules) -> bool:
    """Whether a signal goes down through a nonlinear node by its gradient."""
    has_rule = node.op in ("input", "detach") or row_of(node).save or is_linear(node)
    return not (has_rule or way_of(node, rules)) and node.continuous


def _kind(way: Way | None, rules: Rules) -> str:
    if way is None or not rules.rectifies:
        return "gradient"
    return "gated" if isinstance(way, Gated) else "rectified"


def _name(node: Node, way: Way | None) -> str:
    """An activation of PyTorch by its class, anything else by its operations."""
    if isinstance(way, Gated):
        return ends_in(way.gate.recorded).operation if way.taker is not way.recorded else node.operation
    if is_activation(node.owner):
        return node.owner.removeprefix("nn.")
    inside = between(node, way.taker) if way else iter([node])
    names = dict.fromkeys(item.operation for item in inside if not is_linear(item))
    return " and ".join(sorted(names, reverse=True))


def _counted(names: Counter[str]) -> Iterator[str]:
    for name, count in names.items():
        yield f"{name} x {count}" if count > 1 else name
