"""Networks with other nonlinearities than ReLUs, and autograd with their modules replaced."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from interpret_deconv import Neuron

Function = Callable[[Tensor], Tensor]


class Nonlinear(nn.Module):
    """A function of one signal, written out."""

    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class Gate(nn.Module):
    """Scales a map by what a function makes of it."""

    def __init__(self, scale: nn.Module) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        return self.recorded(self.scale(x)) * x

    def recorded(self, scale: Tensor) -> Tensor:
        return scale


class Rule(torch.autograd.Function):
    """A function whose backward pass is max(signal, 0), times the derivative if the rule is guided."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, function: Function, rule: str) -> Tensor:
        with torch.enable_grad():
            leaf = x.detach().requires_grad_()
            value = function(leaf)
            (ctx.slope,) = torch.autograd.grad(value.sum(), leaf, allow_unused=True)
        ctx.rule = rule
        return value.detach()

    @staticmethod
    def backward(ctx: Any, signal: Tensor) -> tuple[Tensor, None, None]:
        signal = signal.clamp_min(0)
        return (signal if ctx.rule == "deconvnet" else signal * ctx.slope), None, None


class Replaced(nn.Module):
    """A nonlinearity under a rule."""

    def __init__(self, function: Function, rule: str) -> None:
        super().__init__()
        self.function, self.rule = function, rule

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x) if self.rule == "gradient" else Rule.apply(x, self.function, self.rule)


class RecordedGate(Gate):
    """A gate that no signal goes down to."""

    def recorded(self, scale: Tensor) -> Tensor:
        return scale.detach()


class RecordedExcitation(nn.Module):
    """torchvision's squeeze and excitation, as it was on the way up."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        return self.block._scale(x).detach() * x


class RecordedUnit(nn.Module):
    """A gated linear unit whose second half no signal goes down to."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        first, second = x.chunk(2, self.axis)
        return first * second.sigmoid().detach()


ACTIVATIONS = (
    nn.ReLU, nn.ReLU6, nn.Hardtanh, nn.LeakyReLU, nn.PReLU, nn.RReLU, nn.ELU, nn.SELU, nn.CELU, nn.SiLU,
    nn.GELU, nn.Hardswish, nn.Mish, nn.Softplus, nn.Hardsigmoid, nn.Sigmoid, nn.Tanh, nn.LogSigmoid,
    nn.Softsign, nn.Softshrink, nn.Hardshrink, nn.Tanhshrink, nn.Threshold, Nonlinear,
)  # fmt: skip


def replaced(module: nn.Module, rule: str) -> nn.Module:
    """A module under a rule, or with all of its parts under it."""
    if isinstance(module, ACTIVATIONS):
        if getattr(module, "inplace", False):
            module.inplace = False
        return Replaced(module, rule)
    for name, child in module.named_children():
        setattr(module, name, replaced(child, rule))
    if rule != "gradient":
        if isinstance(module, Gate):
            return RecordedGate(module.scale)
        if isinstance(module, torchvision.ops.SqueezeExcitation):
            return RecordedExcitation(module)
        if isinstance(module, nn.GLU):
            return RecordedUnit(module.dim)
    return module


