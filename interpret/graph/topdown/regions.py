"""Parts of a network in which the first axis does not count images, as one operation each.

Attention in windows works on (images x windows, tokens, channels), and some code on (tokens, images,
channels). Signals go down image by image, so such a part goes down by autograd as a whole: from where images
are in front again to where they still are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from interpret.graph.operations.opaque import NO_ROW
from interpret.graph.program.program import Graph, Node, apply, resolve, with_operands
from interpret.graph.topdown.saving import moves_images


def by_image(graph: Graph, layer: str) -> Graph:
    """The same network up to a layer, with such parts as one operation each; the graph itself without any.

    Args:
        graph: The network.
        layer: The name of the layer; its own images must be in front.
    """
    end = graph.layer(layer)
    path = graph.path(end)
    moving = {node for node in path if node is not graph.input and moves_images(node)}
    if not moving or not end.batched or any(node.batched and not _ends_part(node) for node in moving):
        return graph
    made: dict[Node, Node] = {}
    for node in path:
        if node in moving:
            if node.batched:  # where a part ends
                made[node] = _as_one(node, _part(node, moving, path), made)
        elif any(operand in made for operand in node.operands):
            made[node] = with_operands(node, made)
    whole = replace(graph, nodes=tuple(made.get(node, node) for node in graph.nodes))
    layers = {layer: made.get(end, end)}
    return replace(
        whole, nodes=tuple(whole.needed([graph.input, *layers.values()])), layers=layers, returned={}
    )


def _ends_part(node: Node) -> bool:
    """Whether images are in front in a node and not in what it reads; else it reads them by their numbers."""
    return any(not operand.batched for operand in node.varying_operands)


def _part(end: Node, moving: set[Node], path: Sequence[Node]) -> list[Node]:
    """The operations of a part that make its end, in order."""
    wanted = {end}
    for node in reversed(path):
        if node in wanted:
            wanted |= {operand for operand in node.operands if operand in moving and not operand.batched}
    return [node for node in path if node in wanted]


def _as_one(end: Node, part: Sequence[Node], made: Mapping[Node, Node]) -> Node:
    given = dict.fromkeys(operand for node in part for operand in node.operands if operand not in part)
    names = {operand: f"operand_{index}" for index, operand in enumerate(given)}
    operands = tuple(made.get(operand, operand) for operand in given)
    return replace(
        end,
        op=NO_ROW.name,
        target=_runs(part, names),
        arguments=dict(zip(names.values(), operands, strict=True)),
        operands=operands,
    )


def _runs(part: Sequence[Node], names: Mapping[Node, str]) -> Callable[..., Tensor]:
    """A function of what a part reads, which computes it."""
    image = next(operand for operand in names if operand.varies)

    def windows(**given: Any) -> Tensor:
        values = {operand: given[name] for operand, name in names.items()}
        for node in part:
            values[node] = apply(node, resolve(node.arguments, values, given[names[image]]))
        end: Tensor = values[part[-1]]
        return end

    return windows
