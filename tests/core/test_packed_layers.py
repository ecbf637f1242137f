"""Modules that return their hidden state among other things are layers, for hooks, program and Captum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

import interpret
from interpret.modules import layer_value, with_layer_value
from interpret_captum.copies import ModuleCopy
from interpret_deconv import Neuron, project
from interpret_topk import mine


class Named(NamedTuple):
    size: tuple[int, int]
    hidden: Tensor


@dataclass
class Fields:
    hidden: Tensor
    weights: Tensor | None = None


class Block(nn.Module):
    """A convolution that returns its map in some form."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.form, self.conv = form, nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Any:
        y = self.conv(x).relu()
        if self.form == "tuple":
            return y, y.mean((2, 3))
        return Named((3, 3), y) if self.form == "named" else Fields(y)


class Net(nn.Module):
    def __init__(self, form: str) -> None:
        super().__init__()
        self.first, self.second, self.head = Block(form), Block(form), nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        for block in (self.first, self.second):
            found = block(x)
            x = found[0] if block.form == "tuple" else found.hidden
        return self.head(x.mean((2, 3)))


@pytest.fixture(params=["tuple", "named", "fields"])
def network(request: pytest.FixtureRequest) -> interpret.Network:
    torch.manual_seed(0)
    return interpret.wrap(Net(request.param).eval().double(), input_size=12)


def test_the_hooks_and_the_program_see_the_same(network: interpret.Network) -> None:
    assert network.layers == ("first.conv", "first", "second.conv", "second", "head")
    x = torch.randn(2, 3, 12, 12, dtype=torch.float64)
    recorded, graph = network.record(x, network.layers), network.graph
    assert list(graph.layers) == list(network.layers)
    for name, value in graph.run(x, list(graph.layers.values())).items():
        layer = next(key for key, node in graph.layers.items() if node is name)
        torch.testing.assert_close(value, recorded[layer], rtol=0, atol=1e-12)
    torch.testing.assert_close(recorded["second"], recorded["second.conv"].relu(), rtol=0, atol=0)


def test_they_are_mined_and_projected(network: interpret.Network) -> None:
    x = torch.randn(1, 3, 12, 12, dtype=torch.float64, requires_grad=True)
    y = network.record(x.detach(), ["second"])["second"]
    channel, row, column = (int(i) for i in torch.unravel_index(y[0].argmax(), y.shape[1:]))
    first = network.module.first.conv(x).relu()
    second = network.module.second.conv(first)
    second[0, channel, row, column].backward()
    made = project(network, x.detach(), [Neuron(0, "second", channel, row, column)], rule="gradient")
    torch.testing.assert_close(made, x.grad, rtol=1e-9, atol=1e-12)
    found = mine(network, list(x.detach().float()), ["second"], k=1)
    assert found["second"].values[channel, 0] == pytest.approx(float(y.max()), rel=1e-3)


def test_captum_sees_the_map(network: interpret.Network) -> None:
    copy = ModuleCopy.of(network).at("first")
    seen: list[Tensor] = []
    copy.tap.register_forward_hook(lambda _part, _given, output: seen.append(output))
    x = torch.randn(1, 3, 12, 12, dtype=torch.float64)
    torch.testing.assert_close(copy.module(x), network(x))
    assert torch.equal(seen[0], network.record(x, ["first"])["first"])


def test_which_item_is_the_layers() -> None:
    y, vector, whole = torch.ones(1, 4, 2), torch.ones(1, 4), torch.ones(1, 4, 2, dtype=torch.int64)
    assert layer_value((whole, vector, y)) is y
    assert layer_value([y]) is None
    assert layer_value({"out": y}) is None
    assert layer_value((vector, None)) is None
    assert with_layer_value((vector, y), 2 * y)[1].equal(2 * y)
