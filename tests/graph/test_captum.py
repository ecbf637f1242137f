"""Beside Captum: equal where Captum is right, and right where it is not."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache

import pytest
import torch
import torch.nn.functional as F
import torchvision
from captum.attr import NeuronDeconvolution, NeuronGradient, NeuronGuidedBackprop
from torch import Tensor, nn

from interpret.graph import Graph, Rules, save_forward, seed_signals, top_down, trace

CAPTUM = {"deconvnet": NeuronDeconvolution, "gradient": NeuronGradient, "guided": NeuronGuidedBackprop}
Project = Callable[[nn.Module, str, Tensor, Tensor, Rules], Tensor]


def neuron(graph: Graph, x: Tensor, layer: str, place: tuple[int, ...], rule: str) -> Tensor:
    node = graph.layer(layer)
    channel, y, column = (torch.full((len(x),), at) for at in (*place, 0, 0)[:3])
    signal = seed_signals(node, channel, y, column, torch.ones(len(x), dtype=x.dtype))
    return top_down(save_forward(graph, x, [node], Rules(rule)), node, signal, range(len(x)))  # type: ignore[arg-type]


def captums(module: nn.Module, x: Tensor, layer: str, place: tuple[int, ...], rule: str) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it announces its hooks
        attributed = CAPTUM[rule](module, module.get_submodule(layer)).attribute(
            x.clone().requires_grad_(), place
        )
    assert isinstance(attributed, Tensor)
    return attributed.detach()


@cache
def plain(name: str) -> tuple[nn.Module, Graph]:
    """A torchvision network whose ReLUs do not work in place, as Captum needs them."""
    torch.manual_seed(0)
    module = getattr(torchvision.models, name)(weights=None).double().eval()
    for submodule in module.modules():
        if isinstance(submodule, nn.ReLU):
            submodule.inplace = False
        if isinstance(submodule, nn.BatchNorm2d):
            submodule.running_mean.normal_(0, 0.1)
            submodule.running_var.uniform_(0.5, 2.0)
    return module, trace(module, (3, 79, 64))


QUESTIONS = [
    ("alexnet", "features.3", (7, 3, 2)),
    ("alexnet", "features.10", (5, 0, 2)),
    ("alexnet", "classifier.6", (281,)),
    ("resnet18", "layer1.1.conv2", (9, 0, 5)),
    ("resnet18", "layer3.1.bn2", (17, 4, 3)),
    ("resnet18", "fc", (3,)),
]


@pytest.mark.parametrize("rule", list(CAPTUM))
@pytest.mark.parametrize(("name", "layer", "place"), QUESTIONS)
def test_equal_on_alexnet_and_resnet18(name: str, layer: str, place: tuple[int, ...], rule: str) -> None:
    module, graph = plain(name)
    torch.manual_seed(1)
    x = torch.randn(2, 3, 79, 64, dtype=torch.float64)
    theirs = captums(module, x, layer, place, rule)
    assert theirs.abs().max() > 0
    ours = neuron(graph, x, layer, place, rule)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9 * float(theirs.abs().max()))


class Functional(nn.Module):
    """A ReLU that is a function and no module."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 2, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(F.relu(self.first(x)))


class PreActivation(nn.Module):
    """The tensor before the ReLU goes round it as well."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.act, self.conv = nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 1)
        self.second = nn.Conv2d(4, 2, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        return self.second(x + self.conv(self.act(x)))


@pytest.mark.parametrize("kind", [Functional, PreActivation])
def test_right_where_captum_is_not(kind: type[nn.Module], by_autograd: Project) -> None:
    torch.manual_seed(0)
    module, x = kind().double().eval(), torch.randn(2, 1, 9, 9, dtype=torch.float64)
    signal = torch.zeros(2, 2, 5, 5, dtype=torch.float64)
    signal[:, 1, 2, 3] = 1
    right = by_autograd(module, "second", x, signal, Rules())
    ours = neuron(trace(module, (1, 9, 9)), x, "second", (1, 2, 3), "deconvnet")
    theirs = captums(module, x, "second", (1, 2, 3), "deconvnet")
    torch.testing.assert_close(ours, right, rtol=0, atol=1e-12)
    assert (theirs - right).abs().max() > 0.05 * right.abs().max()


@pytest.mark.parametrize("rule", ["deconvnet", "guided", "gradient"])
def test_pixels_that_are_no_numbers_stop_no_more_of_a_signal_than_in_autograd(rule: str) -> None:
    torch.manual_seed(0)
    parts = [nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3), nn.ReLU()]
    module = nn.Sequential(*parts).double().eval()
    x = torch.randn(1, 1, 12, 12, dtype=torch.float64)
    x[..., 3] = torch.nan
    found = neuron(trace(module, (1, 12, 12)), x, "4", (2, 1, 1), rule)
    torch.testing.assert_close(found, captums(module, x, "4", (2, 1, 1), rule), equal_nan=True)
    assert bool(found.nan_to_num().any())
