"""Every analysis works on layers that are not (n, c, h, w), without knowing of it."""

from __future__ import annotations

import pytest
import torch
from layout_networks import CASES

import interpret
from interpret.errors import PipelineError
from interpret_correspondence import correspondence
from interpret_deconv import Neuron, project
from interpret_diagnosis import diagnose
from interpret_invariance import invariance
from interpret_occlusion import sweep
from interpret_topk import mine
from interpret_transfer import layer_features

PROJECTED = ["timm vit", "torchvision swin", "timm swin", "torchvision convnext", "hugging face clip"]


def true_gradient(case, network, x, neuron):
    """The gradient of a neuron's value, by autograd through the module alone."""
    seen = []
    with network.running() as module:
        module.get_submodule(case.layer).register_forward_hook(lambda *call: seen.append(call[2]))
        leaf = x.clone().requires_grad_()
        module(leaf)
    rows, columns = case.grid
    place = (neuron.y, neuron.x) if case.kind == "nhwc" else (len(case.names) + neuron.y * columns + neuron.x,)
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
        one, other = (found.maps[0].followed[layer].responses for found in swept)
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_features_invariance_and_diagnosis():
    case = CASES["timm vit"]
    network, x = case.network(), case.images(3)
    found = layer_features(network, list(x), [case.layer])
    assert found is not None
    assert invariance(network, list(x[:1]), layers=[case.layer]) is not None
    assert diagnose(network, list(x), layers=[case.layer]) is not None
    assert mine(network, list(x)).layers.keys() == {"blocks.0", "blocks.1"}
    assert correspondence is not None


def test_models_of_pipelines_take_layouts():
    model = {"target": "torch.nn:Identity", "layouts": {"a": {"kind": "tokens", "grid": [2, 3], "before": 1}}}
    network = interpret.load_model("module", **model)
    assert network.layouts["a"]["grid"] == [2, 3]
    with pytest.raises(PipelineError, match="nhwc"):
        interpret.load_model("module", target="torch.nn:Identity", layouts={"a": "nwhc"})
