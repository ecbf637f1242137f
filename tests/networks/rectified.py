"""Autograd with the deconvnet's rules: activations rectify the signal, gates are as on the way up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode


def spelled(names: str) -> set[Any]:
    """Every function that PyTorch has under some names, those that write into their operand too."""
    owners = (F, torch, Tensor, torch._C._nn)
    spellings = [name + end for name in names.split() for end in ("", "_")]
    return {getattr(owner, name) for owner in owners for name in spellings if hasattr(owner, name)}


ACTIVATIONS = spelled(
    "relu relu6 hardtanh hardswish silu gelu leaky_relu elu selu mish softplus prelu pow square"
)
ACTIVATIONS |= {Tensor.__pow__}
BOUNDED = spelled("sigmoid hardsigmoid tanh softmax")
PRODUCTS = spelled("mul multiply") | {Tensor.__mul__, Tensor.__rmul__, Tensor.__imul__}
QUOTIENTS = spelled("div divide true_divide") | {Tensor.__truediv__, Tensor.__itruediv__}
REPEATING = spelled("expand expand_as repeat")
MOVING = spelled("reshape view unsqueeze squeeze transpose permute flatten chunk unbind") | REPEATING
MOVING |= {F.interpolate, Tensor.__getitem__}


class Rectified(torch.autograd.Function):
    """Any function whose backward pass is the deconvnet's of a ReLU."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
        return function(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient.clamp(min=0), None


class Deconvnet(TorchFunctionMode):
    """Inside it, autograd finds what the deconvnet finds.

    A factor that has one value for many elements is a gate, and so is one that a bounded function made; a
    divisor of one value for many is as on the way up.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bounded: dict[int, tuple[Tensor, Tensor]] = {}
        """What bounded functions made, by its id, and of what."""
        self.repeated: dict[int, Tensor] = {}
        """What has one value for many elements, by its id."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if func in ACTIVATIONS or (func in BOUNDED and func.__name__ != "softmax"):
            made = self._rectified(func, args, given)
        elif func in PRODUCTS:
            made = self._product(func, *args)
        elif func in QUOTIENTS:
            made = func(args[0], _as_recorded(args[1]) if self._repeats(*args) else args[1], **given)
        elif func is F.normalize:
            made = normalized(*args, **given)
        else:
            made = func(*args, **given)
        self._note(func, made, args)
        return made

    def _note(self, func: Any, made: Any, args: Any) -> None:
        pieces = made if isinstance(made, list | tuple) else [made]
        if func in BOUNDED:
            self.bounded[id(made)] = made, args[0]
        if func in MOVING and id(args[0]) in self.bounded:
            self.bounded |= {id(piece): (piece, self.bounded[id(args[0])][1]) for piece in pieces}
        if func in REPEATING or (func in MOVING and id(args[0]) in self.repeated):
            more = func not in REPEATING or made.numel() > args[0].numel()
            self.repeated |= {id(piece): piece for piece in pieces if more}

    def _rectified(self, func: Any, args: Any, given: Any) -> Tensor:
        plain = {key: value for key, value in given.items() if key != "inplace"}
        made: Tensor = Rectified.apply(args[0], lambda x: func(x.clone(), *args[1:], **plain))
        return args[0].copy_(made) if given.get("inplace") or func.__name__.endswith("_") else made

    def _product(self, func: Any, first: Any, second: Any) -> Any:
        pair = (first, second)
        if not all(isinstance(item, Tensor) and item.requires_grad for item in pair):
            return func(first, second)
        for gate, taken in (pair, pair[::-1]):
            if id(gate) in self.bounded and self.bounded[id(gate)][1] is taken:  # x * sigmoid(x)
                return Rectified.apply(taken, lambda _x: (first * second).detach())
        ranks = [self._rank(item, other) for item, other in (pair, pair[::-1])]
        if ranks[0] == ranks[1]:
            return func(first, second)
        return first.detach() * second if ranks[0] > ranks[1] else first * second.detach()

    def _rank(self, factor: Tensor, other: Tensor) -> int:
        """How much a factor is a gate."""
        return 2 if self._repeats(other, factor) else int(id(factor) in self.bounded)

    def _repeats(self, other: Any, factor: Any) -> bool:
        """Whether a factor has one value for many elements of what is made."""
        if not isinstance(factor, Tensor) or not isinstance(other, Tensor):
            return False
        made = torch.broadcast_shapes(factor.shape, other.shape).numel()
        return factor.numel() < made or id(factor) in self.repeated


def _as_recorded(value: Any) -> Any:
    return value.detach() if isinstance(value, Tensor) else value


def normalized(x: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: None = None) -> Tensor:
    """`F.normalize` with its divisor as on the way up."""
    return x / x.norm(p, dim, keepdim=True).clamp_min(eps).detach()
