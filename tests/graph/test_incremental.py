"""Replacing one window at a time gives what a full forward pass gives, everywhere, in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from interpret.graph import Graph, Incremental, Slices, Wanted, trace


def grid(extent: int, window: int, stride: int) -> Slices:
    """Slices at equal distances, the last one at the border."""
    starts = list(range(0, extent - window + 1, stride))
    if starts[-1] + window < extent:
        starts.append(extent - window)
    return Slices(tuple(starts), window)


def by_hand(module: nn.Module, x: Tensor, filled: Tensor, rows: Slices, columns: Slices) -> Tensor:
    """One full forward pass for every place."""
    found = []
    for top in rows.starts:
        for left in columns.starts:
            image = x.clone()
            where = (slice(None), slice(top, top + rows.size), slice(left, left + columns.size))
            image[where] = filled[where]
            with torch.no_grad():
                found.append(module(image[None])[0])
    return torch.stack(found).unflatten(0, (len(rows.starts), len(columns.starts)))


def agree(module: nn.Module, shape: tuple[int, int, int], window: int, stride: int) -> Incremental:
    """Compare every place; returns the engine for further questions."""
    module = module.double().eval()
    draw = torch.Generator().manual_seed(1)
    x, filled = torch.randn(2, *shape, dtype=torch.float64, generator=draw)
    graph = trace(module, shape)
    rows, columns = grid(shape[1], window, stride), grid(shape[2], min(window, shape[2]), stride)
    engine = Incremental(graph, x, [Wanted(graph.output)])
    (found,) = engine.run(filled, rows, columns)
    expected = by_hand(module, x, filled, rows, columns)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10 * float(expected.abs().max()))
    unchanged = module(x[None])[0].detach()
    assert not torch.allclose(expected, unchanged.expand_as(expected), rtol=1e-6), (
        "nothing depends on the window"
    )
    return engine


def lively(module: nn.Module, shape: tuple[int, int, int]) -> nn.Module:
    """Batch norms that know what comes to them: else the signal of untrained weights dies on its way."""
    for part in module.eval().modules():
        if isinstance(part, nn.BatchNorm2d):
            part.train().momentum = 1.0
    module(torch.randn(4, *shape))
    return module


def bn(channels: int) -> nn.BatchNorm2d:
    """A batch norm that has learned something."""
    norm = nn.BatchNorm2d(channels)
    nn.init.uniform_(norm.weight, -1, 2)
    nn.init.normal_(norm.bias)
    nn.init.normal_(norm.running_mean)
    nn.init.uniform_(norm.running_var, 0.5, 2)
    return norm


def zeiler(width: int = 6) -> nn.Sequential:
    """Strides, overlapping ceil-mode pools, response norms, groups, dilation, average pools."""
    return nn.Sequential(
        nn.Conv2d(3, width, 5, stride=2, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.LocalResponseNorm(3, alpha=0.1),
        nn.Conv2d(width, 2 * width, 3, padding=2, groups=2, dilation=2),
        bn(2 * width),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, padding=1, ceil_mode=True),
        nn.ZeroPad2d((0, 1, 2, -1)),
        nn.Conv2d(2 * width, width, (3, 2), padding=(1, 0), groups=3),
        nn.ReLU(),
        nn.AvgPool2d(2, 1, padding=1, count_include_pad=False),
        nn.Conv2d(width, 4, 2, padding="same"),
    )


class Branches(nn.Module):
    """Concatenation, skips, shared maps, constants, slices, pointwise functions, gates and means."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, stride=2, padding=1)
        self.norm = bn(6)
        self.one = nn.Conv2d(6, 3, 1)
        self.five = nn.Conv2d(6, 4, 5, padding=2)
        self.pool = nn.MaxPool2d(3, 1, 1)
        self.after = nn.Conv2d(6, 2, 1)
        self.mix = nn.Conv2d(9, 9, 3, padding=1)
        self.down = nn.Conv2d(9, 6, 3, stride=2, padding=1)
        self.skip = nn.Conv2d(9, 6, 1, stride=2)
        self.gate = nn.Conv2d(6, 6, 1)
        self.shift = nn.Parameter(torch.randn(1, 9, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.stem(2 * x - 0.3)))
        x = torch.cat([self.one(x), self.five(x).relu_(), self.after(self.pool(x))], 1)
        y = F.pad(x[:, :, 1:, ::2], (1, 0, 0, 1), value=0.7)
        x = x - 0.5 * self.mix(F.relu(x)) + self.shift * torch.tanh(x)
        x = F.gelu(self.down(F.relu(x)) + self.skip(F.relu(x))) / 0.7
        x = x.view(len(x), 2, 3, *x.shape[2:]).transpose(1, 2).reshape(x.shape)  # a channel shuffle
        x = x * torch.sigmoid(self.gate(F.adaptive_avg_pool2d(x, 1)))
        return torch.cat([x.mean((2, 3)), y.amax((2, 3)), (x * x).flatten(2).sum(2)], 1)


