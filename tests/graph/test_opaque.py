"""What no row knows stays a map, is exact by whole maps, and takes nothing from what lies above it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from rectified_networks import Blocks
from rectified_networks import by_autograd as rectified_by_autograd
from torch import Tensor, nn

from interpret.errors import ModelError
from interpret.graph import Incremental, Rules, Wanted, receptive_field
from interpret.network import Network, wrap
from interpret_deconv import Neuron, project
from interpret_occlusion import sweep

MODULES: dict[str, nn.Module] = {
    "group norm": nn.GroupNorm(2, 4),
    "instance norm": nn.InstanceNorm2d(4, affine=True),
    "layer norm of maps": nn.LayerNorm([4, 10, 9]),
    "softmax of channels": nn.Softmax2d(),
    "log sigmoid": nn.LogSigmoid(),
    "hard shrink": nn.Hardshrink(),
    "hard swish": nn.Hardswish(),
}
CHANNELS = {"softmax of channels"}
"""Of these no rule says that positions do not move; it is measured."""

POINTWISE = {"log sigmoid", "hard shrink", "hard swish"}
"""Of these it is known that each element is made of those at the same position; the way down is not."""

IMAGE = torch.randn(1, 2, 12, 11, dtype=torch.float64, generator=torch.Generator().manual_seed(2))


@pytest.fixture(params=MODULES)
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def network(name: str) -> Network:
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(2, 4, 3),
        MODULES[name],
        nn.Conv2d(4, 6, 3, stride=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
    )
    return wrap(module.double().eval(), input_size=(12, 11), mean=(0.0, 0.0), std=(1.0, 1.0))


NEURONS = [
    Neuron(0, "1", 1, 3, 2), Neuron(0, "2", 5, 0, 1), Neuron(0, "3", 0, 1, 1), Neuron(0, "4", 2, 0, 0),
]  # fmt: skip


def by_hand(network: Network, rules: Rules, by_autograd: Any) -> Tensor:
    found = []
    for neuron in NEURONS:
        signal = torch.zeros(1, *network.graph.layer(neuron.layer).shape, dtype=torch.float64)
        signal[0, neuron.channel, neuron.y, neuron.x] = 1
        found.append(by_autograd(network.module, neuron.layer, IMAGE, signal, rules)[0])
    return torch.stack(found)


def test_it_is_a_map_of_which_every_neuron_may_see_the_image(name: str, network: Network) -> None:
    field, layer = receptive_field(network, "1"), network.graph.layer("1")
    assert layer.spatial == (2, 3)
    assert field.extent == layer.extent == tuple(layer.shape[1:])
    local = name in POINTWISE | CHANNELS
    assert field.size == ((3, 3) if local else (12, 11))
    assert receptive_field(network, "2").size == ((5, 5) if local else (12, 11))
    assert field.measured == (name in CHANNELS)
    proven = receptive_field(network, "2", measure=False)
    assert (proven.size, proven.measured) == ((5, 5) if name in POINTWISE else (12, 11), False)


def test_gradients_go_down_through_it(network: Network, by_autograd: Any) -> None:
    found = project(network, IMAGE, NEURONS, "gradient")
    expected = by_hand(network, Rules("gradient"), by_autograd)
    assert bool(expected.any())
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-13)


def test_signals_go_down_where_its_gradient_is_allowed(network: Network, by_autograd: Any) -> None:
    found = project(network, IMAGE, NEURONS, nonlinear="gradient")
    torch.testing.assert_close(found, by_hand(network, Rules(), by_autograd), rtol=1e-10, atol=1e-13)


def test_by_default_it_rectifies_if_it_is_pointwise_and_else_passes_its_gradient(network: Network) -> None:
    expected = rectified_by_autograd(network.module, IMAGE, NEURONS, "deconvnet")
    torch.testing.assert_close(project(network, IMAGE, NEURONS), expected, rtol=1e-10, atol=1e-13)


def test_it_may_be_refused_by_name_and_nothing_below_is(network: Network) -> None:
    with pytest.raises(ModelError, match=r"1: .* has no deconvnet rule"):
        project(network, IMAGE, [Neuron(0, "2", 0, 0, 0)], nonlinear="refuse")
    assert bool(project(network, IMAGE, [Neuron(0, "0", 0, 0, 0)], nonlinear="refuse").any())


PLACES: dict[str, Callable[[nn.Module], nn.Module]] = {
    "first": lambda part: nn.Sequential(part, nn.Conv2d(4, 3, 3)),
    "last": lambda part: nn.Sequential(nn.Conv2d(4, 4, 3, stride=2), nn.ReLU(), nn.Conv2d(4, 4, 3), part),
    "alone": nn.Sequential,
    "twice": lambda part: nn.Sequential(nn.Conv2d(4, 4, 3), part, nn.Hardswish(), copy.deepcopy(part)),
    "branched": lambda part: nn.Sequential(
        nn.Conv2d(4, 4, (3, 2)), Branches(part, nn.SiLU()), nn.MaxPool2d(2), nn.Conv2d(8, 2, 1)
    ),
}


class Branches(nn.Module):
    """Two ways side by side, as large as the second one."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.first(x), self.second(x)
        return torch.cat([first[..., : x.shape[2], : x.shape[3]], second], 1)


SIZED = "layer norm of maps"
"""It is made for maps of one size."""


@pytest.mark.parametrize("size", [(12, 12), (9, 14)], ids=["square", "oblong"])
@pytest.mark.parametrize("place", PLACES)
def test_in_every_place_of_a_network_by_every_rule(place: str, size: tuple[int, int]) -> None:
    """At the image, at the end, above and below others, in a branch; itself, and what is above it."""
    torch.manual_seed(0)
    parts = {name: PLACES[place](copy.deepcopy(part)) for name, part in MODULES.items() if name != SIZED}
    module = Blocks(parts).double().eval()
    network = wrap(module, input_size=size, mean=(0.0,) * 4, std=(1.0,) * 4)
    image = torch.randn(1, 4, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    layers = [name for name in network.layers if name.count(".") >= 2]
    shapes = network.layer_shapes(layers)
    neurons = [Neuron(0, layer, shapes[layer][0] - 1, shapes[layer][1] - 1, 1) for layer in layers]
    for rule in ("deconvnet", "guided", "gradient"):
        expected = rectified_by_autograd(module, image, neurons, rule)
        found = project(network, image, neurons, rule)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-9 * float(expected.abs().max()))
        assert expected.flatten(1).any(1).sum() > len(layers) / 2


def test_sweeps_are_exact_and_go_on_in_whole_maps(name: str, network: Network) -> None:
    maps = {
        engine: sweep(network, IMAGE[0], 4, 3, engine=engine, layers=["1", "3"])
        for engine in ("incremental", "full")
    }
    assert maps["incremental"].engine == "incremental"
    torch.testing.assert_close(maps["incremental"].logits, maps["full"].logits, rtol=1e-10, atol=1e-12)
    for layer in ("1", "3"):
        pair = (maps[engine].response[layer] for engine in ("incremental", "full"))
        torch.testing.assert_close(*pair, rtol=1e-10, atol=1e-12)
    graph = network.graph
    rules = Incremental(graph, IMAGE[0], [Wanted(graph.output)]).rules
    assert graph.layer("0") in rules
    assert (graph.layer("3") in rules) == (name in POINTWISE)
