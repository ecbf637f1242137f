"""Windows give what whole maps give: projections against autograd with rewritten rules, in float64."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from interpret.graph import Graph, Node, Rules, Seeds, plan_windows, receptive_field, trace, window_top_down
from interpret.graph.operations.conv import spread
from interpret.graph.program.program import apply
from interpret.graph.topdown.neuron_windows import NeuronWindows
from interpret.graph.topdown.plan import Plan
from interpret.graph.topdown.windowed import WindowedForward


class Rectify(torch.autograd.Function):
    """A ReLU that lets positive signals down: wherever they come, or only where it was active."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, guided: bool) -> Tensor:
        ctx.save_for_backward(x)
        ctx.guided = guided
        return x.clamp_min(0)

    @staticmethod
    def backward(ctx: Any, signal: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        signal = signal.clamp_min(0)
        return (signal * (x > 0) if ctx.guided else signal), None


class Pass(torch.autograd.Function):
    """A response norm that lets the signal down unchanged, or divided by what it divided by."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, arguments: Mapping[str, Any], scaled: bool) -> Tensor:
        ctx.divisor = divisor(x, **{key: arguments[key] for key in ("size", "alpha", "beta", "k")})
        ctx.scaled = scaled
        return x / ctx.divisor

    @staticmethod
    def backward(ctx: Any, signal: Tensor) -> tuple[Tensor, None, None]:
        return (signal / ctx.divisor if ctx.scaled else signal), None, None


def divisor(x: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
    """By what a response norm divides, from its formula."""
    sums = [x[:, max(0, c - size // 2) : c + (size - 1) // 2 + 1].square().sum(1) for c in range(x.shape[1])]
    return (k + alpha / size * torch.stack(sums, 1)) ** beta


def oracle(graph: Graph, layer: str, x: Tensor, seeds: Seeds, *, rule: str, lrn: str | None) -> Tensor:
    """One neuron after the other, whole maps, autograd."""

    def rewritten(node: Node, arguments: Mapping[str, Any]) -> Any:
        if node.op == "relu" and rule != "gradient":
            return Rectify.apply(arguments["self"], rule == "guided")
        if node.op == "local_response_norm" and rule == "deconvnet":
            return Pass.apply(arguments["input"], arguments, lrn == "scale")
        return apply(node, arguments)

    node = graph.layer(layer)
    projections = []
    for image, channel, row, column, value in zip(*(item.tolist() for item in seeds), strict=True):
        leaf = x[image : image + 1].clone().requires_grad_()
        out = graph.run(leaf, [node], rewritten)[node]
        seed = torch.zeros_like(out)
        seed[0, channel, row, column] = value
        projections.append(torch.autograd.grad(out, leaf, seed)[0][0])
    return torch.stack(projections)


def everywhere(graph: Graph, layer: str, images: int, count: int = 12) -> Seeds:
    """Neurons at the four corners and at random places."""
    node = graph.layer(layer)
    rows, columns = node.extent
    draw = torch.Generator().manual_seed(1)
    y = torch.randint(rows, (count,), generator=draw)
    x = torch.randint(columns, (count,), generator=draw)
    y[:4], x[:4] = torch.tensor([0, 0, rows - 1, rows - 1]), torch.tensor([0, columns - 1, 0, columns - 1])
    image = torch.randint(images, (count,), generator=draw)
    channel = torch.randint(node.shape[0], (count,), generator=draw)
    return Seeds(image, channel, y, x, 0.5 + torch.rand(count, generator=draw, dtype=torch.float64))


def cropped(whole: Tensor, seeds: Seeds, boxes: list[tuple[int, int, int, int]]) -> Tensor:
    """The boxes of whole projections, with zeros outside the image."""
    height, width = whole.shape[2:]
    padded = F.pad(whole, (width * 3, width * 3, height * 3, height * 3))
    return torch.stack(
        [
            item[:, top + 3 * height : bottom + 3 * height, left + 3 * width : right + 3 * width]
            for item, (top, left, bottom, right) in zip(padded, boxes, strict=True)
        ]
    )


def traced(module: nn.Module, shape: tuple[int, int, int]) -> Graph:
    return trace(module.double().eval(), shape)


def agree(graph: Graph, layer: str, rule: str = "deconvnet", lrn: str | None = None) -> None:
    shape = graph.input.shape
    x = torch.randn(3, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    seeds = everywhere(graph, layer, len(x))
    plan = plan_windows(graph, graph.layer(layer), Rules(relu=rule, lrn=lrn))
    assert plan is not None
    whole = oracle(graph, layer, x, seeds, rule=rule, lrn=lrn)
    field = receptive_field(graph, layer)
    boxes = [plan.box(y, x) for y, x in zip(seeds.y.tolist(), seeds.x.tolist(), strict=True)]
    assert boxes == [field.box(y, x) for y, x in zip(seeds.y.tolist(), seeds.x.tolist(), strict=True)]
    expected = cropped(whole, seeds, boxes)
    assert expected.abs().sum() == pytest.approx(whole.abs().sum().item())
    found = window_top_down(plan, x, seeds)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9 * float(whole.abs().max()))
    by_maps, by_windows = (saved(plan, x, seeds, of_maps=of_maps) for of_maps in (True, False))
    assert by_maps.saved.keys() == by_windows.saved.keys() == set(plan.saved)
    for node in plan.saved:
        same_saved(by_maps, node, by_maps.saved[node], by_windows.saved[node])


def saved(plan: Plan, x: Tensor, seeds: Seeds, *, of_maps: bool) -> NeuronWindows:
    """The windows of neurons, with what the way down must know of them."""
    used, image = torch.unique(seeds.image, return_inverse=True)
    windows = plan.windows(seeds._replace(image=image), x[used])
    forward = WindowedForward(plan, windows)
    with torch.no_grad():
        forward.save_of_maps(x[used]) if of_maps else forward.save(x[used])
    return windows


def same_saved(windows: NeuronWindows, node: Node, by_maps: Tensor, by_windows: Tensor) -> None:
    """Both sources know the same inside the map."""
    owner = next(iter(node.operands)) if node.op == "local_response_norm" else node
    outside = windows.outside(owner)
    if by_maps.shape[2:] != windows.frames[owner].size:
        return
    if outside is not None:
        by_maps, by_windows = (value.masked_fill(outside, 0) for value in (by_maps, by_windows))
    torch.testing.assert_close(by_maps, by_windows, rtol=1e-9, atol=1e-9)


def bn(channels: int) -> nn.BatchNorm2d:
    """A batch norm that has learned something."""
    norm = nn.BatchNorm2d(channels)
    nn.init.uniform_(norm.weight, -1, 2)
    nn.init.normal_(norm.bias)
    nn.init.normal_(norm.running_mean)
    nn.init.uniform_(norm.running_var, 0.5, 2)
    return norm


class Branches(nn.Module):
    """An inception block and a pre-activation skip."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, stride=2, padding=1)
        self.norm = bn(6)
        self.one = nn.Conv2d(6, 3, 1)
        self.five = nn.Conv2d(6, 4, 5, padding=2)
        self.pool = nn.MaxPool2d(3, 1, 1)
        self.after = nn.Conv2d(6, 2, 1)
        self.mix = nn.Conv2d(9, 9, 3, padding=1)
        self.down = nn.Conv2d(9, 5, 3, stride=2, padding=1)
        self.skip = nn.Conv2d(9, 5, 1, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.stem(2 * x - 0.3)))
        x = torch.cat([self.one(x), self.five(x).relu_(), self.after(self.pool(x))], 1)
        x = x - 0.5 * self.mix(F.relu(x))
        return self.down(F.relu(x)) + self.skip(F.relu(x)[:, :, :, :])


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
        nn.LocalResponseNorm(4, alpha=0.2),
        nn.ZeroPad2d((0, 1, 2, 0)),
        nn.Conv2d(2 * width, width, (3, 2), padding=(1, 0), groups=3),
        nn.ReLU(),
        nn.AvgPool2d(2, 1, padding=1, count_include_pad=False),
        nn.Conv2d(width, 4, 2),
    )


