"""Units that are never positive, of layers with and without a ReLU: only the first are dead."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from interpret.images import Images, as_images
from interpret.network import Network, wrap
from interpret_captum.projections import NeuronDeconvolution
from interpret_deconv import Deconv
from interpret_deconv.renderers.feature_grid import FeatureGrid
from interpret_deconv.signed import before_relu, ends_in_activation, signed_layers
from interpret_figures.photographs import Photographs
from interpret_topk import mine


def network_of(*behind: Callable[[], nn.Module]) -> Network:
    """A convolution whose unit 1 is below zero everywhere, and what is behind it."""
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3), *(part() for part in behind), nn.Flatten(), nn.Linear(4 * 36, 2)
    )
    with torch.no_grad():
        module[0].weight[1], module[0].bias[1] = 0.0, -1.0  # type: ignore[index, operator]
    return wrap(module.eval(), input_size=8)


@pytest.fixture(scope="module")
def images() -> Images:
    return as_images([torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(i)) for i in range(5)])


@pytest.mark.parametrize(
    ("behind", "layer", "signed"),
    [
        ([nn.ReLU], "1", False),
        ([nn.ReLU], "0", False),
        ([nn.ReLU6], "0", False),
        ([lambda: nn.Hardtanh(0, 2)], "0", False),
        ([lambda: nn.Threshold(0, 0)], "0", False),
        ([nn.Hardtanh], "0", True),
        ([nn.Sigmoid], "0", True),
        ([lambda: nn.BatchNorm2d(4), nn.ReLU], "0", True),
        ([lambda: nn.BatchNorm2d(4), nn.ReLU], "1", False),
        ([nn.GELU], "0", True),
        ([nn.GELU], "1", True),
        ([nn.LeakyReLU], "1", True),
        ([], "0", True),
    ],
)
def test_only_values_that_go_on_below_zero_are_signed(
    images: Images, behind: list[Callable[[], nn.Module]], layer: str, *, signed: bool
) -> None:
    network = network_of(*behind)
    found = mine(network, images, [layer], k=2)
    assert bool(found[layer].dead[1])
    assert signed_layers(network, found, [layer]) == ((layer,) if signed else ())
    assert Deconv().run(network, images, found).signed == ((layer,) if signed else ())
    assert NeuronDeconvolution().run(network, images, found).signed == ((layer,) if signed else ())


def test_what_a_relu_and_something_else_read_is_signed(images: Images) -> None:
    class Skip(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + F.relu(x)

    network = network_of(Skip)
    assert not before_relu(network, "0")
    assert signed_layers(network, mine(network, images, ["0"], k=1), ["0"]) == ("0",)


def test_an_output_is_signed_though_a_relu_reads_it_too() -> None:
    network = wrap(nn.Sequential(nn.Flatten(), nn.Linear(12, 3)).eval(), input_size=2)
    assert not before_relu(network, "1")


@pytest.mark.parametrize(
    ("behind", "layer", "activation"),
    [([nn.GELU], "1", True), ([nn.GELU], "0", False), ([nn.SiLU], "1", True)],
)
def test_activations_are_known(
    behind: list[Callable[[], nn.Module]], layer: str, *, activation: bool
) -> None:
    assert ends_in_activation(network_of(*behind), layer) == activation


@pytest.mark.parametrize(("behind", "words"), [([nn.ReLU], "never active"), ([nn.GELU], "never positive")])
def test_the_grid_says_what_is_true(
    images: Images, behind: list[Callable[[], nn.Module]], words: str
) -> None:
    network = network_of(*behind)
    result = Deconv().run(network, images, mine(network, images, ["1"], k=2))
    (page,) = FeatureGrid()._pages(result, "1", Photographs(images, result.ids, result.input))
    said = [label.text for label in page.labels]
    assert words in said
    assert any(text.startswith(f"4 units, 1 {words}  ·") for text in said)


def test_results_of_before_are_those_of_relus(made: SimpleNamespace) -> None:
    assert made.projections(conv=made.layer()).signed == ()
