"""The top-down pass over whole images: what a signal in a layer means in pixels (the deconvnet)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interpret.errors import InterpretError, ModelError
from interpret.graph.operations.opaque import vector_jacobian
from interpret.graph.operations.table import row_of
from interpret.graph.program.program import Node
from interpret.graph.topdown.saving import ForwardCache, moves_images, takes_apart
from interpret.graph.topdown.ways import signal_path, way_of
from interpret.graph.topdown.whole_maps import Share, WholeMaps


@torch.no_grad()
def top_down(
    cache: ForwardCache,
    layer: Node,
    signal: Float[Tensor, "k ..."],
    images: Int[Tensor, " k"] | Sequence[int],
) -> Float[Tensor, "k c h w"]:
    """Carry signals from a layer down to the pixels (Zeiler & Fergus 2014, section 2.1).

    Each signal goes down by the switches of its own image; where operations have images on another axis than
    the first (`moves_images`), signal i must be of image i. The pass uses filters without biases, and nothing
    is rectified after the last filter: the values of pixels are signed.

    Args:
        cache: What `save_forward` kept for this layer.
        layer: The node the signals start at. At a ReLU's output they pass its rule first.
        signal: The signals, in the layer's shape; usually zero but for one neuron each (see `seed_signals`).
        images: For each signal, its image among those of the cache.

    Raises:
        InterpretError: If the cache was not made for the layer, or the signals do not fit it.
    """
    chosen = torch.as_tensor(images, device=signal.device)
    _check(cache, layer, signal, chosen)
    path = signal_path(cache.graph, [layer], cache.rules)
    moved = any(map(moves_images, path))
    if moved and chosen.tolist() != list(range(cache.count)):
        raise InterpretError(
            f"Below {layer.origin} images are not in front everywhere: save a forward pass for each signal."
        )
    maps = WholeMaps(cache.rules, None if moved else chosen, signal, cache.fixed, cache.saved)
    signals = {cache.graph.input: signal.new_zeros(len(signal), *cache.graph.input.shape), layer: signal}
    for node in reversed(path):
        if node is cache.graph.input or node not in signals or node.op == "detach":
            continue
        for operand, share in _down(maps, node, signals.pop(node)):
            signals[operand] = signals[operand] + share if operand in signals else share
    return signals[cache.graph.input]


def _down(maps: WholeMaps, node: Node, signal: Tensor) -> list[Share]:
    """The parts of the signal at ``node`` for each operand that depends on the input."""
    way = way_of(node, maps.rules)
    if way is not None:
        known = maps.recall(maps.saved[node]) if node in maps.saved else None
        return [(way.taker, way.down(signal, known))]
    row = row_of(node)
    by_weights = row.weights and any(operand.varies for operand in node.operands[1:])
    if row.top_down is None or not node.operands[0].varies or by_weights or takes_apart(node):
        return vector_jacobian(maps, node, signal)
    return row.top_down(maps, node, signal)


def by_autograd(
    value: Callable[[Tensor], Tensor],
    origin: str,
    x: Float[Tensor, "n c h w"],
    signal: Float[Tensor, "k ..."],
    images: Int[Tensor, " k"],
) -> Float[Tensor, "k c h w"]:
    """The gradient of a whole network at once: the way down where none goes from operation to operation.

    Args:
        value: What a layer makes of images.
        origin: Where that is, for messages.
        x: Images.
        signal: The signals, in the layer's shape.
        images: For each signal, its image.

    Raises:
        ModelError: If autograd cannot follow the way.
    """
    with torch.enable_grad():
        leaf = _two(x[images]).detach().requires_grad_()
        made = value(leaf)
        if not made.requires_grad:
            return torch.zeros_like(x[images])
        try:
            (found,) = torch.autograd.grad(made, leaf, _two(signal), allow_unused=True)
        except (RuntimeError, NotImplementedError) as error:
            raise ModelError(f"The way to {origin} has no gradient in PyTorch: {error}") from error
    return torch.zeros_like(x[images]) if found is None else found[: len(images)].detach()


def _two(values: Tensor) -> Tensor:
    """The same values, one alone twice.

    For one image PyTorch 2.14 finds a wrong gradient at a batch norm in eval mode whose maps become tokens:
    it takes gradients in another order of axes for contiguous ones.
    """
    return values.repeat(2, *[1] * (values.dim() - 1)) if len(values) == 1 else values


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
    positions = torch.stack([channel, y, x])
    outside = ((positions < 0) | (positions >= torch.tensor(size, device=positions.device)[:, None])).any(0)
    if len(layer.shape) not in (1, 3) or bool(outside.any()):
        wrong = positions.T[outside].tolist()[:1]
        shape = " x ".join(map(str, layer.shape))
        raise InterpretError(f"There is no neuron (channel, y, x) = {wrong} in a layer of {shape}.")
    signals = value.new_zeros(len(value), *size)
    signals[torch.arange(len(value), device=value.device), channel, y, x] = value
    return signals.view(len(value), *layer.shape)


def _check(cache: ForwardCache, layer: Node, signal: Tensor, images: Tensor) -> None:
    if layer not in cache.activations:
        known = ", ".join(repr(node) for node in cache.activations)
        raise InterpretError(f"Nothing was saved for {layer!r}, only for {known}.")
    if tuple(signal.shape[1:]) != layer.shape:
        raise InterpretError(
            f"Signals for {layer!r} must be {layer.shape} each; got {tuple(signal.shape[1:])}."
        )
    inside = bool(((images >= 0) & (images < cache.count)).all())
    if images.shape != signal.shape[:1] or not inside:
        found = f"{len(images)} images, {images[:8].tolist()}"
        raise InterpretError(
            f"Each of {len(signal)} signals needs an image below {cache.count}; got {found}."
        )
