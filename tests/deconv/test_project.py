"""Projections of single neurons: against autograd and Captum, over both engines, with clear refusals."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
import torch
import torch.nn.functional as F
import torchvision
from captum.attr import NeuronDeconvolution, NeuronGradient, NeuronGuidedBackprop
from torch import Tensor, nn

from interpret.errors import InterpretError, ModelError, UnknownNameError
from interpret.network import Network, wrap
from interpret_deconv import Neuron, project


def small() -> Network:
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 6, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.LocalResponseNorm(3, alpha=0.1),
        nn.Conv2d(6, 8, 3, padding=1, groups=2),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(32, 5),
        nn.ReLU(),
        nn.Linear(5, 4),
    ).double()
    return wrap(module, input_size=(24, 32), aliases={"layer1": "3", "fc": "11"})


def images(network: Network, count: int = 3) -> Tensor:
    draw = torch.Generator().manual_seed(1)
    return torch.randn(count, *network.input.shape, generator=draw, dtype=network.dtype)


@pytest.fixture(scope="module")
def network() -> Network:
    return small()


MIXED = [
    Neuron(2, "4", 7, 3, 1),
    Neuron(0, "layer1", 2, 0, 0),
    Neuron(1, "11", 3),
    Neuron(2, "layer1", 5, 5, 7),
    Neuron(0, "4", 0, 5, 7),
    Neuron(0, "9", 1),
    Neuron(2, "1", 3, 2, 2),
]


def by_autograd(network: Network, x: Tensor, neuron: Neuron) -> Tensor:
    """The gradient of one neuron, by running the module itself."""
    leaf = x[neuron.image : neuron.image + 1].clone().requires_grad_()
    out = leaf
    for name, part in network.module.eval().named_children():
        out = part(out)
        if name == network.layer(neuron.layer):
            break
    place = (0, neuron.channel, neuron.y, neuron.x)[: out.dim()]
    return torch.autograd.grad(out[place], leaf)[0][0]


@pytest.mark.parametrize("engine", ["auto", "full"])
def test_the_gradient_is_autograds_for_layers_of_all_kinds_in_the_order_asked(
    network: Network, engine: str
) -> None:
    x = images(network)
    found = project(network, x, MIXED, "gradient", engine=engine)
    expected = torch.stack([by_autograd(network, x, neuron) for neuron in MIXED])
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("rule", ["deconvnet", "gradient", "guided"])
@pytest.mark.parametrize("lrn", [None, "identity", "scale", "gradient"])
def test_both_engines_agree(network: Network, rule: str, lrn: str | None) -> None:
    x = images(network)
    neurons = [neuron for neuron in MIXED if neuron.layer in ("1", "layer1", "4")]
    whole = project(network, x, neurons, rule, lrn=lrn, engine="full")
    assert whole.abs().amax((1, 2, 3)).gt(0).all()
    windows = project(network, x, neurons, rule, lrn=lrn, engine="windows")
    torch.testing.assert_close(windows, whole, rtol=1e-9, atol=1e-9)


def test_by_hand() -> None:
    """A 4 x 4 image, one filter, ReLU, a 2 x 2 pool: the filter lands under the maximum."""
    conv = nn.Conv2d(1, 1, 1)
    nn.init.constant_(conv.weight, 3.0)
    nn.init.constant_(conv.bias, 100.0)
    network = wrap(nn.Sequential(conv, nn.ReLU(), nn.MaxPool2d(2)), input_size=4, mean=(0.0,), std=(1.0,))
    x = torch.arange(16.0).view(1, 1, 4, 4)
    found = project(network, x, [Neuron(0, "2", 0, 0, 1), Neuron(0, "2", 0, 1, 0)])
    expected = torch.zeros(2, 1, 4, 4)
    expected[0, 0, 1, 3] = expected[1, 0, 3, 1] = 3.0
    torch.testing.assert_close(found, expected)


def test_overlapping_pools_add_or_overwrite() -> None:
    network = wrap(
        nn.Sequential(nn.MaxPool2d(3, 1), nn.Conv2d(1, 1, 2)), input_size=4, mean=(0.0,), std=(1.0,)
    )
    nn.init.ones_(network.module[1].weight)
    x = torch.zeros(1, 1, 4, 4)
    x[0, 0, 1, 1] = 1.0
    neuron = [Neuron(0, "1", 0)]
    expected = torch.zeros(1, 1, 4, 4)
    expected[0, 0, 1, 1] = 4.0
    torch.testing.assert_close(project(network, x, neuron), expected)
    expected[0, 0, 1, 1] = 1.0
    torch.testing.assert_close(project(network, x, neuron, unpool="overwrite"), expected)


def test_the_seed_may_be_the_activation(network: Network) -> None:
    x = images(network)
    once = project(network, x, MIXED, "gradient")
    scaled = project(network, x, MIXED, "gradient", seed="activation")
    values = network.record(x, [neuron.layer for neuron in MIXED])
    for neuron, one, found in zip(MIXED, once, scaled, strict=True):
        value = values[neuron.layer][neuron.image, neuron.channel]
        value = value if value.dim() == 0 else value[neuron.y, neuron.x]
        torch.testing.assert_close(found, one * value, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(project(network, x, MIXED, "gradient", seed=-2.0), -2 * once)


CAPTUM = {"deconvnet": NeuronDeconvolution, "guided": NeuronGuidedBackprop, "gradient": NeuronGradient}


@cache
def untrained(name: str) -> Network:
    torch.manual_seed(0)
    return wrap(getattr(torchvision.models, name)(weights=None).double().eval(), input_size=64)


@pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU")
@pytest.mark.parametrize("rule", list(CAPTUM))
@pytest.mark.parametrize(
    ("name", "layer", "place"),
    [("alexnet", "features.8", (40, 2, 1)), ("resnet18", "layer2.1.conv2", (17, 4, 7))],
)
def test_captum_agrees_on_plain_networks(
    name: str, layer: str, place: tuple[int, int, int], rule: str
) -> None:
    network = untrained(name)
    module, x = network.module, images(network, 1)
    expected = CAPTUM[rule](module, module.get_submodule(layer)).attribute(x.clone().requires_grad_(), place)
    neuron = Neuron(0, layer, *place)
    for engine in ("full", "windows"):
        found = project(network, x, [neuron], rule, engine=engine)
        torch.testing.assert_close(
            found, expected.detach(), rtol=1e-7, atol=1e-9 * float(expected.abs().max())
        )


class Skip(nn.Module):
    """A pre-activation skip: what a ReLU reads is read by an addition too."""

    def __init__(self, relu: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.relu = relu
        self.second = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        return x + self.second(self.relu(x))


@pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU")
@pytest.mark.parametrize("relu", [nn.ReLU(), F.relu], ids=["module", "function"])
def test_right_where_captum_is_not(relu: Callable[[Tensor], Tensor]) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(Skip(relu), nn.Conv2d(4, 2, 3)).double().eval()
    network = wrap(module, input_size=12)
    x = images(network, 1)
    first, second, last = module[0].first.weight, module[0].second.weight, module[1].weight
    signal = torch.zeros(1, 2, 10, 10, dtype=torch.float64)
    signal[0, 1, 4, 5] = 1.0
    signal = F.conv_transpose2d(signal, last)
    signal = signal + F.conv_transpose2d(signal, second, padding=1).clamp_min(0)
    expected = F.conv_transpose2d(signal, first, padding=1).detach()
    for engine in ("full", "windows"):
        found = project(network, x, [Neuron(0, "1", 1, 4, 5)], engine=engine)
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    captums = NeuronDeconvolution(module, module[1]).attribute(x.clone().requires_grad_(), (1, 4, 5))
    assert (captums - expected).abs().max() > 0.01 * expected.abs().max()


WRONG = [
    (Neuron(3, "4", 0), "image must be from 0 to 2"),
    (Neuron(0, "4", 8), "channel must be from 0 to 7"),
    (Neuron(0, "4", 0, 6), "y must be from 0 to 5"),
    (Neuron(0, "4", 0, 0, -1), "x must be from 0 to 7"),
    (Neuron(0, "11", 1, 1, 0), "y must be from 0 to 0"),
]


@pytest.mark.parametrize(("neuron", "message"), WRONG, ids=[message for _, message in WRONG])
def test_neurons_that_do_not_exist_are_named(network: Network, neuron: Neuron, message: str) -> None:
    with pytest.raises(InterpretError, match=message) as caught:
        project(network, images(network), [MIXED[0], neuron])
    assert f"layer='{neuron.layer}'" in str(caught.value)


def test_wrong_questions_are_refused(network: Network) -> None:
    x = images(network)
    with pytest.raises(UnknownNameError, match="'layer1'"):
        project(network, x, [Neuron(0, "layer9", 0)])
    with pytest.raises(InterpretError, match="rule is 'deconv'; it must be one of 'deconvnet'"):
        project(network, x, MIXED, "deconv")
    with pytest.raises(InterpretError, match="engine is 'fast'"):
        project(network, x, MIXED, engine="fast")
    with pytest.raises(InterpretError, match=r"Images must be a float tensor \(n, 3, height, width\)"):
        project(network, x[0], MIXED)
    with pytest.raises(ModelError, match="Layer '11' has no windows"):
        project(network, x, [Neuron(0, "11", 0)], engine="windows")
    assert project(network, x, []).shape == (0, *network.input.shape)


@pytest.mark.parametrize("layer", ["2", "3"])
def test_a_nonlinearity_without_a_rule_may_be_refused_by_name(layer: str) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU6(), nn.Conv2d(4, 4, 3), nn.GELU())
    network = wrap(module, input_size=12)
    x, neuron = images(network), [Neuron(0, layer, 0, 2, 2)]
    with pytest.raises(ModelError, match=r"1: hardtanh \(nn.ReLU6\) has no deconvnet rule"):
        project(network, x, neuron, nonlinear="refuse")
    torch.testing.assert_close(
        project(network, x, neuron, nonlinear="gradient"), project(network, x, neuron, "gradient")
    )


def test_the_module_stays_as_it_was() -> None:
    network = small()
    network.module.train()
    network.module[5].eval()
    before = {name: value.clone() for name, value in network.module.state_dict().items()}
    modes = [part.training for part in network.module.modules()]
    x = images(network)
    project(network, x, MIXED)
    with pytest.raises(InterpretError):
        project(network, x, [*MIXED, Neuron(9, "4", 0)])
    assert modes == [part.training for part in network.module.modules()]
    assert all(torch.equal(before[name], value) for name, value in network.module.state_dict().items())
    assert all(parameter.grad is None for parameter in network.module.parameters())
    assert not any(part._forward_hooks or part._backward_hooks for part in network.module.modules())
