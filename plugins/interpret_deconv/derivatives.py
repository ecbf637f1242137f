"""Whether a network's operations have the derivative that autograd finds in the module itself.

They have not where the module says otherwise: an `autograd.Function` with a backward of its own (straight
through, reversed), a write into a detached tensor. A graph holds what is computed, not what is declared.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.errors import ModelError
from interpret.graph import Graph, Node, Rules, by_autograd, moves_images, passes_gradient, signal_path
from interpret.modules import pick_output, writes
from interpret.network import Call, Network, watching

Gradient = Callable[[Tensor, Tensor, Tensor], Tensor]
"""From images, signals in a layer, and the image of each signal, to the gradient in pixels."""

ROUNDING = 1e-3
"""How far two gradients may be apart, in parts of the largest value; others than equal ones are far off."""

_alike: WeakKeyDictionary[Graph, dict[str, tuple[int, bool]]] = WeakKeyDictionary()
"""By layer: how often values had been written into the weights, and the finding: of zeros nothing shows."""


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
    node = _node_of(graph, layer)
    if rules.true_gradient:
        if not derives_alike(network, graph, layer):
            return _of_module(network, layer)
        path = signal_path(graph, [node], rules)
        moved = any(moves_images(below) for below in path if below is not graph.input)
        return _of_graph(graph, node) if moved else None
    declared = rules.nonlinear == "gradient" or any(below.op == "detach" for below in graph.path(node))
    passed = any(passes_gradient(below, rules) for below in signal_path(graph, [node], rules))
    if (declared or passed) and not derives_alike(network, graph, layer):
        raise ModelError(
            f"{layer or 'The output'}: autograd finds another derivative in {type(network.module).__name__} "
            "than its operations have (an autograd.Function with a backward of its own, torch.no_grad, or a "
            "write into a detached tensor), so no signal can go down through them. Ask with "
            'rule="gradient", which takes the module\'s.'
        )
    return None


def derives_alike(network: Network, graph: Graph, layer: str) -> bool:
    """Whether the gradient of a layer is the same through the graph and through the module.

    It is tested once for each state of the weights; not of a network with ``check=False``, nor of one that
    autograd cannot follow.

    Args:
        network: The network.
        graph: What it was traced to.
        layer: The name of a layer; empty: the network's output.
    """
    known, state = _alike.setdefault(graph, {}), writes(network.module)
    if known.get(layer, (None,))[0] != state:
        known[layer] = state, not network.check or _same_gradient(network, graph, layer)
    return known[layer][1]


def _same_gradient(network: Network, graph: Graph, layer: str) -> bool:
    node, draw = _node_of(graph, layer), torch.Generator().manual_seed(0)
    channels, rows, columns = graph.input.shape
    x = network.noise_images((channels, rows, columns), 1)
    signal = torch.randn(1, *node.shape, generator=draw).to(x)
    image = torch.zeros(1, dtype=torch.int64, device=x.device)
    try:
        ours, true = (
            gradient(x, signal, image) for gradient in (_of_graph(graph, node), _of_module(network, layer))
        )
    except (ModelError, RuntimeError):  # there is no gradient to compare with
        return True
    bound = ROUNDING * float(true.nan_to_num(0, 0, 0).abs().max())
    return torch.allclose(ours, true, rtol=0, atol=bound, equal_nan=True)


def _node_of(graph: Graph, layer: str) -> Node:
    return graph.layer(layer) if layer else graph.output


def _of_graph(graph: Graph, node: Node) -> Gradient:
    return partial(by_autograd, lambda leaf: graph.run(leaf, [node])[node], node.origin)


def _of_module(network: Network, layer: str) -> Gradient:
    return partial(by_autograd, partial(_value, network, layer), layer or "the output")


def _value(network: Network, layer: str, leaf: Float[Tensor, "n c h w"]) -> Tensor:
    """What a layer makes of images, with the way back to them.

    Raises:
        ModelError: If there is none.
    """
    made: dict[Call, Tensor] = {}
    _, channels, rows, columns = leaf.shape
    view = network.view(layer, (channels, rows, columns)) if layer else None

    def see(seen: Call, output: Tensor) -> None:
        if view is not None and seen == view.call:
            made[seen] = output.clone()  # a later operation may write into it

    with network.running((channels, rows, columns)) as module, torch.enable_grad(), watching(module, see):
        returned = module(leaf.clone())  # as this one into its input
    value = view.of(made[view.call]) if view else pick_output(returned, network.output)
    if not value.requires_grad:
        raise ModelError(f"{layer or 'The output'} has no gradient: it is computed under torch.no_grad.")
    return value
