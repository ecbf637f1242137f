"""The top-down pass against autograd with rewritten backward passes, against Captum, and by hand."""

from __future__ import annotations

import copy
import importlib.util
import random
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision
from captum.attr import NeuronDeconvolution, NeuronGradient, NeuronGuidedBackprop
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from interpret.errors import InterpretError, ModelError
from interpret.graph import Graph, Rules, remember, seed_signals, top_down, trace
from interpret.graph.rules import unpool, unpool_by_offsets

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference" / "bvlc_googlenet.py"
RULES = ["deconvnet", "gradient", "guided"]


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


def oracle(module: nn.Module, name: str, x: Tensor, signal: Tensor, images: Tensor, rules: Rules) -> Tensor:
    """Each signal's projection, one backward pass at a time."""
    seen: list[Tensor] = []
    handle = module.get_submodule(name).register_forward_hook(lambda _m, _i, out: seen.append(out))
    results = []
    for one, image in zip(signal, images.tolist(), strict=True):
        leaf = x[image : image + 1].clone().requires_grad_()
        with Oracle(rules):
            module(leaf)
        (gradient,) = torch.autograd.grad(seen.pop(), leaf, one[None])
        results.append(gradient[0])
        seen.clear()
    handle.remove()
    return torch.stack(results)


def project(graph: Graph, name: str, x: Tensor, signal: Tensor, images: Tensor, rules: Rules) -> Tensor:
    node = graph.layer(name)
    return top_down(remember(graph, x, [node], rules), node, signal, images)


# --- random networks ---------------------------------------------------------------------------------------


class Branches(nn.Module):
    """Two branches that are concatenated or added."""

    def __init__(self, first: nn.Module, second: nn.Module, *, joined: bool) -> None:
        super().__init__()
        self.first, self.second, self.joined = first, second, joined

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.first(x), self.second(x)
        return torch.cat([first, second], 1) if self.joined else first + second


class PreActivation(nn.Module):
    """A skip that takes the tensor before the ReLU which the branch reads rectified."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(F.relu(x))


def random_network(seed: int) -> nn.Sequential:
    """A network of every kind of block, with statistics and weights that leave signals of both signs."""
    torch.manual_seed(seed)
    pick = random.Random(seed)
    channels, layers = pick.choice([1, 3, 5]), []
    first = channels
    rest = torch.zeros(1, channels, 33, 38)
    while len(layers) < 6 and min(rest.shape[2:]) > 5:
        block, channels = random_block(pick, channels)
        layers.append(block)
        rest = block.eval()(rest)
    layers += [
        nn.AdaptiveAvgPool2d((2, 3)),
        nn.Flatten(),
        nn.Linear(channels * 6, 7),
        nn.ReLU(),
        nn.Linear(7, 5),
    ]
    module = nn.Sequential(*layers).double().eval()
    module.channels = first  # type: ignore[assignment]
    for submodule in module.modules():
        if isinstance(submodule, nn.BatchNorm2d):
            submodule.running_mean.normal_()
            submodule.running_var.uniform_(0.5, 2)
            nn.init.normal_(submodule.weight)
    return module


def random_block(pick: random.Random, channels: int) -> tuple[nn.Module, int]:
    made = pick.choice([4, 6, 8])
    groups = 2 if channels % 2 == 0 and pick.random() < 0.5 else 1
    conv = nn.Conv2d(
        channels, made, (pick.choice([1, 2, 3]), 3), stride=(1, pick.choice([1, 2])),
        padding=(1, pick.choice([0, 1, 2])), dilation=(pick.choice([1, 2]), 1), groups=groups,
        bias=pick.random() < 0.5,
    )  # fmt: skip
    act = nn.ReLU(inplace=pick.random() < 0.5)
    kind = pick.randrange(7)
    if kind == 0:
        return nn.Sequential(conv, nn.BatchNorm2d(made), act), made
    if kind == 1:
        return nn.Sequential(conv, act, nn.LocalResponseNorm(5, alpha=0.5, k=2.0)), made
    if kind == 2:
        return nn.Sequential(conv, act, nn.MaxPool2d(3, 2, ceil_mode=True)), made
    if kind == 3:
        return nn.Sequential(conv, act, nn.AvgPool2d(3, 2, padding=1, ceil_mode=True)), made
    if kind == 4:
        pool = nn.Sequential(nn.MaxPool2d(3, 1, padding=1), nn.Conv2d(channels, 2, 1))
        return Branches(pool, nn.Sequential(nn.Conv2d(channels, 4, 3, padding=1), act), joined=True), 6
    if kind == 5:
        short = nn.Conv2d(channels, made, 1, stride=2)
        return Branches(short, nn.Conv2d(channels, made, 3, 2, 1), joined=False), made
    return nn.Sequential(PreActivation(channels), nn.MaxPool2d((3, 2), 2, padding=1, dilation=1), conv), made


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    "seed", [*range(6), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(6, 60))]
)
def test_random_networks_equal_autograd(seed: int, rule: str) -> None:
    module = random_network(seed)
    graph = trace(module, (module.channels, 33, 38))
    x = torch.randn(3, module.channels, 33, 38, dtype=torch.float64)
    rules = Rules(relu=rule)  # type: ignore[arg-type]
    for name in ["1", "3", str(len(module) - 1), str(len(module) - 2)]:
        images = torch.tensor([2, 0, 2, 1])
        signal = torch.randn(4, *graph.layer(name).shape, dtype=torch.float64)
        ours = project(graph, name, x, signal, images, rules)
        theirs = oracle(module, name, x, signal, images, rules)
        assert theirs.abs().max() > 0
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9 * float(theirs.abs().max()))