class Blocks(nn.Module):
    """Many blocks side by side, so that they are traced together."""

    def __init__(self, parts: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.part = nn.ModuleDict(parts)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([part(x).flatten(1) for part in self.part.values()], 1)


def by_autograd(module: nn.Module, x: Tensor, neurons: list[Neuron], rule: str) -> Tensor:
    """Neuron by neuron, by a backward pass through the module, or its block, with the parts replaced."""
    other, found = replaced(copy.deepcopy(module), rule), []
    for neuron in neurons:
        seen: list[Tensor] = []
        part = other.get_submodule(neuron.layer)
        handle = part.register_forward_hook(lambda _m, _i, value, seen=seen: seen.append(value))
        leaf = x[neuron.image, None].clone().requires_grad_()
        block = other.part[neuron.layer.split(".")[1]] if isinstance(other, Blocks) else other
        block(leaf)
        handle.remove()
        value = seen[-1][0][(neuron.channel, neuron.y, neuron.x)[: seen[-1].dim() - 1]]
        found.append(torch.autograd.grad(value, leaf)[0][0])
    return torch.stack(found)


def swish(x: Tensor) -> Tensor:
    """By hand."""
    return x * torch.sigmoid(x)


WRITTEN: dict[str, Function] = {
    "swish": swish,
    "swish by another order": lambda x: torch.sigmoid(1.5 * x) * x,
    "hard swish": lambda x: x * F.relu6(x + 3) / 6,
    "hard swish by a clamp": lambda x: x * ((x + 3).clamp(0, 6) / 6),
    "hard swish times a number": lambda x: 0.1667 * (x * F.hardtanh(x + 3, 0, 6)),
    "mish": lambda x: x * torch.tanh(F.softplus(x)),
    "gelu": lambda x: 0.5 * x * (1 + torch.erf(x / 2**0.5)),
    "gelu by tanh": lambda x: 0.5 * x * (1.0 + torch.tanh(0.79788 * (x + 0.044715 * torch.pow(x, 3.0)))),
    "leaky relu by where": lambda x: torch.where(x > 0, x, 0.1 * x),
    "leaky relu by a maximum": lambda x: torch.maximum(x, 0.1 * x),
    "relu by a mask": lambda x: x * (x > 0),
    "relu by masked_fill": lambda x: x.masked_fill(x < 0, 0),
    "relu by a maximum with zeros": lambda x: torch.max(x, torch.zeros_like(x)),
    "elu by where": lambda x: torch.where(x > 0, x, torch.expm1(x)),
    "softsign": lambda x: x / (1 + x.abs()),
    "square": lambda x: x * x,
    "square relu": lambda x: F.relu(x).square(),
    "absolute": torch.abs,
    "power": lambda x: (x.abs() + 0.1) ** 1.5,
    "exponential": torch.exp,
    "sine": torch.sin,
    "arc tangent": torch.atan,
    "clamp": lambda x: x.clamp(-0.3, 0.4),
    "clamp from below": lambda x: x.clamp(min=-0.2),
    "threshold": lambda x: F.threshold(x, 0.1, -0.5),
    "expit": torch.special.expit,
    "celu in place": lambda x: F.celu_(x.clone()),
}


def squeeze(channels: int, *gate: nn.Module) -> nn.Module:
    """One number for each channel."""
    return nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, 2, 1), nn.SiLU(), nn.Conv2d(2, channels, 1), *gate
    )


class Pooled(nn.Module):
    """The mean and the maximum of the channels, as in CBAM's attention over positions."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)


class ChannelConv(nn.Module):
    """ECA: a convolution along the channels of what is pooled."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        pooled = x.mean((2, 3)).unsqueeze(1)
        return self.conv(pooled).sigmoid().squeeze(1)[..., None, None].expand_as(x)


class Directions(nn.Module):
    """Coordinate attention: a gate of rows times one of columns."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(3, keepdim=True).sigmoid() * x.mean(2, keepdim=True).sigmoid()


class Response(nn.Module):
    """ConvNeXt V2's response: the norm of each channel, divided by their mean. No function with bounds."""

    def forward(self, x: Tensor) -> Tensor:
        norm = torch.linalg.vector_norm(x, dim=(2, 3), keepdim=True)
        return norm / (norm.mean(1, keepdim=True) + 1e-6)


def gates(channels: int) -> dict[str, nn.Module]:
    """What scales a map, of many kinds."""
    return {
        "squeeze and excitation": squeeze(channels, nn.Sigmoid()),
        "hard squeeze and excitation": squeeze(channels, nn.Hardsigmoid()),
        "hard sigmoid by hand": squeeze(channels, Nonlinear(lambda x: F.relu6(x + 3) / 6)),
        "no function at all": squeeze(channels),
        "twice a sigmoid": squeeze(channels, nn.Sigmoid(), Linear(2.0)),
        "one and tanh": nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1), nn.Tanh(), Linear(1.0, 1.0)
        ),
        "efficient channels": ChannelConv(),
        "positions": nn.Sequential(Pooled(), nn.Conv2d(2, 1, 3, padding=1), nn.Sigmoid()),
        "positions enlarged": nn.Sequential(
            nn.AvgPool2d(2), nn.Conv2d(channels, 1, 1), nn.Sigmoid(), nn.Upsample((8, 7), mode="bilinear")
        ),
        "softmax of channels": nn.Sequential(nn.Conv2d(channels, channels, 1), nn.Softmax(1)),
        "rows and columns": Directions(),
        "global response": Response(),
        "every element": nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.Sigmoid()),
    }


class Linear(nn.Module):
    """A number times x, and a number."""

    def __init__(self, factor: float, shift: float = 0.0) -> None:
        super().__init__()
        self.factor, self.shift = factor, shift

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * x + self.shift
