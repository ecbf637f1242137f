"""Nonlinearities treat the signal as a ReLU does, gates scale it: against autograd with modules replaced."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache

import pytest
import torch
import torch.nn.functional as F
import torchvision
from rectified_networks import WRITTEN, Blocks, Gate, Nonlinear, by_autograd, gates, swish
from torch import Tensor, nn

from interpret.errors import ModelError
from interpret.graph import receptive_field
from interpret.network import Network, wrap
from interpret_deconv import Neuron, Project, nonlinearities, project

RULES = ["deconvnet", "guided", "gradient"]

IMAGES = torch.randn(2, 2, 10, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(3))

MODULES: dict[str, nn.Module] = {
    type(module).__name__: module
    for module in (
        nn.ReLU6(), nn.Hardtanh(), nn.LeakyReLU(0.2), nn.PReLU(4, 0.3), nn.RReLU(), nn.ELU(), nn.SELU(),
        nn.CELU(), nn.SiLU(), nn.GELU(), nn.Hardswish(), nn.Mish(), nn.Softplus(), nn.Hardsigmoid(),
        nn.Sigmoid(), nn.Tanh(), nn.LogSigmoid(), nn.Softsign(), nn.Softshrink(0.1), nn.Hardshrink(0.2),
        nn.Tanhshrink(), nn.Threshold(0.1, -0.2),
    )
} | {name: Nonlinear(function) for name, function in WRITTEN.items()}  # fmt: skip
"""By the name of the block."""


def block(part: nn.Module, made: int = 4) -> nn.Sequential:
    """A part between convolutions, and pooled afterwards, so that the way up counts too."""
    return nn.Sequential(
        nn.Conv2d(2, 4, 3), part, nn.Conv2d(made, 5, 2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(5, 3, 2),
        nn.Flatten(), nn.Linear(12, 3),
    )  # fmt: skip


def wrapped(module: nn.Module) -> Network:
    return wrap(module.double().eval(), input_size=(10, 9), mean=(0.0, 0.0), std=(1.0, 1.0))


def between(part: nn.Module, made: int = 4) -> Network:
    torch.manual_seed(0)
    return wrapped(block(part, made))


def beside(parts: Mapping[str, nn.Module]) -> Network:
    torch.manual_seed(0)
    return wrapped(Blocks({name: block(part) for name, part in parts.items()}))


NEURONS = [
    Neuron(0, "5", 1, 1, 0), Neuron(1, "5", 2, 0, 1), Neuron(0, "2", 4, 5, 3), Neuron(1, "1", 0, 0, 6),
    Neuron(1, "1", 3, 4, 2),
]  # fmt: skip


def in_each(names: Iterable[str], *more: Neuron) -> list[Neuron]:
    """Neurons of every block."""
    return [
        replace(neuron, layer=f"part.{name}.{neuron.layer}")
        for name in names
        for neuron in (*NEURONS[:1], *NEURONS[-1:], *more)
    ]


def agree(network: Network, x: Tensor, neurons: list[Neuron], rule: str, engine: str = "full") -> Tensor:
    expected = by_autograd(network.module, x, neurons, rule)
    found = project(network, x, neurons, rule, engine=engine)  # type: ignore[arg-type]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-9 * float(other.abs().max()))
    return expected


@pytest.fixture(scope="module")
def nonlinear() -> Network:
    return beside(MODULES)


@pytest.mark.parametrize("engine", ["full", "windows"])
@pytest.mark.parametrize("rule", RULES)
def test_a_nonlinearity_of_one_signal(nonlinear: Network, rule: str, engine: str) -> None:
    agree(nonlinear, IMAGES, in_each(MODULES), rule, engine)


@pytest.mark.parametrize("rule", RULES)
def test_all_of_them_together(nonlinear: Network, rule: str) -> None:
    """The signal of a class."""
    classes = nn.Sequential(nonlinear.module)
    expected = by_autograd(classes, IMAGES, [Neuron(1, "0", 100)], rule)
    found = Project(rule=rule, target=100).attribute(nonlinear, IMAGES[1:], 100)  # type: ignore[arg-type]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9 * float(expected.abs().max()))


@pytest.mark.parametrize("name", MODULES)
def test_it_is_named(nonlinear: Network, name: str) -> None:
    named = nonlinearities(nonlinear, f"part.{name}.5")
    assert len(named["rectified"]) >= 1
    assert "gradient" not in named
    own = name not in WRITTEN
    assert not own or named == {"rectified": (name,)}


GATES = gates(4)


@pytest.fixture(scope="module")
def gated() -> Network:
    return beside({name: nn.Sequential(Gate(gate), nn.Hardswish()) for name, gate in GATES.items()})


@pytest.mark.parametrize("engine", ["full", "windows"])
@pytest.mark.parametrize("rule", RULES)
def test_a_gate_scales_the_signal_and_gets_none(gated: Network, rule: str, engine: str) -> None:
    if (rule, engine) != ("gradient", "windows"):  # the gradient goes through what pools the whole map
        agree(gated, IMAGES, in_each(GATES), rule, engine)


@pytest.mark.parametrize("name", GATES)
def test_a_gate_is_counted(gated: Network, name: str) -> None:
    named = nonlinearities(gated, f"part.{name}.5")
    assert sum_of(named["gated"]) == 1
    assert (named["rectified"], "gradient" in named) == (("Hardswish",), False)


def sum_of(names: tuple[str, ...]) -> int:
    return sum(int(name.partition(" x ")[2] or 1) for name in names)


class Halves(nn.Module):
    """A gated linear unit by hand, or WaveNet's."""

    def __init__(self, *, tanh: bool) -> None:
        super().__init__()
        self.tanh = nn.Tanh() if tanh else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        signal, gate = x.chunk(2, 1)
        return self.tanh(signal) * gate.sigmoid()


