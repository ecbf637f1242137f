"""Every row of the table gives what Captum gives when it is called by hand."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from captum import attr
from captum._utils.models.linear_model import SkLearnLasso
from captum.attr._utils import lrp_rules
from torch import Tensor, nn

from interpret import StepError, load_probe, wrap
from interpret.attributing import NeuronAttribution
from interpret.errors import PluginError
from interpret_captum import TABLE

sys.path.insert(0, str(Path(__file__).parent))
from small_probes import IMAGES, NETWORK, ONE, SPEC, Small, X, ask, equal, of_seed

pytestmark = pytest.mark.filterwarnings(r"ignore::UserWarning:captum\.")
CLASSES = torch.tensor([2, 0, 1])
NEURON: dict[str, Any] = {"layer": "conv2", "unit": 2, "position": [2, 1]}
PLACE = (2, 2, 1)
Answer = Callable[[nn.Module, Tensor, Any], Tensor]


def colour(*values: float) -> Tensor:
    """An image of one colour, as the network takes it."""
    pixels, mean, std = (torch.tensor(item, dtype=torch.float64) for item in (values, [0.4, 0.6], [0.2, 0.3]))
    return ((pixels - mean) / std)[None, :, None, None].expand(1, 2, 13, 11).clone()


GREY = colour(0.5, 0.5)
THREE = torch.cat([colour(0, 0), colour(0.5, 0.5), colour(1, 1)])
SQUARES = ((torch.arange(13) // 5)[:, None] * 3 + torch.arange(11) // 5).repeat(1, 2, 1, 1)
WAY = {"baselines": GREY, "n_steps": 9, "internal_batch_size": 32}
COVERED = {"baselines": GREY, "perturbations_per_eval": 8}
WINDOW = {"sliding_window_shapes": (2, 5, 5), "strides": (2, 3, 3)}
MASKED = {**COVERED, "feature_mask": SQUARES}
STEPS, PATCH = {"steps": 9}, {"patch": 5}

PARAMETERS: dict[str, dict[str, Any]] = {
    "captum.integrated_gradients": STEPS,
    "captum.occlusion": {"window": 5, "stride": 3},
    "captum.feature_ablation": PATCH,
    "captum.shapley_value_sampling": {**PATCH, "samples": 4},
    "captum.kernel_shap": {**PATCH, "samples": 20},
    "captum.lime": {**PATCH, "samples": 30, "alpha": 0.0001},
    "captum.guided_grad_cam": {"layer": "conv1"},
    "captum.internal_influence": STEPS,
    "captum.layer_conductance": STEPS,
    "captum.layer_integrated_gradients": STEPS,
}
"""Of the rows that the defaults do not fit or would keep busy."""


def alone(answer: Answer) -> Answer:
    """The same, asked about one image at a time, with the generators set each time."""

    def each(module: nn.Module, x: Tensor, targets: Any) -> Tensor:
        found = []
        for i in range(len(x)):
            torch.manual_seed(0)
            np.random.seed(0)
            found.append(answer(module, x[i : i + 1], None if targets is None else targets[i : i + 1]))
        return torch.cat(found)

    return each


def over_image(maps: Tensor) -> Tensor:
    """A layer's maps, summed, scaled up and shared by two channels."""
    whole = F.interpolate(maps.sum(1, keepdim=True), (13, 11), mode="bilinear") / 2
    return whole.expand(len(maps), 2, 13, 11)


def layerwise(method: Any, layer: str = "relu2", **given: Any) -> Answer:
    def answer(module: Any, x: Tensor, t: Any) -> Tensor:
        return over_image(method(module, getattr(module, layer)).attribute(x, target=t, **given))

    return answer


def lasso(module: Any) -> attr.Lime:
    return attr.Lime(module, interpretable_model=SkLearnLasso(alpha=0.0001))


def relevance(module: nn.Module) -> attr.LRP:
    return attr.LRP(ruled(module))


def ruled(module: nn.Module) -> nn.Module:
    """The rules that Captum lacks for a module that only reshapes."""
    for part in module.modules():
        if type(part) is nn.Flatten:
            part.rule = lrp_rules.EpsilonRule()  # type: ignore[assignment]
    return module


