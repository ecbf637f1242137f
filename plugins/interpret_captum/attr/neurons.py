"""Which neurons of which layer are meant, as Captum lets users say it, and the signals that start at them."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from interpret.graph import Node
from interpret.network import Network
from interpret_captum.attr.asking import DelegatedError


def layer_name(network: Network, model: nn.Module, layer: Any) -> str:
    """The name of a layer, given as the module itself; empty: the whole model.

    Of a module that is called several times it is the last call, as Captum has it.

    Raises:
        DelegatedError: If the model has no such module.
        UnknownNameError: If it gives no tensor.
    """
    if layer is model:
        return ""
    for name, part in network.parts.items():
        if part is layer:
            return network.layer(name)
    raise DelegatedError("the layer is no module of the model")


def start_signals(selector: Any, values: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
    """The signals that start in a layer: the gradient of what is selected of its values.

    Args:
        selector: A number, a tuple of numbers and slices (their sum), or a function of the layer's values.
        values: What the layer makes of the images; only a function looks at the numbers.

    Raises:
        DelegatedError: If Captum takes no gradient of such a selection.
    """
    with torch.enable_grad():
        leaf = values.detach().clone().requires_grad_()
        chosen = selector(leaf) if callable(selector) else _selected(leaf, selector)
        single = isinstance(chosen, Tensor) and (chosen.numel() == 1 or chosen.dim() == 1)
        if not single or not chosen.requires_grad:
            raise DelegatedError("the selector gives no number for each image")
        (signals,) = torch.autograd.grad(chosen.sum(), leaf)
    return signals


def _selected(values: Tensor, selector: Any) -> Tensor:
    index = selector if isinstance(selector, tuple) else (selector,)
    if not all(isinstance(place, int | slice) for place in index) or len(index) >= values.dim():
        raise DelegatedError("the selector does not fit the layer")
    chosen = values[(slice(None), *index)]
    return chosen.flatten(1).sum(1) if any(isinstance(place, slice) for place in index) else chosen


def alone_in_layer(signals: Float[Tensor, "n ..."], node: Node) -> list[list[int]] | None:
    """The place of the only signal in each image, which is positive; None if there are others, or no map."""
    is_map = node.spatial == (2, 3) and len(node.shape) == 3
    single = (signals != 0).flatten(1).sum(1) == 1
    if not (is_map or len(node.shape) == 1) or not bool(single.all()) or bool((signals < 0).any()):
        return None
    places: list[list[int]] = signals.nonzero()[:, 1:].tolist()
    return places