@pytest.mark.parametrize("part", [nn.GLU(1), Halves(tanh=False), Halves(tanh=True)])
def test_gated_linear_units(part: nn.Module) -> None:
    network = between(part, made=2)
    by_hand = nn.Sequential(*network.module)  # type: ignore[arg-type]
    by_hand[1] = RecordedHalf(part)
    neurons = [*NEURONS[:3], Neuron(0, "1", 1, 3, 2), Neuron(1, "7", 0)]
    for rule in RULES:
        expected = by_autograd(network.module if rule == "gradient" else by_hand, IMAGES, neurons, rule)
        found = project(network, IMAGES, neurons, rule)  # type: ignore[arg-type]
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-9 * float(expected.abs().max()))
    assert sum_of(nonlinearities(network, "5")["gated"]) == 1
    field = receptive_field(network, "1")
    assert (field.size, field.measured) == (receptive_field(network, "0").size, False)


class RecordedHalf(nn.Module):
    """The same with the second half as it was recorded."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.signal = part.tanh if isinstance(part, Halves) else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        signal, gate = x.chunk(2, 1)
        return self.signal(signal) * gate.sigmoid().detach()


class Product(nn.Module):
    """A product, or a quotient, of two maps neither of which is a gate."""

    def __init__(self, *, quotient: bool) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 3, padding=1)
        self.act, self.quotient = nn.ReLU6(), quotient

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.act(self.first(x)), self.second(x)
        return first / (second + 9) if self.quotient else first * second


@pytest.mark.parametrize("quotient", [False, True])
def test_a_product_of_maps_passes_to_each_the_signal_times_the_other(quotient: bool) -> None:
    network = between(Product(quotient=quotient))
    for rule in RULES:
        agree(network, IMAGES, NEURONS, rule)
    named = nonlinearities(network, "5")
    assert named == {"rectified": ("ReLU6",), "gradient": ("div" if quotient else "mul",)}


class Skip(nn.Module):
    """A skip beside a nonlinearity, twice: these are sums, and no nonlinearities of one signal."""

    def __init__(self, act: nn.Module) -> None:
        super().__init__()
        self.act, self.conv = act, nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.act(x)
        return x + self.conv(self.act(x))


@pytest.mark.parametrize("act", [nn.ReLU(), nn.SiLU(), Nonlinear(swish)])
def test_sums_stay_linear(act: nn.Module) -> None:
    network = between(Skip(act))
    for rule in RULES:
        agree(network, IMAGES, NEURONS, rule)


def test_a_constant_is_no_nonlinearity() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("scale", torch.tensor([1.0, -2.0, 0.5, 3.0]).view(4, 1, 1))

        def forward(self, x: Tensor) -> Tensor:
            return -(3 - (x - 1) * self.scale * 2) / 4 + self.scale.exp()

    network = between(Scaled())
    agree(network, IMAGES, NEURONS, "deconvnet")
    assert nonlinearities(network, "5") == {}


NORMS = {
    "group": nn.GroupNorm(2, 4),
    "instance": nn.InstanceNorm2d(4, affine=True),
    "layer": nn.LayerNorm([4, 8, 7]),
    "softmax": nn.Softmax2d(),
}


@pytest.mark.parametrize("name", NORMS)
def test_what_is_neither_passes_its_gradient_and_is_named(name: str) -> None:
    network = between(nn.Sequential(NORMS[name], nn.GELU()))
    for rule in RULES:
        agree(network, IMAGES, NEURONS, rule)
    named = nonlinearities(network, "5")
    assert named["rectified"] == ("GELU",)
    assert len(named["gradient"]) == 1
    assert nonlinearities(network, "0") == {}
    assert nonlinearities(network, "5", nonlinear="gradient")["gradient"] == (*named["gradient"], "GELU")
    assert nonlinearities(network, "5", rule="gradient") == {}


REFUSED = {
    "hardtanh": nn.ReLU6(),
    "sigmoid": Nonlinear(swish),
    "group_norm": nn.GroupNorm(2, 4),
    "glu": nn.GLU(1),
}


@pytest.mark.parametrize("operation", REFUSED)
def test_all_of_it_may_be_refused_by_name_and_the_cures_work(operation: str) -> None:
    network = between(REFUSED[operation], made=2 if operation == "glu" else 4)
    with pytest.raises(ModelError, match=rf"1: {operation} .* has no deconvnet rule") as refused:
        project(network, IMAGES, NEURONS[:3], nonlinear="refuse")
    for cure in ({"nonlinear": "rectify"}, {"nonlinear": "gradient"}, {"rule": "gradient"}):
        ((name, value),) = cure.items()
        assert f'{name}="{value}"' in str(refused.value)
        assert project(network, IMAGES, NEURONS[:3], **cure).any()  # type: ignore[arg-type]


WHOLE = {
    "mobilenet_v2": ["features.3", "features.9.conv.1", "classifier"],
    "mobilenet_v3_small": ["features.1", "features.4.block.1", "features.9"],
    "efficientnet_b0": ["features.2", "features.4.0.block.1"],
    "convnext_tiny": ["features.1.0", "features.3"],
    "regnet_y_400mf": ["trunk_output.block1", "trunk_output.block3"],
    "mnasnet0_5": ["layers.9"],
    "shufflenet_v2_x0_5": ["stage2"],
}
SLOW = {
    "mobilenet_v2",
    "efficientnet_b0",
    "convnext_tiny",
    "regnet_y_400mf",
    "mnasnet0_5",
    "shufflenet_v2_x0_5",
}
KNOWN = [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in WHOLE]


@cache
def torchvision_network(name: str) -> Network:
    torch.manual_seed(0)
    module = getattr(torchvision.models, name)(weights=None).double().eval()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 2)
    return wrap(module, input_size=(64, 48))


def some_neurons(network: Network, layer: str) -> list[Neuron]:
    shape = (*network.layer_shapes([layer])[layer], 1, 1)[:3]
    return [
        Neuron(0, layer, 1, shape[1] // 2, shape[2] // 2), Neuron(1, layer, shape[0] - 1, 0, shape[2] - 1),
    ]  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_torchvision_networks(name: str) -> None:
    network = torchvision_network(name)
    x = torch.randn(2, 3, 64, 48, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    for layer in WHOLE[name]:
        neurons = some_neurons(network, layer)
        for rule in RULES:
            agree(network, x, neurons, rule, "auto")
    first = WHOLE[name][0]
    whole = {"convnext_tiny", "shufflenet_v2_x0_5"}  # layer norms; channels that are shuffled by reshaping
    if name not in whole:
        for rule in ("deconvnet", "guided"):
            agree(network, x, some_neurons(network, first), rule, "windows")


def test_mobilenets_say_what_is_done_in_them() -> None:
    network = torchvision_network("mobilenet_v3_small")
    kinds = [type(part) for part in network.module.features.modules()]  # type: ignore[union-attr, operator]
    assert kinds.count(nn.Hardswish) == 18
    assert kinds.count(torchvision.ops.SqueezeExcitation) == 9
    named = nonlinearities(network, "features.12")
    assert named == {"rectified": ("Hardswish x 18",), "gated": ("hardsigmoid x 9",)}


def test_functions_of_pytorch_that_scale_need_no_rule() -> None:
    def function(x: Tensor) -> Tensor:
        y = torch.true_divide(torch.divide(torch.multiply(F.relu(x), 3.0), -2), 5)
        return torch.subtract(torch.negative(y), 1, alpha=2)

    network = between(Nonlinear(function))
    assert nonlinearities(network, "5") == {}
    gradient = by_autograd(network.module, IMAGES, NEURONS[-2:-1], "gradient")
    for engine in ("full", "windows"):
        found = project(network, IMAGES, NEURONS[-2:-1], "gradient", engine=engine)  # type: ignore[arg-type]
        torch.testing.assert_close(found, gradient, rtol=0, atol=1e-12)
