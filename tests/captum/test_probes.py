"""Captum's methods as probes: equal to ours, and to slow references written from their definitions."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from interpret import InterpretError, ModelError, StepError, UnknownNameError, load_probe, wrap
from interpret.attributions import Attributions
from interpret.errors import PluginError
from interpret.images import as_images
from interpret.network import Network
from interpret_captum.subject import copy_of

RULES = {
    "captum.saliency": "gradient",
    "captum.deconvolution": "deconvnet",
    "captum.guided_backprop": "guided",
}
CLASS, NEURON = {"target": 1}, {"layer": "conv2", "unit": 2, "position": [2, 1]}


def of_seed(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


class Small(nn.Module):
    """Like AlexNet: overlapping pools, ReLUs in place, two channels of an image that is not square."""

    def __init__(self, inplace: bool = True) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv1, self.relu1 = nn.Conv2d(2, 5, 3, padding=1), nn.ReLU(inplace)
        self.pool = nn.MaxPool2d(3, 2)
        self.conv2, self.relu2 = nn.Conv2d(5, 4, 3), nn.ReLU(inplace)
        self.drop, self.fc = nn.Dropout(), nn.Linear(4 * 4 * 3, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.relu1(self.conv1(x)))
        return self.fc(self.drop(self.relu2(self.conv2(x)).flatten(1)))


ONE: dict[str, Any] = {"input_size": 9, "mean": [0.5], "std": [0.5]}
SPEC: dict[str, Any] = {"mean": [0.4, 0.6], "std": [0.2, 0.3], "input_size": (13, 11)}
NETWORK = wrap(Small().double(), **SPEC, categories=["cat", "dog", "owl"])
X = of_seed(1, 3, 2, 13, 11)
IMAGES = as_images(X)


@cache
def resnet() -> Network:
    torch.manual_seed(0)
    module = torchvision.models.resnet18(weights=None).double()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 2.0)
    return wrap(module, input_size=(48, 40))


def ask(probe: str, network: Network = NETWORK, images: Any = IMAGES, **parameters: Any) -> Attributions:
    found = load_probe(probe, **parameters).run(network, images)
    assert isinstance(found, Attributions)
    assert found.method == probe
    return found


def equal(found: Tensor, right: Tensor, relative: float = 1e-9) -> None:
    peak = float(right.abs().max())
    assert peak > 0
    torch.testing.assert_close(found, right, rtol=0, atol=relative * peak)


def score(x: Tensor, question: dict[str, Any], module: nn.Module | None = None) -> Tensor:
    """What is asked about, by running the network and taking the value out."""
    module = (module or Small(inplace=False).double()).eval()
    if "target" in question:
        return module(x)[:, question["target"]]
    row, column = question["position"]
    maps = module.conv2(module.pool(module.relu1(module.conv1(x))))  # type: ignore[operator, union-attr]
    return maps[:, question["unit"], row, column]  # type: ignore[no-any-return]


def gradient(x: Tensor, question: dict[str, Any]) -> Tensor:
    x = x.clone().requires_grad_()
    return torch.autograd.grad(score(x, question).sum(), x)[0]


def coloured(fill: list[float]) -> Tensor:
    pixels, mean, std = (
        torch.tensor(values, dtype=torch.float64)[:, None, None] for values in (fill, [0.4, 0.6], [0.2, 0.3])
    )
    return ((pixels - mean) / std).expand(2, 13, 11)


@pytest.mark.parametrize("probe", list(RULES))
@pytest.mark.parametrize("question", [CLASS, NEURON, {"layer": "relu2"}, {"layer": "fc", "unit": 0}, {}])
def test_equal_to_ours_on_a_small_alexnet(probe: str, question: dict[str, Any]) -> None:
    theirs, ours = ask(probe, **question), ask("project", rule=RULES[probe], **question)
    equal(theirs.maps, ours.maps)
    for name in ("image", "target", "position", "score"):
        torch.testing.assert_close(getattr(theirs, name), getattr(ours, name))
    assert (theirs.ids, theirs.layer) == (ours.ids, ours.layer)


@pytest.mark.parametrize("probe", list(RULES))
@pytest.mark.parametrize(
    "question", [{"target": 281}, {"layer": "layer3.1.conv2"}, {"layer": "layer1", "unit": 5}]
)
def test_equal_to_ours_on_resnet18(probe: str, question: dict[str, Any]) -> None:
    images = of_seed(2, 2, 3, 48, 40)
    theirs = ask(probe, resnet(), images, **question)
    equal(theirs.maps, ask("project", resnet(), images, rule=RULES[probe], **question).maps)


def test_saliency_is_signed_unless_magnitudes_are_asked_for() -> None:
    for question in (CLASS, NEURON):
        signed = ask("captum.saliency", **question).maps
        equal(signed, gradient(X, question))
        assert signed.min() < 0
        equal(ask("captum.saliency", abs=True, **question).maps, signed.abs())


@pytest.mark.parametrize("question", [CLASS, NEURON])
def test_input_x_gradient_is_the_product(question: dict[str, Any]) -> None:
    equal(ask("captum.input_x_gradient", **question).maps, X * gradient(X, question))


@pytest.mark.parametrize("question", [CLASS, NEURON])
@pytest.mark.parametrize("batch", [1, 7, 100])
def test_integrated_gradients_are_a_sum_along_the_way(question: dict[str, Any], batch: int) -> None:
    start, total = coloured([0.2, 0.9]), torch.zeros_like(X)
    points, weights = np.polynomial.legendre.leggauss(9)
    for point, weight in zip(points, weights, strict=True):
        total += gradient(start + (point + 1) / 2 * (X - start), question) * weight / 2
    options = {"steps": 9, "baseline": [0.2, 0.9], "internal_batch_size": batch}
    found = ask("captum.integrated_gradients", **options, **question)
    equal(found.maps, total * (X - start), 1e-6)  # Captum keeps the weights in float32


@pytest.mark.parametrize("question", [CLASS, NEURON])
def test_integrated_gradients_sum_to_what_the_image_adds_to_grey(question: dict[str, Any]) -> None:
    found = ask("captum.integrated_gradients", steps=500, **question).maps.sum((1, 2, 3))
    gained = score(X, question) - score(coloured([0.5, 0.5])[None], question)
    torch.testing.assert_close(found, gained.detach(), rtol=0.02, atol=1e-3)


def covered(question: dict[str, Any], fill: Tensor, rows: slice, columns: slice) -> Tensor:
    """What the answer loses where a rectangle is covered."""
    x = X.clone()
    x[:, :, rows, columns] = fill[:, rows, columns]
    with torch.no_grad():
        return score(X, question) - score(x, question)


@pytest.mark.parametrize("question", [CLASS, NEURON])
@pytest.mark.parametrize(("window", "stride", "at_once"), [(4, 3, 1), (5, 2, 3), (11, 11, 8), (3, 3, 50)])
def test_occlusion_covers_square_after_square(
    question: dict[str, Any], window: int, stride: int, at_once: int
) -> None:
    total, weight = torch.zeros_like(X), torch.zeros(13, 11)
    for top in range(0, 13 - window + stride, stride):
        for left in range(0, 11 - window + stride, stride):
            square = (slice(top, top + window), slice(left, left + window))  # the last are cut at the border
            total[:, :, *square] += covered(question, coloured([0.5, 0.5]), *square)[:, None, None, None]
            weight[square] += 1
    options = {"window": window, "stride": stride, "perturbations_per_eval": at_once, "batch_size": 2}
    found = ask("captum.occlusion", **options, **question)
    equal(found.maps, total / weight, 1e-6)  # Captum divides in float32


@pytest.mark.parametrize("question", [CLASS, NEURON])
@pytest.mark.parametrize("patch", [4, 11])
def test_feature_ablation_covers_the_squares_of_a_grid(question: dict[str, Any], patch: int) -> None:
    right = torch.zeros_like(X)
    for top in range(0, 13, patch):
        for left in range(0, 11, patch):
            square = (slice(top, top + patch), slice(left, left + patch))
            right[:, :, *square] = covered(question, coloured([0, 1]), *square)[:, None, None, None]
    equal(ask("captum.feature_ablation", patch=patch, fill=[0.0, 1.0], **question).maps, right)


def cam(x: Tensor, target: int, relu: bool, mode: str) -> Tensor:
    """Grad-CAM of conv2 (Selvaraju et al. 2017), scaled up."""
    module = Small(inplace=False).double().eval()
    maps = module.conv2(module.pool(module.relu1(module.conv1(x)))).detach().requires_grad_()
    logits = module.fc(module.relu2(maps).flatten(1))
    (weights,) = torch.autograd.grad(logits[:, target].sum(), maps)
    found = (weights.mean((2, 3), keepdim=True) * maps).sum(1, keepdim=True)
    return F.interpolate(found.relu() if relu else found, x.shape[2:], mode=mode).detach()


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_grad_cam_is_shared_by_the_channels(relu: bool, mode: str) -> None:
    found = ask("captum.layer_grad_cam", layer="conv2", target="dog", relu=relu, upsampling=mode).maps
    equal(found.sum(1, keepdim=True), cam(X, 1, relu, mode))
    assert torch.equal(found[:, 0], found[:, 1])
    assert (found.min() < 0) != relu


def test_guided_grad_cam_is_guided_backpropagation_times_the_map() -> None:
    found = ask("captum.guided_grad_cam", layer="conv2", target=1).maps
    equal(found, ask("project", rule="guided", target=1).maps * cam(X, 1, True, "bilinear"))


def test_grad_cam_weighs_the_last_maps_by_default() -> None:
    equal(ask("captum.layer_grad_cam").maps, ask("captum.layer_grad_cam", layer="relu2").maps)
    images = of_seed(2, 1, 3, 48, 40)
    last = ask("captum.layer_grad_cam", resnet(), images, layer="layer4")
    equal(ask("captum.layer_grad_cam", resnet(), images).maps, last.maps)


METHODS = [*RULES, "captum.input_x_gradient", "captum.integrated_gradients"]
COVERING = ["captum.occlusion", "captum.feature_ablation"]
EVERY = [*METHODS, *COVERING, "captum.layer_grad_cam", "captum.guided_grad_cam"]
FITTING: dict[str, dict[str, Any]] = {
    "captum.occlusion": {"window": 5, "stride": 3},
    "captum.feature_ablation": {"patch": 5},
    "captum.guided_grad_cam": {"layer": "conv1"},  # at the last maps nothing speaks for one of the classes
}


@pytest.mark.parametrize("probe", EVERY)
def test_images_of_a_batch_do_not_mix(probe: str) -> None:
    whole = ask(probe, **FITTING.get(probe, {}))
    assert len(set(whole.target.tolist())) > 1
    for i in range(3):
        alone = ask(probe, images=IMAGES.subset([i]), **FITTING.get(probe, {}))
        equal(whole.maps[i : i + 1], alone.maps, 1e-6)


@pytest.mark.parametrize("probe", EVERY)
def test_float32_stays_near_float64(probe: str) -> None:
    single = wrap(Small(), **SPEC)
    found = ask(probe, single, X.float(), **FITTING.get(probe, {})).maps
    assert found.dtype == torch.float32
    equal(found.double(), ask(probe, **FITTING.get(probe, {})).maps, 1e-4)


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
        assert (record.name, record.levelno) == ("interpret_captum.subject", logging.WARNING)
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


def test_a_module_that_cannot_be_copied_is_refused() -> None:
    class Held(nn.Sequential):
        def __deepcopy__(self, memo: Any) -> nn.Module:
            raise TypeError("cannot pickle 'generator' object")

    network = wrap(Held(nn.Flatten(), nn.Linear(81, 2)), **ONE)
    with pytest.raises(ModelError, match=r"Held cannot be copied.*cannot pickle 'generator'"):
        ask("captum.saliency", network, torch.rand(1, 1, 9, 9))