@pytest.fixture(scope="module")
def chain() -> Graph:
    torch.manual_seed(0)
    return traced(zeiler(), (3, 33, 46))


@pytest.fixture(scope="module")
def branches() -> Graph:
    torch.manual_seed(0)
    return traced(Branches(), (3, 30, 27))


@pytest.mark.parametrize("rule", ["deconvnet", "gradient", "guided"])
@pytest.mark.parametrize("layer", ["0", "1", "2", "3", "4", "6", "7", "8", "10", "12", "13"])
def test_a_chain_of_everything(chain: Graph, layer: str, rule: str) -> None:
    agree(chain, layer, rule)


def test_the_norms_scale(chain: Graph) -> None:
    agree(chain, "13", "deconvnet", "scale")


@pytest.mark.parametrize("rule", ["deconvnet", "gradient", "guided"])
@pytest.mark.parametrize("layer", ["norm", "pool", "mix", "down", "skip"])
def test_branches_and_skips(branches: Graph, layer: str, rule: str) -> None:
    agree(branches, layer, rule)


@pytest.mark.parametrize("rule", ["deconvnet", "guided"])
def test_pixels_become_channels_and_channels_are_shuffled(rule: str) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.PixelUnshuffle(2), nn.Conv2d(12, 8, 3, padding=1), nn.ReLU(), nn.ChannelShuffle(4),
        nn.Conv2d(8, 6, 3, 2, groups=2), nn.MaxPool2d(2), nn.ChannelShuffle(3), nn.Conv2d(6, 4, 1),
    )  # fmt: skip
    agree(traced(module, (3, 28, 24)), "7", rule)


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
        parts += pick([nn.ReLU()], [bn(channels), nn.ReLU()], [])
        parts += pick(
            [],
            [nn.MaxPool2d(pick(2, 3), pick(1, 2), 1, pick(1, 1, 2), ceil_mode=pick(True, False))],
            [nn.LocalResponseNorm(2)],
            [nn.AvgPool2d(3, 2, pick(0, 1), pick(True, False), pick(True, False))],
        )
    return nn.Sequential(*parts, nn.Conv2d(channels, 3, 1))


