"""Autograd with the deconvnet's rules: activations rectify the signal, gates are as they were on the way up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

ACTIVATIONS = {
    getattr(owner, name + end)
    for name in ("relu", "relu6", "hardtanh", "hardswish", "silu", "gelu", "leaky_relu", "elu", "mish", "softplus")
    for end in ("", "_")
    for owner in (F, torch, Tensor, torch._C._nn)
    if hasattr(owner, name + end)
}
SQUASHING = {
    getattr(owner, name + end)
    for name in ("sigmoid", "hardsigmoid", "tanh", "softmax")
    for end in ("", "_")
    for owner in (F, torch, Tensor, torch._C._nn)
    if hasattr(owner, name + end)
}
PRODUCTS = {torch.mul, Tensor.mul, Tensor.mul_, Tensor.__mul__, Tensor.__rmul__, Tensor.__imul__}
MOVING = {
    getattr(owner, name)
    for name in ("reshape", "view", "unsqueeze", "squeeze", "expand", "expand_as", "transpose", "permute", "flatten")
    for owner in (torch, Tensor)
    if hasattr(owner, name)
} | {F.interpolate, torch.chunk, Tensor.chunk, Tensor.__getitem__, Tensor.unbind, torch.unbind}


class Rectified(torch.autograd.Function):
    """Any function whose backward pass is the deconvnet's of a ReLU."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
        return function(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient.clamp(min=0), None


class Deconvnet(TorchFunctionMode):
    """Inside it, autograd finds what the deconvnet finds."""

    def __init__(self) -> None:
        super().__init__()
        self.gates: dict[int, tuple[Tensor, Tensor]] = {}
        """Values between bounds that may be gates, kept alive by their id, and what they are of."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if func in ACTIVATIONS:
            return self._activation(func, args, given)
        if func in SQUASHING:
            made = func(*args, **given) if func.__name__ == "softmax" else self._activation(func, args, given)
            self.gates[id(made)] = (made, args[0])
            return made
        if func in PRODUCTS:
            return self._product(func, *args)
        made = func(*args, **given)
        if func in MOVING and id(args[0]) in self.gates:
            for part in made if isinstance(made, list | tuple) else [made]:
                self.gates[id(part)] = (part, self.gates[id(args[0])][1])
        return made

    def _activation(self, func: Any, args: Any, given: Any) -> Tensor:
        plain = {key: value for key, value in given.items() if key != "inplace"}
        made = Rectified.apply(args[0], lambda x: func(x.clone(), *args[1:], **plain))
        if given.get("inplace") or func.__name__.endswith("_"):
            args[0].data = made.data
        return made

    def _product(self, func: Any, first: Any, second: Any) -> Tensor:
        if not (isinstance(first, Tensor) and isinstance(second, Tensor)):
            return func(first, second)
        if any(id(gate) in self.gates and self.gates[id(gate)][1] is of for gate, of in ((first, second), (second, first))):
            return Rectified.apply(second if id(first) in self.gates else first, lambda x: (first * second).detach())
        if first.requires_grad and second.requires_grad:
            ranks = [(item.numel() < max(first.numel(), second.numel())) * 2 + (id(item) in self.gates) for item in (first, second)]
            if ranks[0] > ranks[1]:
                return torch.mul(first.detach(), second)
            if ranks[1] > ranks[0]:
                return torch.mul(first, second.detach())
        return func(first, second)
