"""Channels last: near the numbers of contiguous maps, the same neurons, and told of in every key."""

import copy

import pytest
import torch
from torch import nn

import interpret
from interpret.errors import ModelError
from interpret.run import read_json, run_pipeline
from interpret_deconv import Neuron, project
from interpret_topk import mine


def convolutions() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3, padding=1),
        nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 5),
    )  # fmt: skip


@pytest.fixture
def network():
    return interpret.wrap(convolutions().double().eval(), input_size=32, mean=[0] * 3, std=[1] * 3)


@pytest.fixture
def x():
    return torch.randn(6, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_values_agree_to_rounding_and_maps_lie_pixel_by_pixel(network, x):
    last = network.in_memory_format("channels_last")
    names = ["0", "2", "3", "6"]
    straight, found = network.record(x, names), last.record(x, names)
    assert all(torch.allclose(found[name], straight[name], rtol=1e-12, atol=1e-12) for name in names)
    seen = last.record(x, {"3": lambda maps: maps.is_contiguous(memory_format=torch.channels_last)})
    assert seen == {"3": True}
    assert torch.allclose(last(x), network(x), rtol=1e-12, atol=1e-12)


def test_the_module_is_left_as_it_is(network, x):
    before = copy.deepcopy(network.module)
    network.in_memory_format("channels_last")(x)
    for weight, known in zip(network.module.parameters(), before.parameters(), strict=True):
        assert torch.equal(weight, known)
        assert weight.stride() == known.stride()


def test_the_same_neurons_are_mined(network, x):
    last = network.in_memory_format("channels_last")
    straight, found = (mine(one, list(x), ["0", "3"], k=4, per_image=3) for one in (network, last))
    for name in ("0", "3"):
        assert torch.equal(found[name].position, straight[name].position)
        assert torch.equal(found[name].image, straight[name].image)
        assert torch.allclose(found[name].values, straight[name].values, rtol=1e-12)


def test_nan_are_left_out_alike(network, x):
    with torch.no_grad():
        network.module[3].bias[2] = torch.nan
    last = network.in_memory_format("channels_last")
    straight, found = (mine(one, list(x), ["3"], k=2)["3"] for one in (network, last))
    assert torch.equal(found.nan, straight.nan)
    assert found.nan[2] > 0


def test_projections_are_those_of_the_weights(network, x):
    neurons = [Neuron(image=0, layer="3", channel=2, y=5, x=6)]
    last = network.in_memory_format("channels_last")
    assert torch.equal(project(last, x, neurons), project(network, x, neurons))


def test_a_pipeline_says_it_and_it_counts(tmp_path):
    text = {
        "version": 1,
        "models": {"net": {"name": "zfnet", "width": 0.0625, "input_size": 64, "categories": 10}},
        "datasets": {"drawn": {"name": "scenes", "split": "val", "limit": 4, "size": 64}},
        "steps": {
            "mined": {"probe": "topk", "layers": ["layer2"], "k": 2},
            "projected": {"probe": "deconv", "inputs": {"exemplars": "mined"}},
            "swept": {"probe": "occlusion", "window": 16, "stride": 16},
        },
    }
    first = run_pipeline(text, tmp_path)
    text["models"]["net"]["memory_format"] = "channels_last"
    second = run_pipeline(text, tmp_path)
    assert {step.status for run in (first, second) for step in run.steps.values()} == {"done"}
    assert (
        read_json(tmp_path / "manifest.json")["pipeline"]["models"]["net"]["memory_format"] == "channels_last"
    )


def test_others_are_refused_and_the_choice_stays(network):
    with pytest.raises(ModelError, match=r"memory_format is contiguous or channels_last\. Got 'nhwc'"):
        interpret.wrap(convolutions(), memory_format="nhwc")
    last = network.in_memory_format("channels_last")
    assert last.copy().memory_format == last.of(network.module).memory_format == "channels_last"
    assert last.in_precision("bfloat16").memory_format == "channels_last"
    assert network.in_memory_format("contiguous") is network
    assert last.fingerprint() != network.fingerprint()
