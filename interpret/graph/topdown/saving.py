"""The way up: one forward pass that saves what the way down needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.errors import ModelError
from interpret.graph.operations.opaque import save_operands
from interpret.graph.operations.operation import SaveRule
from interpret.graph.operations.signals import pointwise
from interpret.graph.operations.table import is_linear, row_of
from interpret.graph.program.program import TRACED_BATCH, Graph, Node, apply
from interpret.graph.topdown.rules import Rules
from interpret.graph.topdown.ways import signal_path, way_of


@dataclass(frozen=True)
class ForwardCache:
    """What the way up decided: the switches of max pools and, as the rules ask, more.

    Attributes:
        graph: The network.
        rules: The rules this was saved for.
        count: The number of images.
        activations: What the layers asked about returned, (n, ...) each.
        saved: Per node: switches of a max pool, signs of a ReLU, derivatives of another nonlinearity, the
            factors of a gate, or the operands of any other operation.
        fixed: Values of the nodes that do not depend on the input.
    """

    graph: Graph
    rules: Rules
    count: int
    activations: Mapping[Node, Tensor]
    saved: Mapping[Node, Any]
    fixed: Mapping[Node, Tensor]


@torch.no_grad()
def save_forward(
    graph: Graph, x: Float[Tensor, "n c h w"], layers: Sequence[Node], rules: Rules | None = None
) -> ForwardCache:
    """The way up: one forward pass that keeps what the way down from some layers needs.

    Args:
        graph: The network.
        x: Images.
        layers: The nodes of the layers asked about.
        rules: What will be done on the way down (default: the deconvnet).

    Raises:
        ModelError: If an operation below a layer has no rule; the message names it.
    """
    rules = rules or Rules()
    path = [node for node in signal_path(graph, layers, rules) if node is not graph.input]
    for layer in layers:
        require_images_in_front(layer)
    wanted = {node: save for node in path if (save := save_rule(node, rules))}
    ways = {node: way for node in path if (way := way_of(node, rules)) and way.recorded}
    fixed = dict.fromkeys(operand for node in path for operand in node.operands if not operand.varies)
    fixed |= dict.fromkeys(node for way in ways.values() for node in way.constants)
    recorded = [way.recorded for way in ways.values() if way.recorded]
    saved: dict[Node, Any] = {}
    values = graph.run(x, [*layers, *fixed, *recorded], _saving(wanted, saved))
    for (node, way), below in zip(ways.items(), recorded, strict=True):
        saved[node] = way.record(values[below], values.__getitem__)
    activations = {layer: values[layer] for layer in layers}
    return ForwardCache(graph, rules, len(x), activations, saved, {node: values[node] for node in fixed})


def _saving(
    wanted: Mapping[Node, SaveRule], saved: dict[Node, Any]
) -> Callable[[Node, Mapping[str, Any]], Any]:
    """Computes nodes as usual, and keeps what is wanted of them."""

    def compute(node: Node, arguments: Mapping[str, Any]) -> Any:
        if node not in wanted:
            return apply(node, arguments)
        value, saved[node] = wanted[node](node, arguments)
        return value

    return compute


def require_rules(graph: Graph, layer: Node, rules: Rules) -> None:
    """Refuse a layer below which an operation has no rule, or in which no signal can start.

    Raises:
        ModelError: The message names the layer and the operation.
    """
    require_images_in_front(layer)
    for node in signal_path(graph, [layer], rules):
        if node is not graph.input:
            save_rule(node, rules)


def require_images_in_front(layer: Node) -> None:
    """Refuse a layer whose first axis does not count images: no signal of one image can start there.

    Raises:
        ModelError: If it does not; the message names the layer and the operation.
    """
    if not layer.batched:
        raise ModelError(
            f"{layer.origin} has no image axis in front, so no signal can start there. Choose a layer "
            "behind which each row is one image."
        )


def save_rule(node: Node, rules: Rules) -> SaveRule | None:
    """What the way down needs to know of the way up; None: nothing.

    Raises:
        ModelError: If the node has no rule; the message names the layer and the operation.
    """
    row, apart = row_of(node), takes_apart(node)
    if row.save and not apart:
        return row.save(rules)
    ruled = is_linear(node) or row.save is not None
    if way_of(node, rules) or (ruled and not apart):
        return None
    if ruled or rules.takes_gradients:
        return save_operands
    raise ModelError(
        f'{node.origin} has no {rules.relu} rule, and nonlinear="refuse" allows no other. Let it treat the '
        'signal as a ReLU does with nonlinear="rectify", or pass its gradient with nonlinear="gradient"; or '
        'ask with rule="gradient".'
    )


def takes_apart(node: Node) -> bool:
    """Whether an operation moves images and their parts, so that only autograd knows the way down."""
    return moves_images(node) and (is_linear(node) or not pointwise(node))


def moves_images(node: Node) -> bool:
    """Whether an operation works on images on another axis than the first, or by their numbers.

    Attention in windows works on (images x windows, tokens, channels), and some code on (tokens, images,
    channels). A mask of every image has no numbers: it is another constant.
    """
    in_front = all(item.batched for item in (node, *node.operands) if item.varies)
    counted = (
        item
        for item in node.operands
        if not item.varies and not item.continuous and item.dtype is not torch.bool
    )
    return not in_front or any(item.traced[:1] == (TRACED_BATCH,) for item in counted)
