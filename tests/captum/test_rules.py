"""DeepLIFT and relevance propagation on networks that Captum refuses, or where it has no rule."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
import torchvision
from captum import attr
from torch import Tensor, nn

from interpret import StepError, load_probe, wrap
from interpret.network import Network
from interpret_captum.pixels import colour_image

sys.path.insert(0, str(Path(__file__).parent))
from small_probes import NETWORK, ONE, X, ask, equal, of_seed, resnet

IMAGES = of_seed(3, 2, 1, 9, 9)
RESCALED = ["captum.deep_lift", "captum.deep_lift_shap", "captum.layer_deep_lift"]
RELEVANT = ["captum.lrp", "captum.layer_lrp"]


class Chain(nn.Module):
    """Two blocks with one ReLU for both, two, or a function."""

    def __init__(self, relu: str, act: nn.Module | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3)
        self.act = act or nn.ReLU()
        self.other = self.act if relu == "one" else nn.ReLU()
        self.function, self.pool, self.last = relu == "function", nn.MaxPool2d(2), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        x = self.second(F.relu(x) if self.function else self.act(x))
        return self.last(self.pool(F.relu(x) if self.function else self.other(x)).flatten(1))


def chain(relu: str, act: nn.Module | None = None) -> Network:
    return wrap(Chain(relu, act).double(), **ONE)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


@pytest.mark.parametrize("probe", [*RESCALED, *RELEVANT])
def test_a_module_that_is_called_twice_is_as_two_modules(
    probe: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Captum itself refuses it, or in the case of relevance knows the last call only."""
    layer = {"layer": "second"} if "layer" in probe else {}
    found = ask(probe, chain("one"), IMAGES, target=1, **layer).maps
    equal(found, ask(probe, chain("two"), IMAGES, target=1, **layer).maps)
    assert not warnings(caplog)


@pytest.mark.parametrize("probe", ["captum.deep_lift", "captum.layer_deep_lift"])
def test_a_module_that_is_called_twice_may_be_asked_about(probe: str) -> None:
    found = ask(probe, chain("one"), IMAGES, layer="act:2").maps
    equal(found, ask(probe, chain("two"), IMAGES, layer="other").maps)


