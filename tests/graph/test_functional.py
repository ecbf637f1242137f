"""The short way from a traced program to our graph gives what torch.export's own way gives."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.export import ExportedProgram
from torchvision.ops import Conv2dNormActivation, SqueezeExcitation

from interpret.errors import ModelError
from interpret.graph import Graph, Node, trace
from interpret.network import wrap


class Plain(nn.Module):
    """All that most networks are made of, writing into what nobody reads again."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Conv2dNormActivation(3, 4)
        self.squeeze = SqueezeExcitation(4, 2)
        self.pools = nn.Sequential(nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(2), nn.LocalResponseNorm(2))
        self.steps = nn.ModuleList(
            [nn.Hardswish(True), nn.SiLU(True), nn.ReLU6(True), nn.LeakyReLU(0.1, True), nn.ELU(1.0, True)]
        )
        self.convolutions = nn.ModuleList([nn.Conv2d(4, 4, 3, padding=1) for _ in self.steps])
        self.larger = nn.Sequential(
            nn.ConvTranspose2d(4, 4, 3, 2),
            nn.PixelShuffle(2),
            nn.Conv2d(1, 4, 3, padding=1, padding_mode="reflect"),
            nn.ChannelShuffle(2),
            nn.PixelUnshuffle(2),
            nn.CircularPad2d(1),
            nn.ZeroPad2d(1),
            nn.Conv2d(16, 4, 3, 3),
        )
        self.head = nn.Sequential(nn.Dropout(), nn.Linear(4, 5))
        self.register_buffer("twice", torch.tensor([0, 0]))

    def shuffled(self, x: Tensor) -> Tensor:
        count, channels, rows, columns = x.shape
        x = x.view(count, 2, channels // 2, rows, columns).transpose(1, 2).contiguous()
        first, second = x.reshape(count, channels, rows, columns).chunk(2, dim=1)
        third, fourth = torch.split(second, 1, dim=1)
        picked = first.unbind(1)[0].unsqueeze(1).expand(-1, 2, -1, -1)
        picked = picked + first.select(1, 0)[:, None][:, self.twice]
        return F.interpolate(torch.cat([picked, third, fourth[:, :, :]], 1), scale_factor=2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.larger(self.pools(self.shuffled(self.squeeze(self.stem(x)))))
        for mode, options in {"nearest-exact": {}, "bicubic": {}, "bilinear": {"antialias": True}}.items():
            x = F.interpolate(x.flip(3).roll(1, 2), size=(5, 6), mode=mode, **options)
        for convolution, step in zip(self.convolutions, self.steps, strict=True):
            x = step(convolution(x)) + x
        x = F.adaptive_avg_pool2d(torch.cat([x, x], 3), 1)
        answer: Tensor = self.head(torch.flatten(x, 1))
        return answer.mul_(2).sub_(0.1).div_(3)


def twice(x: Tensor) -> Tensor:
    return x.relu_() + x.sub_(1)


def read_later(x: Tensor) -> Tensor:
    y = F.relu(x, inplace=True)
    return x + 2 * y


def through_a_view(x: Tensor) -> Tensor:
    flat = x.flatten(2)
    x.relu_()
    return flat.mean(2)


def into_a_view(x: Tensor) -> Tensor:
    x.permute(0, 1, 3, 2).add_(1.0)
    return x * 2


def into_a_dropout(x: Tensor) -> Tensor:
    F.dropout(x, 0.5, training=False).relu_()
    return x * 2


def narrow(x: Tensor) -> Tensor:
    half = x.to(torch.bfloat16)
    return torch.relu(half).add_(x).float()


def kept(x: Tensor) -> tuple[Tensor, Tensor]:
    made = x * 2
    return made.relu_(), made


class Seen(nn.Module):
    """A function of what a convolution makes."""

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.convolution, self.function = nn.Conv2d(3, 4, 3), function

    def forward(self, x: Tensor) -> Any:
        return self.function(self.convolution(x))


def described(graph: Graph) -> list[tuple[Any, ...]]:
    """Every node with its operands by number."""
    numbers = {node: number for number, node in enumerate(graph.nodes)}

    def plain(value: Any) -> Any:
        if isinstance(value, Node):
            return numbers[value]
        return [plain(item) for item in value] if isinstance(value, list | tuple) else repr(value)

    given = [{key: plain(value) for key, value in node.arguments.items()} for node in graph.nodes]
    return [
        (node.op, str(node.target), read, node.traced, node.spatial, node.layer, node.owner, node.dtype)
        for node, read in zip(graph.nodes, given, strict=True)
    ] + [(name, numbers[node]) for name, node in graph.layers.items()]


def test_the_short_way_makes_the_same_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """Node by node, with names of layers, shapes and types."""
    module = Plain().eval()
    long_way = ExportedProgram.run_decompositions
    with monkeypatch.context() as patch:
        patch.setattr(ExportedProgram, "run_decompositions", None)  # the short way does without
        short = described(trace(module, (3, 18, 18)))
    tracing = importlib.import_module("interpret.graph.program.trace")
    monkeypatch.setattr(tracing, "functional", lambda program: long_way(program, {}))
    assert short == described(trace(module, (3, 18, 18)))


@pytest.mark.parametrize(
    "function", [twice, read_later, through_a_view, into_a_view, into_a_dropout, narrow, kept]
)
def test_what_is_written_and_read_again_is_seen(function: Callable[[Tensor], Any]) -> None:
    module = Seen(function).eval()
    graph = trace(module, (3, 8, 8), output=0 if function is kept else None)
    x = torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        expected = module(x.clone())
    torch.testing.assert_close(
        graph.run(x)[graph.output], expected[0] if function is kept else expected, rtol=0, atol=0
    )


def test_what_pytorch_leaves_undefined_has_no_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """It depends on the order in which a kernel goes through memory: the module answers, a program cannot."""
    network = wrap(Seen(lambda x: x.mul_(x[:, :1].expand_as(x)).mean((2, 3))).eval(), input_size=8)
    assert network(torch.rand(2, 3, 8, 8)).shape == (2, 4)
    with pytest.raises(ModelError, match="Seen cannot be traced: its operations give other numbers than the"):
        _ = network.graph
    monkeypatch.setattr("interpret.network.known.trace", None)  # it is tried once
    with pytest.raises(ModelError, match="other numbers"):
        _ = network.graph
