"""What several tests of the engine need: autograd with the rules of a top-down pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from interpret.graph import Rules

Project = Callable[[nn.Module, str, Tensor, Tensor, Rules], Tensor]


class SignalReLU(torch.autograd.Function):
    """ReLU whose backward pass is the deconvnet's, or guided backpropagation's."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, rule: str) -> Tensor:
        ctx.rule = rule
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        active = (x > 0).to(x) if ctx.rule != "deconvnet" else torch.ones_like(x)
        return (gradient if ctx.rule == "gradient" else gradient.clamp(min=0)) * active, None


class SteadyNorm(torch.autograd.Function):
    """Local response norm whose backward pass is the identity, or the division by its forward scale."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kind: str, given: dict[str, Any]) -> Tensor:
        ctx.kind = kind
        size, channels = given["size"], x.shape[1]
        squares = [
            x[:, max(0, c - size // 2) : c + (size - 1) // 2 + 1].square().sum(1) for c in range(channels)
        ]
        ctx.scale = (given["k"] + given["alpha"] / size * torch.stack(squares, 1)) ** given["beta"]
        return x / ctx.scale

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return (gradient if ctx.kind == "identity" else gradient / ctx.scale), None, None


class Oracle(TorchFunctionMode):
    """Autograd with the rules of a top-down pass, in whatever spelling the module calls its operations."""

    def __init__(self, rules: Rules) -> None:
        super().__init__()
        self.rules = rules

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (F.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_):
            return SignalReLU.apply(args[0], self.rules.relu)
        if func is F.local_response_norm and self.rules.norm != "gradient":
            names = ("size", "alpha", "beta", "k")
            given = (
                {"alpha": 1e-4, "beta": 0.75, "k": 1.0}
                | dict(zip(names, args[1:], strict=False))
                | (kwargs or {})
            )
            return SteadyNorm.apply(args[0], self.rules.norm, given)
        return func(*args, **(kwargs or {}))


def project_by_autograd(module: nn.Module, layer: str, x: Tensor, signal: Tensor, rules: Rules) -> Tensor:
    """Signal i from the layer down to image i, by one backward pass."""
    seen: list[Tensor] = []
    handle = module.get_submodule(layer).register_forward_hook(lambda _m, _i, out: seen.append(out))
    leaf = x.clone().requires_grad_()
    with Oracle(rules):
        module(leaf)
    handle.remove()
    (gradient,) = torch.autograd.grad(seen[-1], leaf, signal)
    return gradient


@pytest.fixture
def by_autograd() -> Project:
    """The oracle: rewritten backward passes of ReLU and local response norm, all else as PyTorch has it."""
    return project_by_autograd
