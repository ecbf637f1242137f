"""What Captum's probes do to modules, where they differ from ours, and what they refuse."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from interpret import InterpretError, ModelError, StepError, UnknownNameError, load_probe, wrap
from interpret.errors import PluginError
from interpret.network import Network
from interpret_captum.copies import copy_of

sys.path.insert(0, str(Path(__file__).parent))
from small_probes import COVERING, FITTING, METHODS, ONE, RULES, SPEC, Small, ask, equal, of_seed, resnet


@pytest.mark.parametrize("probe", METHODS)
def test_a_module_that_works_in_place_is_left_as_it_is(probe: str) -> None:
    module = Small().double().train()
    module.fc.weight.requires_grad_(False)
    found = ask(probe, wrap(module, **SPEC), target=1).maps
    equal(found, ask(probe, wrap(Small(inplace=False).double(), **SPEC), target=1).maps)
    assert module.relu1.inplace
    assert module.relu2.inplace
    assert module.training
    assert [item.requires_grad for item in module.parameters()] == [True] * 4 + [False, True]
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())


@pytest.mark.parametrize("probe", [*METHODS, *COVERING])
def test_a_network_that_overwrites_its_own_input_is_explained(probe: str) -> None:
    torch.manual_seed(0)
    first, images = [nn.ReLU(inplace=True), nn.ReLU()], of_seed(3, 2, 1, 9, 9)
    rest = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Sigmoid(), nn.ReLU(inplace=True), nn.Flatten())
    found = [
        ask(probe, wrap(nn.Sequential(relu, rest).double(), **ONE), images.clone(), **FITTING.get(probe, {}))
        for relu in first
    ]
    equal(found[0].maps, found[1].maps)
    assert torch.equal(found[0].score, found[1].score)


def test_the_copy_shares_the_weights() -> None:
    module = Small()
    copied = copy_of(wrap(module, **SPEC))
    for mine, other in zip(module.parameters(), copied.parameters(), strict=True):
        assert mine.data_ptr() == other.data_ptr()
        assert not other.requires_grad


class Functional(nn.Module):
    """A ReLU that is a function and no module."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 2, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(F.relu(self.first(x))).flatten(2).sum(2)