@pytest.mark.parametrize("seed", range(12))
def test_random_chains(seed: int) -> None:
    torch.manual_seed(seed)
    module = random_chain(seed)
    rule = ("deconvnet", "gradient", "guided")[seed % 3]
    agree(traced(module, (2, 61, 58)), str(len(module) - 1), rule)


@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (5, 4), (11, 11)])
@pytest.mark.parametrize("stride", [(2, 2), (4, 4), (3, 2), (1, 2)])
def test_long_strides_are_transposed_convolutions(kernel: tuple[int, int], stride: tuple[int, int]) -> None:
    signal = torch.randn(2, 4, 5, 3, dtype=torch.float64)
    weight = torch.randn(4, 3, *kernel, dtype=torch.float64)
    expected = F.conv_transpose2d(signal, weight, stride=stride)
    torch.testing.assert_close(spread(signal, weight, stride, 1, (1, 1)), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "layer", "shape"),
    [
        ("alexnet", "features.12", (3, 130, 100)),
        ("resnet18", "layer1.1", (3, 96, 80)),
        pytest.param("googlenet", "inception3a", (3, 64, 64), marks=pytest.mark.slow),
        ("squeezenet1_1", "features.6", (3, 64, 64)),
        pytest.param("densenet121", "features.denseblock1.denselayer3", (3, 64, 64), marks=pytest.mark.slow),
    ],
)
def test_torchvision_networks(name: str, layer: str, shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    options = {"init_weights": False} if name == "googlenet" else {}
    agree(traced(getattr(torchvision.models, name)(weights=None, **options), shape), layer)


def test_what_has_no_local_geometry_is_refused() -> None:
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Conv2d(4, 2, 1), nn.GELU()
    )
    graph = trace(module, (3, 9, 9))
    known = [plan_windows(graph, graph.layer(layer)) is not None for layer in "01234"]
    assert known == [True, True, False, False, False]
    assert plan_windows(graph, graph.layer("1"), Rules(unpool="overwrite")) is None


def test_parts_follow_the_images_and_fit_the_memory(chain: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_windows(chain, chain.layer("13"))
    assert plan is not None
    seeds = everywhere(chain, "13", 3, 40)
    (part,) = plan.batches(seeds)
    assert seeds.image[part].tolist() == sorted(seeds.image.tolist())
    monkeypatch.setattr("interpret.graph.topdown.plan.MAX_WINDOW_BYTES", 200_000)
    parts = list(plan.batches(seeds))
    assert len(parts) > 1
    assert sorted(torch.cat(parts).tolist()) == list(range(40))
