"""Captum's methods as probes: equal to ours, and to slow references written from their definitions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from interpret import wrap
from interpret_captum.layers import map_layer

sys.path.insert(0, str(Path(__file__).parent))
from small_probes import (
    EVERY,
    FITTING,
    IMAGES,
    NETWORK,
    ONE,
    RULES,
    SPEC,
    Small,
    X,
    ask,
    equal,
    of_seed,
    resnet,
    squeezenet,
)

SLOW = pytest.mark.slow
CLASS, NEURON = {"target": 1}, {"layer": "conv2", "unit": 2, "position": [2, 1]}


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
    "question",
    [{"target": 281}, {"layer": "layer1", "unit": 5}, pytest.param({"layer": "layer3.1.conv2"}, marks=SLOW)],
)
def test_equal_to_ours_on_resnet18(probe: str, question: dict[str, Any]) -> None:
    images = of_seed(2, 2, 3, 48, 40)
    theirs = ask(probe, resnet(), images, **question)
    equal(theirs.maps, ask("project", resnet(), images, rule=RULES[probe], **question).maps)


@pytest.mark.parametrize("probe", list(RULES))
@pytest.mark.parametrize("question", [{"target": 281}, {"layer": "features.6"}])
def test_equal_to_ours_on_squeezenet(probe: str, question: dict[str, Any]) -> None:
    images = of_seed(2, 2, 3, 48, 40)
    theirs = ask(probe, squeezenet(), images, **question)
    equal(theirs.maps, ask("project", squeezenet(), images, rule=RULES[probe], **question).maps)


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


def test_grad_cam_weighs_maps_of_the_last_convolution_s_size_by_default() -> None:
    assert map_layer(NETWORK, None) == "relu2"
    assert map_layer(resnet(), None) == "layer4"
    parts = [nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(2, 2, 3), nn.AdaptiveAvgPool2d(1)]
    assert map_layer(wrap(nn.Sequential(*parts), **ONE), None) == "1"  # the second convolution gives 1 x 1
    assert map_layer(wrap(nn.Sequential(nn.ReLU(), nn.AvgPool2d(2), nn.Flatten()), **ONE), None) == "1"
    equal(ask("captum.layer_grad_cam").maps, ask("captum.layer_grad_cam", layer="relu2").maps)


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