class PreActivation(nn.Module):
    """The tensor before the ReLU goes round it as well; in place, the tensor after it."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.act, self.conv = nn.Conv2d(1, 4, 3), nn.ReLU(inplace), nn.Conv2d(4, 4, 1)
        self.second = nn.Conv2d(4, 2, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        return self.second(x + self.conv(self.act(x))).flatten(2).sum(2)


def difference(network: Network, probe: str) -> float:
    """Largest difference between Captum and ours, as a share of the largest of ours."""
    images = of_seed(3, 4, 1, 9, 9)
    theirs = ask(probe, network, images, layer="second", unit=1, position=[2, 3]).maps
    ours = ask("project", network, images, layer="second", unit=1, position=[2, 3], rule=RULES[probe]).maps
    return float((theirs - ours).abs().max() / ours.abs().max())


def by_rewritten_relu(module: nn.Module, x: Tensor, monkeypatch: pytest.MonkeyPatch) -> Tensor:
    """The deconvnet by autograd: every ReLU, of whatever form, rectifies the signal and nothing else."""

    class Signal(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, value: Tensor) -> Tensor:
            return value.clamp(min=0)

        @staticmethod
        def backward(ctx: Any, signal: Tensor) -> Tensor:  # type: ignore[override]
            return signal.clamp(min=0)

    seen = []
    handle = module.second.register_forward_hook(lambda *given: seen.append(given[-1]))  # type: ignore[operator, union-attr]
    x = x.clone().requires_grad_()
    with monkeypatch.context() as patch:
        patch.setattr(F, "relu", lambda value, inplace=False: Signal.apply(value))
        module(x)
    handle.remove()
    return torch.autograd.grad(seen[0][:, 1, 2, 3].sum(), x)[0]


@pytest.mark.parametrize(("kind", "share"), [(Functional, 0.908), (PreActivation, 1.244)])
def test_where_captums_deconvnet_differs_ours_is_the_definition(
    kind: type[nn.Module], share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, images = kind().double(), of_seed(3, 4, 1, 9, 9)
    network = wrap(module, **ONE)
    ours = ask("project", network, images, layer="second", unit=1, position=[2, 3]).maps
    equal(ours, by_rewritten_relu(module, images, monkeypatch))
    assert difference(network, "captum.deconvolution") == pytest.approx(share, rel=0.001)
    assert difference(network, "captum.saliency") < 1e-12


def test_response_norms_pass_the_signal_in_ours_and_their_gradient_in_captums() -> None:
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 6, 3), nn.ReLU(), nn.LocalResponseNorm(5, alpha=1.0), nn.Conv2d(6, 2, 3)]
    network = wrap(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten()).double(), **ONE)
    images = of_seed(3, 4, 1, 9, 9)
    theirs = ask("captum.deconvolution", network, images, target=1).maps
    equal(ask("project", network, images, target=1, lrn="gradient").maps, theirs)
    ours = ask("project", network, images, target=1).maps
    assert float((theirs - ours).abs().max() / ours.abs().max()) == pytest.approx(0.274, rel=0.01)
    guided = ask("captum.guided_backprop", network, images, target=1).maps
    equal(ask("project", network, images, target=1, rule="guided").maps, guided)


def test_a_relu_that_means_to_work_in_place_stays_so() -> None:
    """Out of place the network would be another one; Captum's hooks make it that one all the same."""
    network, images = wrap(PreActivation(inplace=True).double(), **ONE), of_seed(3, 4, 1, 9, 9)
    x = images.clone().requires_grad_()
    (right,) = torch.autograd.grad(network.module(x)[:, 1].sum(), x)
    equal(ask("captum.saliency", network, images, target=1).maps, right)
    equal(ask("project", network, images, target=1, rule="gradient").maps, right)
    guided = ask("captum.guided_backprop", network, images, target=1).maps
    ours = ask("project", network, images, target=1, rule="guided").maps
    elsewhere = wrap(PreActivation(inplace=False).double(), **ONE)
    equal(guided, ask("captum.guided_backprop", elsewhere, images, target=1).maps)
    assert (guided - ours).abs().max() > 0.05 * ours.abs().max()


def test_a_functional_relu_leaves_captum_with_the_plain_gradient_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    network, images = wrap(Functional().double(), **ONE), of_seed(3, 4, 1, 9, 9)
    plain = ask("captum.saliency", network, images, target=0).maps
    assert not caplog.records
    for probe in ("captum.deconvolution", "captum.guided_backprop", "captum.guided_grad_cam"):
        caplog.clear()
        found = ask(probe, network, images, target=0).maps
        if probe != "captum.guided_grad_cam":
            equal(found, plain)
        (record,) = caplog.records
        assert (record.name, record.levelno) == ("interpret_captum.copies", logging.WARNING)
        assert "Functional has other nonlinearities" in record.getMessage()
        assert "plain gradient: 1 x relu." in record.getMessage()


def test_modules_of_relus_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    ask("captum.deconvolution")
    ask("captum.deconvolution", resnet(), of_seed(2, 1, 3, 48, 40))
    assert not caplog.records


def test_other_nonlinearities_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU6(), nn.SiLU(inplace=True), nn.ReLU(), nn.Flatten())
    ask("captum.guided_backprop", wrap(module, **ONE), torch.rand(1, 1, 9, 9))
    assert "1 x hardtanh, 1 x silu." in caplog.text