BY_HAND: dict[str, Answer] = {
    "captum.saliency": lambda m, x, t: attr.Saliency(m).attribute(x, target=t, abs=False),
    "captum.input_x_gradient": lambda m, x, t: attr.InputXGradient(m).attribute(x, target=t),
    "captum.integrated_gradients": lambda m, x, t: attr.IntegratedGradients(m).attribute(x, target=t, **WAY),
    "captum.deconvolution": lambda m, x, t: attr.Deconvolution(m).attribute(x, target=t),
    "captum.guided_backprop": lambda m, x, t: attr.GuidedBackprop(m).attribute(x, target=t),
    "captum.deep_lift": lambda m, x, t: attr.DeepLift(m).attribute(x, GREY, target=t),
    "captum.deep_lift_shap": lambda m, x, t: attr.DeepLiftShap(m).attribute(x, THREE, target=t),
    "captum.gradient_shap": alone(
        lambda m, x, t: attr.GradientShap(m).attribute(x, THREE, n_samples=20, target=t)
    ),
    "captum.lrp": lambda m, x, t: relevance(m).attribute(x, target=t),
    "captum.occlusion": lambda m, x, t: attr.Occlusion(m).attribute(x, target=t, **WINDOW, **COVERED),
    "captum.feature_ablation": lambda m, x, t: attr.FeatureAblation(m).attribute(x, target=t, **MASKED),
    "captum.shapley_value_sampling": alone(
        lambda m, x, t: attr.ShapleyValueSampling(m).attribute(x, target=t, n_samples=4, **MASKED)
    ),
    "captum.kernel_shap": alone(
        lambda m, x, t: attr.KernelShap(m).attribute(x, target=t, n_samples=20, **MASKED)
    ),
    "captum.lime": alone(lambda m, x, t: lasso(m).attribute(x, target=t, n_samples=30, **MASKED)),
    "captum.layer_grad_cam": layerwise(attr.LayerGradCam),
    "captum.guided_grad_cam": lambda m, x, t: attr.GuidedGradCam(m, m.conv1).attribute(  # type: ignore[arg-type]
        x, target=t, interpolate_mode="bilinear"
    ),
    "captum.layer_gradient_x_activation": layerwise(attr.LayerGradientXActivation),
    "captum.internal_influence": layerwise(attr.InternalInfluence, **WAY),
    "captum.layer_conductance": layerwise(attr.LayerConductance, **WAY),
    "captum.layer_integrated_gradients": layerwise(attr.LayerIntegratedGradients, **WAY),
    "captum.layer_deep_lift": layerwise(attr.LayerDeepLift, baselines=GREY),
    "captum.layer_deep_lift_shap": layerwise(attr.LayerDeepLiftShap, baselines=THREE),
    "captum.layer_gradient_shap": alone(layerwise(attr.LayerGradientShap, baselines=THREE, n_samples=20)),
    "captum.layer_lrp": layerwise(attr.LayerLRP, "conv2"),
    "captum.layer_feature_ablation": alone(
        lambda m, x, t: (
            over_image(
                attr.LayerFeatureAblation(m, m.relu2).attribute(  # type: ignore[arg-type]
                    x, target=t, layer_mask=torch.arange(12).reshape(1, 1, 4, 3).expand(1, 4, 4, 3)
                )
            )
            / 4  # every channel has the whole loss
        )
    ),
}


class Neuron(nn.Module):
    """A small network that ends at one neuron."""

    def __init__(self, module: Small) -> None:
        super().__init__()
        self.parts = nn.Sequential(module.conv1, module.relu1, module.pool, module.conv2)

    def forward(self, x: Tensor) -> Tensor:
        return self.parts(x)[:, *PLACE]


def test_the_table_is_what_is_compared_here() -> None:
    assert {cls.name for cls in TABLE} == BY_HAND.keys()


@pytest.mark.parametrize("name", BY_HAND)
def test_equal_to_captum_called_by_hand(name: str) -> None:
    probe = load_probe(name, **PARAMETERS.get(name, {}))
    found = probe.attribute(NETWORK, X, CLASSES)  # type: ignore[attr-defined]
    module = Small(inplace=False).double().eval()
    equal(found.double(), BY_HAND[name](module, X.clone().requires_grad_(), CLASSES).detach().double())


@pytest.mark.parametrize("name", [cls.name for cls in TABLE if issubclass(cls, NeuronAttribution)])
def test_a_neuron_is_asked_about_as_if_the_network_ended_there(name: str) -> None:
    """The same call by hand, for the network up to the neuron, which needs no class."""
    module = Neuron(Small(inplace=False).double().eval())
    right = BY_HAND[name](module, X.clone().requires_grad_(), None)
    equal(ask(name, **NEURON, **PARAMETERS.get(name, {})).maps, right.detach().double())


SUMS = ["captum.shapley_value_sampling", "captum.kernel_shap", "captum.layer_deep_lift"]


@pytest.mark.parametrize("name", SUMS)
def test_what_the_parts_add_is_what_the_whole_adds(name: str) -> None:
    """Completeness: the maps sum to what the image adds to grey; squares are counted once."""
    module = Small(inplace=False).double().eval()
    with torch.no_grad():
        gained = (module(X) - module(GREY))[:, 1]
    found = ask(name, **PARAMETERS.get(name, {}), target=1).maps
    if name == "captum.layer_deep_lift":  # the map is scaled up: 12 places to 143 pixels
        maps = attr.LayerDeepLift(module, module.relu2).attribute(X.clone().requires_grad_(), GREY, target=1)
        found = maps.detach()
    else:
        found = found[:, 0, [0, 5, 10]][:, :, [0, 5, 10]]
    torch.testing.assert_close(found.flatten(1).sum(1), gained, rtol=1e-4, atol=1e-5)