@pytest.mark.parametrize(("window", "stride"), [(1, 7), (4, 5), (7, 3), (16, 8), (33, 1)])
def test_a_chain_of_everything(window: int, stride: int) -> None:
    torch.manual_seed(0)
    agree(zeiler(), (3, 33, 46), window, stride)


@pytest.mark.parametrize(("window", "stride"), [(1, 6), (5, 4), (12, 5), (30, 3)])
def test_branches_and_skips(window: int, stride: int) -> None:
    torch.manual_seed(0)
    agree(Branches(), (3, 30, 27), window, stride)


def random_chain(seed: int) -> nn.Sequential:
    """Layers with drawn sizes; every choice the operators know."""
    draw = torch.Generator().manual_seed(seed)

    def pick(*values: Any) -> Any:
        return values[int(torch.randint(len(values), (1,), generator=draw))]

    parts: list[nn.Module] = []
    channels = 2
    for _ in range(4):
        kernel, dilation, groups = pick(1, 2, 3, (3, 2)), pick(1, 1, 2), pick(1, 2)
        made = 2 * pick(1, 2, 3)
        parts.append(
            nn.Conv2d(channels, made, kernel, pick(1, 1, 2, (2, 1)), pick(0, 1, 2), dilation, groups)
        )
        channels = made
        parts += pick([nn.ReLU()], [bn(channels), nn.ReLU()], [nn.Hardswish(), bn(channels)], [])
        parts += pick(
            [],
            [nn.MaxPool2d(pick(2, 3), pick(1, 2), 1, pick(1, 1, 2), ceil_mode=pick(True, False))],
            [nn.LocalResponseNorm(2)],
            [nn.AvgPool2d(3, 2, pick(0, 1), pick(True, False), pick(True, False))],
        )
    return nn.Sequential(*parts, nn.Conv2d(channels, 3, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())


@pytest.mark.parametrize("seed", range(16))
def test_random_chains(seed: int) -> None:
    torch.manual_seed(seed)
    agree(random_chain(seed), (2, 61, 58), window=3 + 2 * seed, stride=11)


NETWORKS = [
    ("alexnet", 96),
    ("resnet18", 64),
    ("squeezenet1_1", 64),
    ("shufflenet_v2_x0_5", 64),
    ("mobilenet_v3_small", 64),
    ("convnext_tiny", 64),
]
SLOW = [  # their operations are in the others, or they are those at another size; they take seconds each
    ("alexnet", 128),
    ("resnet18", 96),
    ("squeezenet1_1", 96),
    ("shufflenet_v2_x0_5", 96),
    ("mobilenet_v3_small", 96),
    ("vgg11_bn", 64),
    ("resnext50_32x4d", 64),
    ("densenet121", 64),
    ("googlenet", 96),
    ("inception_v3", 80),
    ("mnasnet0_5", 96),
    ("regnet_x_400mf", 96),
    ("mobilenet_v2", 96),
    ("efficientnet_b0", 64),
]


MORE = [
    "vgg16",
    "vgg19_bn",
    "resnet50",
    "resnet152",
    "wide_resnet50_2",
    "squeezenet1_0",
    "densenet161",
    "shufflenet_v2_x1_5",
    "mnasnet1_0",
    "regnet_x_1_6gf",
    "regnet_y_400mf",
    "mobilenet_v3_large",
    "efficientnet_v2_s",
    "convnext_small",
    "swin_t",
]


HEAD = {"adaptive_avg_pool2d", "linear", "relu", "reshape"}
BEHIND = {
    "alexnet": HEAD,
    "vgg11_bn": HEAD,
    "resnet18": {"linear", "reshape"},
    "squeezenet1_1": {"reshape"},
    "googlenet": {"linear", "reshape"},
    "mobilenet_v2": {"linear", "reshape"},
}
"""The operations that work on whole maps: what stands behind the last map, and nothing before it."""


def torchvision_network(name: str, size: int) -> nn.Module:
    torch.manual_seed(0)
    options = {"init_weights": True} if name in {"googlenet", "inception_v3"} else {}
    return lively(torchvision.models.get_model(name, weights=None, **options), (3, size, size))


@pytest.mark.parametrize(
    ("name", "size"), [*NETWORKS, *(pytest.param(*row, marks=pytest.mark.slow) for row in SLOW)]
)
def test_torchvision_networks(name: str, size: int) -> None:
    engine = agree(torchvision_network(name, size), (3, size, size), window=20, stride=29)
    if name in BEHIND:
        assert {node.op for node in engine.outer} == BEHIND[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", MORE)
def test_more_torchvision_networks_at_their_own_size(name: str) -> None:
    agree(torchvision_network(name, 224), (3, 224, 224), window=31, stride=97)


def test_sums_of_units_before_and_behind_the_windows() -> None:
    torch.manual_seed(0)
    module = Branches().double().eval()
    graph = trace(module, (3, 30, 27))
    x, filled = torch.randn(2, 3, 30, 27, dtype=torch.float64)
    layers = {"norm": [0, 3], "mix": [8], "skip": [1, 1], "gate": [2, 0]}
    wanted = [Wanted(graph.layer(layer), torch.tensor(units)) for layer, units in layers.items()]
    rows, columns = grid(30, 8, 11), grid(27, 6, 9)
    found = Incremental(graph, x, wanted).run(filled, rows, columns)
    for (layer, units), sums in zip(layers.items(), found, strict=True):
        expected = []
        hook = module.get_submodule(layer).register_forward_hook(
            lambda _m, _i, out, into=expected, units=units: into.append(out[0, units].sum((1, 2)))
        )
        by_hand(module, x, filled, rows, columns)
        hook.remove()
        torch.testing.assert_close(sums, torch.stack(expected).view_as(sums), rtol=1e-10, atol=1e-10)


def test_multiply_adds_are_those_of_the_windows() -> None:
    """A convolution of 3 x 3 over 8 x 8 pixels, one 2 x 2 window in the middle: a sixteenth of the work."""
    graph = trace(nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU()), (1, 8, 8))
    engine = Incremental(graph, torch.zeros(1, 8, 8), [Wanted(graph.output)])
    window = Slices((3,), 2)
    assert engine.multiply_adds(window, window) == (4 * 9 * 4, 8 * 8 * 9 * 4)


def test_whole_maps_go_on_in_batches_that_fit_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interpret.graph.delta.incremental.MAX_MAP_BYTES", 20_000)
    torch.manual_seed(0)
    engine = agree(Branches(), (3, 30, 27), 5, 4)
    assert 1 <= engine._batch < 20


@pytest.fixture
def traced() -> Graph:
    return trace(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3)).eval(), (3, 12, 12))


def test_the_module_and_the_image_stay_as_they_are(traced: Graph) -> None:
    x = torch.randn(3, 12, 12)
    before, state = x.clone(), {name: item.clone() for name, item in traced.module.state_dict().items()}
    Incremental(traced, x, [Wanted(traced.output)]).run(torch.zeros_like(x), grid(12, 4, 2), grid(12, 4, 2))
    assert torch.equal(x, before)
    assert all(torch.equal(item, state[name]) for name, item in traced.module.state_dict().items())
