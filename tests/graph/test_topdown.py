"""The top-down pass equals autograd with rewritten backward passes, in double precision."""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from interpret.graph import Graph, Rules, save_forward, top_down, trace

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference" / "bvlc_googlenet.py"
RULES = ["deconvnet", "gradient", "guided"]
Project = Callable[[nn.Module, str, Tensor, Tensor, Rules], Tensor]


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
        nn.Linear(channels * 6, 40),
        nn.ReLU(),
        nn.Linear(40, 5),
    ]
    module = nn.Sequential(*layers).double().eval()
    module.channels = first  # type: ignore[assignment]
    for submodule in module.modules():
        if isinstance(submodule, nn.BatchNorm2d):
            submodule.running_mean.normal_()
            submodule.running_var.uniform_(0.5, 2)
            nn.init.normal_(submodule.weight)
            nn.init.normal_(submodule.bias)  # or a whole layer may be dead
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
    pooled = nn.Sequential(nn.MaxPool2d(3, 1, padding=1), nn.Conv2d(channels, 2, 1))
    short, long = nn.Conv2d(channels, made, 1, stride=2), nn.Conv2d(channels, made, 3, 2, 1)
    kinds = [
        (nn.Sequential(conv, nn.BatchNorm2d(made), act), made),
        (nn.Sequential(conv, act, nn.LocalResponseNorm(5, alpha=0.5, k=2.0)), made),
        (nn.Sequential(conv, act, nn.MaxPool2d(3, 2, ceil_mode=True)), made),
        (nn.Sequential(conv, act, nn.AvgPool2d(3, 2, padding=1, ceil_mode=True)), made),
        (Branches(pooled, nn.Sequential(nn.Conv2d(channels, 4, 3, padding=1), act), joined=True), 6),
        (Branches(short, long, joined=False), made),
        (nn.Sequential(PreActivation(channels), nn.MaxPool2d((3, 2), 2, padding=1), conv), made),
    ]
    return pick.choice(kinds)


def project(graph: Graph, layer: str, x: Tensor, signal: Tensor, rules: Rules) -> Tensor:
    node = graph.layer(layer)
    return top_down(save_forward(graph, x, [node], rules), node, signal, range(len(x)))


def check(module: nn.Module, graph: Graph, layers: list[str], rules: Rules, by_autograd: Project) -> None:
    """Compare every layer. Some may be all zero (guided signals pass few ReLUs), but not all of them."""
    alive = False
    x = torch.randn(2, *graph.input.shape, dtype=torch.float64)
    for layer in layers:
        signal = torch.randn(2, *graph.layer(layer).shape, dtype=torch.float64)
        expected = by_autograd(module, layer, x, signal, rules)
        alive |= bool(expected.any())
        tolerance = 1e-9 * float(expected.abs().max())
        torch.testing.assert_close(project(graph, layer, x, signal, rules), expected, rtol=0, atol=tolerance)
    assert alive


SEEDS = [*range(6), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(6, 60))]


@pytest.mark.parametrize("seed", SEEDS)
def test_random_networks(seed: int, by_autograd: Project) -> None:
    module = random_network(seed)
    layers = ["1", "3", str(len(module) - 2), str(len(module) - 1)]
    graph = trace(module, (module.channels, 33, 38))
    for rule in RULES:
        check(module, graph, layers, Rules(relu=rule), by_autograd)  # type: ignore[arg-type]


def test_the_rules_differ_on_random_networks() -> None:
    module = random_network(0)
    graph = trace(module, (module.channels, 33, 38))
    x = torch.randn(2, module.channels, 33, 38, dtype=torch.float64)
    signal = torch.randn(2, *graph.layer("3").shape, dtype=torch.float64)
    results = [project(graph, "3", x, signal, Rules(relu=rule)) for rule in RULES]  # type: ignore[arg-type]
    assert not torch.allclose(results[0], results[1])
    assert not torch.allclose(results[1], results[2])
    assert not torch.allclose(results[2], results[0])