def test_relevance_is_input_times_gradient_where_all_is_linear_or_relu() -> None:
    """Ancona et al. 2018, proposition 1."""
    for question in ({"target": 1}, NEURON):
        equal(ask("captum.lrp", **question).maps, ask("captum.input_x_gradient", **question).maps, 1e-6)


HALF = sorted(BY_HAND.keys() - {"captum.lime"})  # its lasso is not steady: an order of rounding decides


@pytest.mark.parametrize("name", [*HALF, "captum.noise_tunnel", "grad_cam_plus_plus"])
def test_networks_in_half_precision(name: str) -> None:
    """Bfloat16 has three digits, and sums over squares and samples have fewer."""
    few = PARAMETERS.get(name, {})
    network = wrap(Small(inplace=False).bfloat16(), **SPEC)
    found = ask(name, network, X.float(), **few, target=1).maps.double()
    right = ask(name, **few, target=1).maps.double()
    likeness = torch.corrcoef(torch.stack([found.flatten(), right.flatten()]))[0, 1]
    assert float(likeness) > 0.9


RANDOM = [cls.name for cls in TABLE if "seed" in cls.model_fields]


@pytest.mark.parametrize("name", [*RANDOM, "captum.noise_tunnel", "rise"])
def test_chance_is_the_same_for_every_image_whatever_batch_it_is_in(name: str) -> None:
    few = {"masks": 40, "grid": 4} if name == "rise" else PARAMETERS.get(name, {})
    before, numbers = torch.get_rng_state(), np.random.get_state()[1].copy()
    whole = ask(name, **few, target=1).maps
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], numbers)
    alone = ask(name, images=IMAGES.subset([2]), **few, target=1).maps
    equal(alone, whole[2:], 1e-6)
    twice = ask(name, images=[X[1], X[1]], **few, target=1).maps
    equal(twice[1], twice[0], 1e-6)
    other = ask(name, **few, target=1, seed=5).maps
    assert (other - whole).abs().max() > 0.01 * whole.abs().max()


@pytest.mark.parametrize("name", BY_HAND)
def test_images_of_a_batch_do_not_mix(name: str) -> None:
    whole = ask(name, **PARAMETERS.get(name, {})).maps.double()
    for i in range(3):
        alone = ask(name, images=IMAGES.subset([i]), **PARAMETERS.get(name, {})).maps.double()
        if i == 0 or alone.abs().max() > 0:
            equal(whole[i : i + 1], alone, 1e-6)


def test_one_square_is_too_few() -> None:
    network = wrap(nn.Sequential(nn.Flatten(), nn.Linear(81, 2)).double(), **ONE)
    images = of_seed(3, 1, 1, 9, 9)
    for name in ("captum.kernel_shap", "captum.lime", "captum.shapley_value_sampling"):
        with pytest.raises(StepError, match=r"covers the whole input of 9 x 9.*at most 4"):
            ask(name, network, images, patch=9, samples=8)
        assert ask(name, network, images, patch=4, samples=8).maps.isfinite().all()  # the cure


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("captum.gradient_shap", {"baselines": [0.5]}, "at least 2"),
        ("captum.deep_lift_shap", {"baselines": [0.5, 1.5]}, "from 0 .black. to 1 .white."),
        ("captum.deep_lift", {"baseline": -1}, "from 0 .black. to 1 .white."),
        ("captum.lrp", {"rule": "zplus"}, "epsilon"),
        ("captum.kernel_shap", {"seed": 2**32}, "less than"),
        ("captum.layer_deep_lift", {"unit": 3}, "unit"),
    ],
)
def test_parameters_out_of_range(name: str, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(PluginError, match=message):
        load_probe(name, **parameters)


class Named(nn.Module):
    """As of Hugging Face: the logits are an attribute of what is returned."""

    def __init__(self) -> None:
        super().__init__()
        self.net = Small()

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"hidden": x.mean((2, 3)), "scores": self.net(x)}


@pytest.mark.parametrize("name", BY_HAND)
def test_networks_that_return_several_things(name: str) -> None:
    network = wrap(Named().double(), **SPEC, output="scores")
    few = PARAMETERS.get(name, {})
    few = {**few, "layer": "net.conv1"} if name == "captum.guided_grad_cam" else few
    equal(ask(name, network, **few, target=1).maps, ask(name, **PARAMETERS.get(name, {}), target=1).maps)
