"""Whether a network's operations have the derivative that autograd finds in the module itself.

They have not where the module says otherwise: an `autograd.Function` with a backward of its own (straight
through, reversed), a write into a detached tensor. A graph holds what is computed, not what is declared.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interpret.checks import noise_images
from interpret.errors import ModelError
from interpret.graph.program import Graph, Node
from interpret.graph.rules import Rules, moves_images
from interpret.graph.topdown import by_autograd
from interpret.network import Network
from interpret.outputs import pick_output
from interpret.recording import watching

Gradient = Callable[[Tensor, Tensor, Tensor], Tensor]
"""From images, signals in a layer, and the image of each signal, to the gradient in pixels."""

ROUNDING = 1e-3
"""How far two gradients may be apart, in parts of the largest value; others than equal ones are far off."""

_alike: WeakKeyDictionary[Graph, dict[str, bool]] = WeakKeyDictionary()


def node_of(graph: Graph, layer: str) -> Node:
    """The node of a layer; of the network's output for the empty name."""
    return graph.layer(layer) if layer else graph.output


def whole_gradient(network: Network, graph: Graph, layer: str, rules: Rules) -> Gradient | None:
    """Autograd through the whole network, where a gradient is asked for that no rule for operations gives.

    Args:
        network: The network.
        graph: What it was traced to.
        layer: The name of a layer; empty: the network's output.
        rules: What is done on the way down.

    Raises:
        ModelError: If the rules take derivatives of operations that are not the module's.
    """
    node = node_of(graph, layer)
    if rules.true_gradient:
        if not derives_alike(network, graph, layer):
            return partial(module_gradient, network, layer)
        moved = any(moves_images(below) for below in graph.signal_path(node) if below is not graph.input)
        return partial(by_autograd, graph, node) if moved else None
    declared = rules.nonlinear == "gradient" or any(below.op == "detach" for below in graph.path(node))
    if declared and not derives_alike(network, graph, layer):
        raise ModelError(
            f"{layer or 'The output'}: autograd finds another derivative in {type(network.module).__name__} "
            "than its operations have (an autograd.Function with a backward of its own, torch.no_grad, or a "
            "write into a detached tensor), so no signal can go down through them. Ask with "
            'rule="gradient", which takes the module\'s.'
        )
    return None


def derives_alike(network: Network, graph: Graph, layer: str) -> bool:
    """Whether the gradient of a layer is the same through the graph and through the module; tested once.

    A network with ``check=False`` is not tested, nor one that autograd cannot follow.
    """
    known = _alike.setdefault(graph, {})
    if layer not in known:
        known[layer] = not network.check or _same_gradient(network, graph, layer)
    return known[layer]


def _same_gradient(network: Network, graph: Graph, layer: str) -> bool:
    node, draw = node_of(graph, layer), torch.Generator().manual_seed(0)
    channels, rows, columns = graph.input.shape
    x = network.place(network.input.normalize(noise_images((channels, rows, columns), 1)))
    signal = torch.randn(1, *node.shape, generator=draw).to(x)
    image = torch.zeros(1, dtype=torch.int64, device=x.device)
    try:
        ours, true = (
            gradient(x, signal, image)
            for gradient in (partial(by_autograd, graph, node), partial(module_gradient, network, layer))
        )
    except (ModelError, RuntimeError):  # there is no gradient to compare with
        return True
    bound = ROUNDING * float(true.nan_to_num(0, 0, 0).abs().max())
    return torch.allclose(ours, true, rtol=0, atol=bound, equal_nan=True)


def module_gradient(
    network: Network,
    layer: str,
    x: Float[Tensor, "n c h w"],
    signal: Float[Tensor, "k ..."],
    images: Int[Tensor, " k"],
) -> Float[Tensor, "k c h w"]:
    """The gradient by autograd through the module itself.

    Args:
        network: The network.
        layer: The name of the layer the signals start at; empty: the network's output.
        x: Images.
        signal: The signals, in the layer's shape.
        images: For each signal, its image.

    Raises:
        ModelError: If autograd cannot follow the module from the layer to the images.
    """
    leaf = x[images].detach().requires_grad_()
    try:
        made = _value(network, layer, leaf)
        (found,) = torch.autograd.grad(made, leaf, signal, allow_unused=True)
    except (RuntimeError, NotImplementedError) as error:
        raise ModelError(f"Autograd cannot follow the way to {layer or 'the output'}: {error}") from error
    return torch.zeros_like(leaf) if found is None else found.detach()


def _value(network: Network, layer: str, leaf: Tensor) -> Tensor:
    """What a layer makes of images, with the way back to them."""
    made: dict[str, Tensor] = {}
    call = network.calls[layer] if layer else None
    shape = (leaf.shape[1], leaf.shape[2], leaf.shape[3])
    with network.running(shape) as module, torch.enable_grad():
        with watching(
            module, lambda seen, output: made.update(layer=output.clone()) if seen == call else None
        ):
            returned = module(leaf.clone())  # a forward may write into its input
        return made["layer"] if layer else pick_output(returned, network.output)
