"""Parts of a network in which the first axis does not count images, as one operation each.

Attention in windows works on (images x windows, tokens, channels), and some code on (tokens, images,
channels). Signals go down image by image, so such a part goes down by autograd as a whole: from where images
are in front again to where they still are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from interpret.graph.operations.opaque import NO_ROW
from interpret.graph.operations.table import is_linear
from interpret.graph.program.program import Graph, Node, apply, resolve
from interpret.graph.topdown.saving import moves_images


def by_image(graph: Graph, layer: str) -> Graph:
    """The same network up to a layer, with such parts as one operation each; the graph itself without any.

    Args:
        graph: The network.
        layer: The name of the layer, or empty: the network's output; its own images must be in front.
    """
    end = graph.layer(layer) if layer else graph.output
    path = graph.path(end)
    moving = {node for node in path if node is not graph.input and moves_images(node)}
    if not moving or not end.batched or any(node.batched and not _ends_part(node) for node in moving):
        return graph
    made: dict[Node, Node] = {}
    for node in graph.nodes:  # also what no image reaches: constants of the size of what is inside a part
        if node in moving and node.batched:  # where a part ends
            made[node] = _as_one(node, _part(node, moving, path), made)
        elif any(operand in made for operand in node.operands):
            made[node] = _with_operands(node, made)
    last = made.get(end, end)
    whole = replace(graph, nodes=tuple(made.get(node, node) for node in graph.nodes))
    return replace(
        whole,
        nodes=tuple(whole.needed([graph.input, last])),
        layers={layer: last} if layer else {},
        answer=graph.answer if layer else last,
        returned={},
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
        target=Part(tuple(part), names),
        arguments=dict(zip(names.values(), operands, strict=True)),
        operands=operands,
    )


@dataclass(frozen=True)
class Part:
    """A function of what a part reads, which computes it.

    Attributes:
        nodes: The operations of the part, in order.
        names: What its function calls each value that it reads.
    """

    nodes: tuple[Node, ...]
    names: Mapping[Node, str]

    def __call__(self, **given: Any) -> Tensor:
        """The value at the end of the part."""
        values = {operand: given[name] for operand, name in self.names.items()}
        image = next(given[name] for operand, name in self.names.items() if operand.varies)
        for node in self.nodes:
            values[node] = apply(node, resolve(node.arguments, values, image))
        end: Tensor = values[self.nodes[-1]]
        return end

    @property
    def nonlinear(self) -> list[Node]:
        """The operations inside that are not linear, and have a gradient."""
        return [node for node in self.nodes if node.continuous and not is_linear(node)]

    @property
    def __name__(self) -> str:
        """What messages call it: the first operation that is not linear."""
        return (self.nonlinear or self.nodes[-1:])[0].operation


def _with_operands(node: Node, made: Mapping[Node, Node]) -> Node:
    """A node that reads what was made in the place of its operands."""
    operands = tuple(made.get(operand, operand) for operand in node.operands)
    return replace(node, arguments=_replaced(dict(node.arguments), made), operands=operands)


def _replaced(value: Any, made: Mapping[Node, Node]) -> Any:
    if isinstance(value, Node):
        return made.get(value, value)
    if isinstance(value, dict):
        return {key: _replaced(item, made) for key, item in value.items()}
    return [_replaced(item, made) for item in value] if isinstance(value, (list, tuple)) else value