class Twice(nn.Module):
    """One module called twice."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.relu = nn.Conv2d(1, 1, 3, padding=1), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.conv(self.relu(self.conv(x)))).flatten(1)


@pytest.mark.parametrize("probe", list(RULES))
def test_of_a_module_that_is_called_twice_the_last_call_can_be_asked_about(probe: str) -> None:
    network, images = wrap(Twice().double(), **ONE), of_seed(3, 2, 1, 9, 9)
    last = ask(probe, network, images, layer="conv:2")
    equal(last.maps, ask("project", network, images, layer="conv:2", rule=RULES[probe]).maps)
    equal(ask(probe, network, images, layer="conv").maps, last.maps)
    with pytest.raises(ModelError, match=r"'conv' is called 2 times.*ask about 'conv:2'"):
        ask(probe, network, images, layer="conv:1")


@pytest.mark.parametrize("probe", [*METHODS, *COVERING])
def test_what_the_network_does_not_have_is_refused(probe: str) -> None:
    fitting = FITTING.get(probe, {})
    with pytest.raises(UnknownNameError, match="Did you mean 'conv2'"):
        ask(probe, layer="conv3", **fitting)
    with pytest.raises(InterpretError, match="'conv2' has no unit 4: it has 4, 0 to 3"):
        ask(probe, layer="conv2", unit=4, **fitting)
    with pytest.raises(InterpretError, match="no class 3"):
        ask(probe, target=3, **fitting)
    with pytest.raises(UnknownNameError, match="Did you mean 'owl'"):
        ask(probe, target="owls", **fitting)


@pytest.mark.parametrize(
    ("probe", "parameters", "message"),
    [
        ("captum.occlusion", {"stride": 0}, "'stride' must be greater than or equal to 1"),
        ("captum.occlusion", {"window": 0}, "'window' must be greater than or equal to 1"),
        ("captum.occlusion", {"window": 4, "stride": 5}, "'stride' must be at most 'window', 4. Got 5"),
        ("captum.occlusion", {"fill": 128}, "'fill' .*from 0 \\(black\\) to 1 \\(white\\)"),
        ("captum.feature_ablation", {"fill": [0.1, -0.1]}, "'fill' .*from 0"),
        ("captum.integrated_gradients", {"baseline": []}, "'baseline' .*from 0"),
        ("captum.integrated_gradients", {"steps": 0}, "'steps' must be"),
    ],
)
def test_parameters_are_checked_before_anything_runs(
    probe: str, parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(PluginError, match=message):
        load_probe(probe, **parameters)


def test_what_does_not_fit_the_image_is_refused() -> None:
    with pytest.raises(StepError, match=r"window of 12 x 12 pixels does not fit.* 13 x 11"):
        ask("captum.occlusion", window=12, stride=4)
    with pytest.raises(StepError, match="patch of 12 x 12 pixels does not fit"):
        ask("captum.feature_ablation", patch=12)
    with pytest.raises(StepError, match="3 values are given for a colour, but the network takes 2"):
        ask("captum.occlusion", window=4, stride=4, fill=[0.1, 0.2, 0.3])
    with pytest.raises(StepError, match="'fc' gives values of shape \\(3,\\)"):
        ask("captum.layer_grad_cam", layer="fc")
    flat = wrap(nn.Sequential(nn.Flatten(), nn.Linear(81, 2)), **ONE)
    with pytest.raises(StepError, match="No layer gives maps"):
        ask("captum.guided_grad_cam", flat, torch.rand(1, 1, 9, 9))


def test_a_module_that_refuses_to_be_copied_is_answered_for() -> None:
    class Held(nn.Sequential):
        def __deepcopy__(self, memo: Any) -> nn.Module:
            raise TypeError("cannot pickle 'generator' object")

    network = wrap(Held(nn.Flatten(), nn.Linear(81, 2)), **ONE)
    found = ask("captum.saliency", network, torch.rand(1, 1, 9, 9), target=1).maps
    equal(found, network.module[1].weight[1].detach().reshape(1, 1, 9, 9))