NETWORKS = [
    ("alexnet", (3, 71, 80), ["features.4", "features.12", "classifier.6"]),
    ("resnet18", (3, 49, 64), ["layer1.0", "layer3", "fc"]),
    ("squeezenet1_0", (3, 65, 64), ["features.3", "features.12", "classifier.2"]),
    *(
        pytest.param(*row, marks=pytest.mark.slow)
        for row in (
            ("googlenet", (3, 64, 65), ["inception3b", "inception5a.branch4"]),
            ("mnasnet0_5", (3, 48, 49), ["layers.16"]),
            ("vgg11_bn", (3, 32, 39), ["features.14", "features.28"]),
            ("densenet121", (3, 48, 49), ["features.transition2"]),
            ("inception_v3", (3, 96, 80), ["Mixed_6b.branch7x7_2"]),
            ("shufflenet_v2_x0_5", (3, 64, 49), ["stage3.1.branch2.3", "fc"]),
            ("regnet_x_400mf", (3, 48, 49), ["trunk_output.block3"]),
        )
    ),
    pytest.param("resnext50_32x4d", (3, 33, 32), ["layer2"], marks=pytest.mark.slow),
    pytest.param("wide_resnet50_2", (3, 33, 32), ["layer2"], marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("name", "shape", "layers"), NETWORKS)
def test_torchvision_networks(
    name: str, shape: tuple[int, int, int], layers: list[str], by_autograd: Project
) -> None:
    torch.manual_seed(0)
    options = (
        {"transform_input": True, "init_weights": False} if name in ("googlenet", "inception_v3") else {}
    )
    module = getattr(torchvision.models, name)(weights=None, **options).double().eval()
    check(module, trace(module, shape), layers, Rules(), by_autograd)


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference network is not beside the repository")
def test_the_reference_googlenet(by_autograd: Project) -> None:
    spec = importlib.util.spec_from_file_location("bvlc_googlenet", REFERENCE)
    assert spec is not None
    assert spec.loader is not None
    source = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(source)
    torch.manual_seed(0)
    module = source.googlenet().double()
    check(
        module,
        trace(module, (3, 65, 64)),
        ["norm2", "inception_4a", "inception_5b.branch3"],
        Rules(),
        by_autograd,
    )


@pytest.mark.parametrize("lrn", ["identity", "scale", "gradient"])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("size", [3, 4])
def test_local_response_norms(rule: str, lrn: str, size: int, by_autograd: Project) -> None:
    torch.manual_seed(0)
    body = [
        nn.Conv2d(2, 6, 3),
        nn.ReLU(),
        nn.LocalResponseNorm(size, alpha=2.0, beta=0.6, k=1.5),
        nn.Conv2d(6, 3, 3),
    ]
    module = nn.Sequential(*body).double().eval()
    rules = Rules(relu=rule, lrn=lrn)  # type: ignore[arg-type]
    check(module, trace(module, (2, 9, 11)), ["2", "3"], rules, by_autograd)


class Spellings(nn.Module):
    """ReLUs in every spelling, a module used twice, shuffles, constants, a computed weight."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = torch.nn.utils.parametrizations.weight_norm(nn.Conv2d(2, 4, 3, padding="same"))
        self.twice = nn.Conv2d(4, 4, (2, 3), padding="same", padding_mode="reflect")
        self.act = nn.ReLU(inplace=True)
        self.up = nn.ConvTranspose2d(4, 4, 3, stride=2)
        self.end = nn.Identity()
        self.register_buffer("scale", torch.tensor([1.0, -2.0, 3.0, 0.5]).view(1, 4, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(1 - x * 2))
        x = self.twice(torch.relu(self.twice(x))).relu()
        shuffled = x.view(x.shape[0], 2, 2, *x.shape[2:]).transpose(1, 2).flatten(1, 2)
        x = torch.cat([self.act(shuffled * self.scale), (x - shuffled / self.scale)[:, 1:3]], 1)
        first, second = x.roll(1, 3).flip(2).chunk(2, 1)
        x = F.pad(first - second[:, [2, 1, 0]], (1, -2, 0, 1)) + torch.ones_like(first).mean()
        x = self.up(torch.cat([x, x.mean(1, keepdim=True)], 1))
        x = F.relu_(F.interpolate(x, size=(9, 8), mode="bilinear"))
        return self.end(F.adaptive_max_pool2d(x, (3, 4)) + x.amax((2, 3), keepdim=True))


@pytest.mark.parametrize("rule", RULES)
def test_every_spelling(rule: str, by_autograd: Project) -> None:
    torch.manual_seed(1)
    rules = Rules(relu=rule)  # type: ignore[arg-type]
    module = Spellings().double().eval()
    check(module, trace(module, (2, 11, 9)), ["twice", "up", "end"], rules, by_autograd)


class Smooth(nn.Module):
    """Operations that have no deconvnet rule: GELU, softmax, a gate, a product."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(2, 4, 3), nn.Conv2d(4, 4, 3)
        self.gelu, self.end = nn.GELU(), nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.second(self.gelu(self.first(x))))
        gate = x.mean((2, 3), keepdim=True).sigmoid()
        return self.end(x * gate + x.softmax(1) * x.var(1, keepdim=True) + F.group_norm(x, 2))


@pytest.mark.parametrize("rule", RULES)
def test_where_the_gradient_is_allowed_it_is_autograds(rule: str, by_autograd: Project) -> None:
    torch.manual_seed(1)
    rules = Rules(relu=rule, nonlinear="gradient")  # type: ignore[arg-type]
    module = Smooth().double().eval()
    check(module, trace(module, (2, 8, 9)), ["second", "end"], rules, by_autograd)