def test_deep_lift_on_a_residual_network_sums_to_what_the_image_adds() -> None:
    module = torchvision.models.resnet18(weights=None).double()  # each block calls its ReLU twice
    module.maxpool = nn.Identity()  # where windows overlap, Captum's rule for pools loses some
    network, images = wrap(module, input_size=(24, 20)), of_seed(2, 1, 3, 24, 20)
    found = ask("captum.deep_lift", network, images, target=281).maps.sum((1, 2, 3))
    grey = colour_image(network, 0.5)
    with torch.no_grad():
        gained = (network(images) - network(grey))[:, 281]
    torch.testing.assert_close(found, gained, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("probe", ["captum.deep_lift", "captum.deep_lift_shap"])
def test_deep_lift_sums_to_what_the_image_adds(probe: str, caplog: pytest.LogCaptureFixture) -> None:
    network = chain("one", nn.Tanh())
    baselines = [colour_image(network, grey) for grey in ((0.0, 0.5, 1.0) if "shap" in probe else (0.5,))]
    with torch.no_grad():
        below = torch.stack([network(baseline)[0, 1] for baseline in baselines]).mean()
        gained = network(IMAGES)[:, 1] - below
    found = ask(probe, network, IMAGES, target=1).maps.sum((1, 2, 3))
    torch.testing.assert_close(found, gained, rtol=1e-9, atol=1e-9)
    assert not warnings(caplog)


def test_deep_lift_says_where_windows_overlap(caplog: pytest.LogCaptureFixture) -> None:
    found = ask("captum.deep_lift", target=1).maps.sum((1, 2, 3))
    assert "do not add up to what the image adds: pool." in warnings(caplog)[0]
    with torch.no_grad():
        gained = (NETWORK(X) - NETWORK(colour_image(NETWORK, 0.5)))[:, 1]
    assert float(((found - gained) / gained).abs().max()) > 0.5  # so there is something to say


def test_deep_lift_says_where_it_has_it_has_no_rule(caplog: pytest.LogCaptureFixture) -> None:
    found = ask("captum.deep_lift", chain("function"), IMAGES, target=1).maps
    (message,) = warnings(caplog)
    assert "Chain has other nonlinearities" in message
    assert "2 x relu" in message
    right = ask("captum.deep_lift", chain("two"), IMAGES, target=1).maps
    assert (found - right).abs().max() > 0.01 * right.abs().max()  # so there is something to say
    equal(ask("captum.deep_lift", chain("two"), IMAGES, target=1).maps, right)  # the cure
    assert len(warnings(caplog)) == 1


@pytest.mark.parametrize("probe", RELEVANT)
def test_relevance_names_the_module_without_a_rule(probe: str) -> None:
    network = chain("two", nn.GELU())
    with pytest.raises(StepError, match=r"no rule for 'act' \(GELU\).*captum.input_x_gradient"):
        ask(probe, network, IMAGES)
    assert ask("captum.input_x_gradient", network, IMAGES).maps.isfinite().all()  # the cure


def test_relevance_says_where_it_is_not_kept(caplog: pytest.LogCaptureFixture) -> None:
    ask("captum.lrp", resnet(), of_seed(2, 1, 3, 48, 40), target=281)
    (message,) = warnings(caplog)
    assert "8 x add" in message
    assert "Addition_Module" in message


@pytest.mark.parametrize("rule", ["epsilon", "gamma", "alpha1_beta0"])
def test_relevance_leaves_the_weights_alone(rule: str) -> None:
    network = chain("two")
    before = [item.clone() for item in network.module.parameters()]
    versions = [item._version for item in network.module.parameters()]
    ask("captum.lrp", network, IMAGES, rule=rule)
    assert [item._version for item in network.module.parameters()] == versions
    for item, other in zip(network.module.parameters(), before, strict=True):
        assert torch.equal(item, other)


def test_relevance_by_the_gamma_rule() -> None:
    """Montavon et al. 2019: positive weights count 1.25 times, in what is passed on and in the sums."""
    parts = nn.Sequential(nn.Flatten(), nn.Linear(81, 5), nn.ReLU(), nn.Linear(5, 3)).double()
    relevance, x = None, IMAGES.flatten(1)
    hidden = parts[1](x).relu().detach()
    for layer, given in ((parts[3], hidden), (parts[1], x)):
        assert isinstance(layer, nn.Linear)
        weight = layer.weight.detach() + 0.25 * layer.weight.detach().clamp(min=0)
        sums = given @ weight.T + layer.bias.detach()
        start = F.one_hot(torch.tensor([1, 1]), 3) * parts[3](hidden).detach()
        relevance = start if relevance is None else relevance
        relevance = given * ((relevance / sums) @ weight)
    assert relevance is not None
    found = ask("captum.lrp", wrap(parts, **ONE), IMAGES, rule="gamma", target=1).maps
    equal(found.flatten(1), relevance.detach(), 1e-6)  # Captum steadies its divisions by 1e-9


def test_the_layer_of_relevance_has_a_rule() -> None:
    with pytest.raises(StepError, match=r"'act' is none of the modules.*such as 'second'"):
        ask("captum.layer_lrp", chain("two"), IMAGES, layer="act")
    by_default = ask("captum.layer_lrp", chain("two"), IMAGES, target=1).maps
    equal(by_default, ask("captum.layer_lrp", chain("two"), IMAGES, target=1, layer="second").maps)


class Blind(nn.Module):
    """A network that no gradient goes through."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(81, 3)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return self.fc(x.flatten(1))


def test_what_captum_raises_is_told_with_its_cause() -> None:
    network = wrap(Blind().double(), **ONE)
    message = r"cannot answer captum.saliency on Blind: .*occlusion and rise"
    with pytest.raises(StepError, match=message) as caught:
        load_probe("captum.saliency").run(network, list(IMAGES))
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert load_probe("rise", masks=20).run(network, list(IMAGES)).maps.isfinite().all()  # the cure


@pytest.mark.filterwarnings(r"ignore::UserWarning:captum\.")
def test_deep_lift_asks_about_one_image_at_a_time() -> None:
    """Where an image equals the baseline below a pool, Captum takes the first image's gradient for all."""
    torch.manual_seed(0)
    edges = nn.Conv2d(1, 1, (1, 2), bias=False)
    edges.weight.data = torch.tensor([[[[1.0, -1.0]]]])  # nothing is seen in an image of one colour
    module = nn.Sequential(edges, nn.MaxPool2d(2), nn.Sigmoid(), nn.Flatten(), nn.Linear(16, 3)).double()
    images = torch.stack([IMAGES[0], torch.full((1, 9, 9), 0.7).double()])
    grey = torch.zeros(1, 1, 9, 9).double()
    right, mixed = (
        attr.DeepLift(module).attribute(x.clone().requires_grad_(), grey, target=1).detach()
        for x in (images[1:], images)
    )
    assert float((mixed[1:] - right).abs().max()) > 0.05 * float(right.abs().max())
    found = ask("captum.deep_lift", wrap(module, **ONE), images, target=1).maps
    equal(found[1:], right)
