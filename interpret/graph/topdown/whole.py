"""The top-down pass over whole images: what a signal in a layer means in pixels (the deconvnet)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from interpret.errors import InterpretError, ModelError
from interpret.graph.program.program import Graph, Node, apply
from interpret.graph.topdown.rules import Descent, Rules


@dataclass(frozen=True)
class Memory:
    """What the way up decided: the switches of max pools and, as the rules ask, more.

    Attributes:
        graph: The network.
        rules: The rules this was remembered for.
        count: The number of images.
        activations: What the layers asked about returned, (n, ...) each.
        notes: Per node: switches of a max pool, signs of a ReLU, or the operands of any other operation.
        fixed: Values of the nodes that do not depend on the input.
    """

    graph: Graph
    rules: Rules
    count: int
    activations: Mapping[Node, Tensor]
    notes: Mapping[Node, Any]
    fixed: Mapping[Node, Tensor]


@torch.no_grad()
def remember(
    graph: Graph, x: Float[Tensor, "n c h w"], layers: Sequence[Node], rules: Rules | None = None
) -> Memory:
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
    path = [node for node in graph.signal_path(*layers) if node is not graph.input]
    wanted = {node: rules.remembered(node) for node in path}
    fixed = dict.fromkeys(operand for node in path for operand in node.operands if not operand.varies)
    notes: dict[Node, Any] = {}
    values = graph.run(x, [*layers, *fixed], _note_taker(wanted, notes))
    activations = {layer: values[layer] for layer in layers}
    return Memory(graph, rules, len(x), activations, notes, {node: values[node] for node in fixed})


def _note_taker(
    wanted: Mapping[Node, str], notes: dict[Node, Any]
) -> Callable[[Node, Mapping[str, Any]], Any]:
    """Computes nodes as usual, and writes down what is wanted of them."""

    def noting(node: Node, arguments: Mapping[str, Any]) -> Any:
        kind = wanted.get(node, "nothing")
        if kind == "switches":
            names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
            given = {key: arguments[key] for key in names}
            value, notes[node] = F.max_pool2d(arguments["self"], **given, return_indices=True)
            return value
        value = apply(node, arguments)
        if kind == "signs":
            notes[node] = value > 0
        elif kind == "operands":
            notes[node] = dict(_varying_operands(list(node.arguments.values()), list(arguments.values())))
        return value

    return noting


def _varying_operands(given: Any, resolved: Any) -> Iterator[tuple[Node, Tensor]]:
    """Each operand that depends on the input, with its value."""
    if isinstance(given, Node) and given.varies:
        yield given, resolved
    elif isinstance(given, (list, tuple)):
        for item, value in zip(given, resolved, strict=True):
            yield from _varying_operands(item, value)


@torch.no_grad()
def top_down(
    memory: Memory,
    layer: Node,
    signal: Float[Tensor, "k ..."],
    images: Int[Tensor, " k"] | Sequence[int],
) -> Float[Tensor, "k c h w"]:
    """Carry signals from a layer down to the pixels (Zeiler & Fergus 2014, section 2.1).

    Each signal goes down by the switches of its own image. The pass uses filters without biases, and nothing
    is rectified after the last filter: the values of pixels are signed.

    Args:
        memory: What `remember` kept for this layer.
        layer: The node the signals start at. At a ReLU's output they pass its rule first.
        signal: The signals, in the layer's shape; usually zero but for one neuron each (see `seed_signals`).
        images: For each signal, its image among those remembered.

    Raises:
        InterpretError: If the layer was not remembered, or the signals do not fit it.
    """
    chosen = torch.as_tensor(images, device=signal.device)
    _check(memory, layer, signal, chosen)
    descent = Descent(memory.rules, chosen, memory.fixed, memory.notes)
    signals = {memory.graph.input: signal.new_zeros(len(signal), *memory.graph.input.shape), layer: signal}
    for node in reversed(memory.graph.signal_path(layer)):
        if node is memory.graph.input or node not in signals or node.op == "detach":
            continue
        for operand, share in descent.down(node, signals.pop(node)):
            signals[operand] = signals[operand] + share if operand in signals else share
    return signals[memory.graph.input]


def by_autograd(
    value: Callable[[Tensor], Tensor],
    place: str,
    x: Float[Tensor, "n c h w"],
    signal: Float[Tensor, "k ..."],
    images: Int[Tensor, " k"],
) -> Float[Tensor, "k c h w"]:
    """The gradient of a whole network at once: the way down where none goes from operation to operation.

    Args:
        value: What a layer makes of images.
        place: Where that is, for messages.
        x: Images.
        signal: The signals, in the layer's shape.
        images: For each signal, its image.

    Raises:
        ModelError: If autograd cannot follow the way.
    """
    with torch.enable_grad():
        leaf = x[images].detach().requires_grad_()
        made = value(leaf)
        if not made.requires_grad:
            return torch.zeros_like(leaf)
        try:
            (found,) = torch.autograd.grad(made, leaf, signal, allow_unused=True)
        except (RuntimeError, NotImplementedError) as error:
            raise ModelError(f"The way to {place} has no gradient in PyTorch: {error}") from error
    return torch.zeros_like(leaf) if found is None else found.detach()


def seed_signals(
    layer: Node,
    channel: Int[Tensor, " k"],
    y: Int[Tensor, " k"],
    x: Int[Tensor, " k"],
    value: Float[Tensor, " k"],
) -> Float[Tensor, "k ..."]:
    """One signal for each neuron: its value there, zero everywhere else.

    Args:
        layer: The node of a layer with maps (c, h, w), or without positions (c).
        channel: Channels of the neurons.
        y: Their rows; 0 in a layer without positions.
        x: Their columns; 0 in a layer without positions.
        value: What each signal starts with; its device and dtype are those of the result.

    Raises:
        InterpretError: If a neuron lies outside the layer.
    """
    size = (*layer.shape, 1, 1)[:3]
    places = torch.stack([channel, y, x])
    outside = ((places < 0) | (places >= torch.tensor(size, device=places.device)[:, None])).any(0)
    if len(layer.shape) not in (1, 3) or bool(outside.any()):
        wrong = places.T[outside].tolist()[:1]
        shape = " x ".join(map(str, layer.shape))
        raise InterpretError(f"There is no neuron (channel, y, x) = {wrong} in a layer of {shape}.")
    signals = value.new_zeros(len(value), *size)
    signals[torch.arange(len(value), device=value.device), channel, y, x] = value
    return signals.view(len(value), *layer.shape)


def _check(memory: Memory, layer: Node, signal: Tensor, images: Tensor) -> None:
    if layer not in memory.activations:
        known = ", ".join(repr(node) for node in memory.activations)
        raise InterpretError(f"Nothing was remembered for {layer!r}, only for {known}.")
    if tuple(signal.shape[1:]) != layer.shape:
        raise InterpretError(
            f"Signals for {layer!r} must be {layer.shape} each; got {tuple(signal.shape[1:])}."
        )
    inside = bool(((images >= 0) & (images < memory.count)).all())
    if images.shape != signal.shape[:1] or not inside:
        found = f"{len(images)} images, {images[:8].tolist()}"
        raise InterpretError(
            f"Each of {len(signal)} signals needs an image below {memory.count}; got {found}."
        )
