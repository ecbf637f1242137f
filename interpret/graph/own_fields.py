"""The part of the image that a position of a layer stands for, where attention mixes in the rest."""

from __future__ import annotations

from dataclasses import replace

from interpret.graph.program.program import Graph, Node, with_operands
from interpret.graph.receptive import HasGraph, ReceptiveField, receptive_field, sampling

ATTENTION = ("softmax", "attention")
"""Parts of the names of operations by which tokens are mixed by what they hold."""

OWN = "own"
"""The name of the layer in the graph without what mixes."""


def own_field(network: HasGraph | Graph, layer: str) -> ReceptiveField | None:
    """The receptive field of a layer without what reads the whole image: a token's own patch.

    Above attention (or a gate) every position depends on the whole image, and `receptive_field` says so. What
    is added to its result, the residual stream, still stands where it stood: 16 x 16 pixels of a ViT-B/16 in
    every block, and 4, 8, 16 and 32 in the stages of a Swin. Where no operation reads whole maps, it is the
    receptive field.

    Args:
        network: A network, or its graph.
        layer: Name (or alias) of the layer.

    Returns:
        The field; None where no way from the image to the layer keeps positions.

    Raises:
        UnknownNameError: If there is no such layer.

    Example:
        >>> own_field(vit, "blocks.3").size, receptive_field(vit, "blocks.3").size
        ((16, 16), (224, 224))
    """
    field = receptive_field(network, layer, measure=False)
    if 0 not in field.stride:
        return field
    graph, name = (network, layer) if isinstance(network, Graph) else (network.graph, network.layer(layer))
    end = _standing(graph, name) if max(field.extent) > 1 else None
    return None if end is None else receptive_field(_placed(graph, end), OWN, measure=False)


def mixed_by(graph: Graph, layer: str) -> str:
    """What makes the positions of a layer depend on the whole image, in a word for captions."""
    return "attention" if _attends(graph, graph.layer(layer)) else "an operation on whole maps"


def _attends(graph: Graph, end: Node) -> bool:
    return any(word in node.operation for node in graph.path(end) for word in ATTENTION)


def _standing(graph: Graph, layer: str) -> Node | None:
    """The layer, or else the last node below it, with as many positions, to which a way keeps them.

    What attention makes has no other way; a token of it stands where that of its input did.
    """
    end = graph.layer(layer)
    path, reached = graph.path(end), {graph.input}
    for node in path:
        if any(operand in reached and not _mixes(node, operand) for operand in node.varying_operands):
            reached.add(node)
    below = [node for node in reversed(path) if node in reached and node.grid == end.grid]
    return end if end in reached else below[0] if below and _attends(graph, end) else None


def _placed(graph: Graph, end: Node) -> Graph:
    """The part of a graph below a node, the layer ``OWN``, without the operands that are read as a whole."""
    made: dict[Node, Node] = {}
    for node in graph.path(end):
        kept = tuple(operand for operand in node.operands if not (operand.varies and _mixes(node, operand)))
        made[node] = with_operands(replace(node, operands=kept), made)
    nodes, layers = tuple(made.values()), {OWN: made[end]}
    return replace(graph, nodes=nodes, layers=layers, input=made[graph.input], answer=None, returned={})


def _mixes(reader: Node, operand: Node) -> bool:
    """Whether every position of a node reads all rows or all columns of an operand."""
    return any(operand.grid[axis] > 1 and sampling(reader, operand, axis, {}).stride == 0 for axis in (0, 1))
