"""Every analysis works on layers that are not (n, c, h, w), without knowing of it."""

from __future__ import annotations

import pytest
import torch
from layout_networks import CASES

import interpret
from interpret.errors import PluginError
from interpret_deconv import Neuron, project
from interpret_diagnosis import diagnose
from interpret_invariance import invariance
from interpret_occlusion import sweep
from interpret_topk import mine

PROJECTED = [
    "timm vit",
    "timm swin",
    *(
        pytest.param(name, marks=pytest.mark.slow)
        for name in ("torchvision swin", "torchvision convnext", "hugging face clip")
    ),
]


def true_gradient(case, network, x, neuron):
    """The gradient of a neuron's value, by autograd through the module alone."""
    seen = []
    with network.running() as module:
        module.get_submodule(case.layer).register_forward_hook(lambda *call: seen.append(call[2]))
        leaf = x.clone().requires_grad_()
        module(leaf)
    columns = case.grid[1]
    place = (
        (neuron.y, neuron.x) if case.kind == "nhwc" else (len(case.names) + neuron.y * columns + neuron.x,)
    )
    (found,) = torch.autograd.grad(seen[-1][(neuron.image, *place, neuron.channel)], leaf)
    return found[neuron.image]


@pytest.mark.parametrize("name", PROJECTED)
def test_projections_through_attention_are_the_gradient(name):
    case = CASES[name]
    network, x = case.network(), case.images(3)
    neurons = [Neuron(1, case.layer, 3, 1, 1), Neuron(2, case.layer, 0, 0, 1)]
    right = torch.stack([true_gradient(case, network, x, neuron) for neuron in neurons])
    scale = float(right.abs().max())
    for given in ({"rule": "gradient"}, {"nonlinear": "gradient"}):  # there is no ReLU in these networks
        found = project(network, x, neurons, **given)
        assert scale > 0
        torch.testing.assert_close(found, right, rtol=0, atol=1e-9 * scale)


def test_a_class_token_is_projected():
    case = CASES["timm vit"]
    network, x = case.network(), case.images(1)
    found = project(network, x, [Neuron(0, "blocks.0@class", 2)], rule="gradient")
    leaf, seen = x.clone().requires_grad_(), []
    with network.running() as module:
        module.blocks[0].register_forward_hook(lambda *call: seen.append(call[2]))
        module(leaf)
    (right,) = torch.autograd.grad(seen[-1][0, 0, 2], leaf)
    torch.testing.assert_close(found, right, rtol=0, atol=1e-9 * float(right.abs().max()))


@pytest.mark.parametrize("name", ["timm vit", "torchvision convnext"])
def test_occlusion_follows_units(name):
    case = CASES[name]
    network, x = case.network(), case.images(1)[0]
    layers = [case.layer, *(f"{case.layer}@{token}" for token in case.names)]
    swept = [sweep(network, x, 8, 12, layers=layers, engine=engine) for engine in ("auto", "full")]
    for layer in layers:
        one, other = (found.maps[0].followed[layer].response for found in swept)
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_invariance_diagnosis_and_gradients_of_classes():
    case = CASES["timm vit"]
    network, x = case.network(), case.images(3)
    curves = invariance(network, list(x[:1]), layers=[case.layer], steps=2)
    assert case.layer in curves.norm
    assert diagnose(network, list(x), layers=[case.layer]).activity.keys() == {case.layer}
    assert mine(network, list(x)).layers.keys() == {"blocks.0", "blocks.1"}


def test_captum_weighs_maps_of_tokens():
    case = CASES["timm vit"]
    network, x = case.network(), case.images(1)
    found = interpret.load_probe("captum.layer_grad_cam", layer="blocks.0", target=2).run(network, list(x))
    seen = []
    with network.running() as module:
        module.blocks[0].register_forward_hook(lambda *call: seen.append(call[2]))
        score = module(x.requires_grad_())[0, 2]
    (gradient,) = torch.autograd.grad(score, seen[-1])
    maps, slopes = (value[0, 1:].T.reshape(12, 2, 2) for value in (seen[-1].detach(), gradient))
    right = (slopes.mean((1, 2), keepdim=True) * maps).sum(0)
    right = torch.nn.functional.interpolate(right[None, None], (32, 32), mode="bilinear")[0]
    torch.testing.assert_close(found.maps[0].double().sum(0), right[0], rtol=1e-5, atol=1e-6)


def test_models_of_pipelines_take_layouts():
    model = {
        "target": "timm.layers.patch_embed:PatchEmbed",
        "layouts": {"a": {"kind": "tokens", "grid": [2, 3], "before": 1}},
    }
    network = interpret.load_model("module", **model)
    assert network.layouts["a"]["grid"] == [2, 3]
    with pytest.raises(PluginError, match="nhwc"):
        interpret.load_model("module", **model | {"layouts": {"a": "nwhc"}})
