"""The probe: several images, their targets, and what the followed units look for."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import interpret
from interpret import InterpretError, PluginError, wrap
from interpret.results import load
from interpret_deconv import Neuron, project
from interpret_occlusion import Occlusion, OcclusionMaps
from interpret_topk import mine

GIVEN = {"window": 32, "stride": 32, "layers": ["layer5"]}


@pytest.fixture(scope="module")
def network() -> interpret.Network:
    return interpret.load_model("zfnet", weights="scenes")


@pytest.fixture(scope="module")
def scenes() -> interpret.Images:
    return interpret.load_dataset("scenes", split="val", limit=24)


@pytest.fixture(scope="module")
def found(network, scenes) -> OcclusionMaps:
    exemplars = mine(network, scenes, ["layer5"], k=5)
    return Occlusion(**GIVEN).run(network, scenes.subset([3, 7]), exemplars)


def test_every_image_has_its_maps_and_its_label_as_target(found, network, scenes) -> None:
    assert len(found) == 2
    assert found.image.tolist() == [3, 7]
    assert [maps.target for maps in found.maps] == [scenes.labels[3], scenes.labels[7]]
    assert found.categories == network.categories
    assert found[1].probability.shape == (3, 3)


def test_attributions_are_those_of_the_maps(found) -> None:
    attributions = found.attributions()
    assert attributions.maps.shape == (2, 3, 96, 96)
    assert torch.equal(attributions.maps[1], found[1].attribution())
    assert attributions.target.tolist() == [maps.target for maps in found.maps]
    assert set(attributions.ids) == {"3", "7"}


def test_the_strongest_unit_is_projected_in_the_image_and_in_others(found, network, scenes) -> None:
    for place, maps, features in zip((3, 7), found.maps, found.features, strict=True):
        layer = features["layer5"]
        unit = int(maps.followed["layer5"].unit[0])
        assert set(layer.unit.tolist()) == {unit}
        assert layer.image[0] == place
        assert place not in layer.image[1:].tolist()
        assert len(layer.image) == 4
        assert set(layer.image.tolist()) <= {int(key) for key in found.ids}
        x = network.preprocess(scenes[place].image)[None]
        y, column = layer.position[0].tolist()
        whole = project(network, x, [Neuron(0, "layer5", unit, y, column)])[0]
        assert layer.projection(0).abs().max().item() == pytest.approx(whole.abs().max().item(), rel=1e-3)


def test_without_exemplars_only_the_image_is_projected(network, scenes) -> None:
    result = Occlusion(**GIVEN).run(network, scenes.subset([3]))
    assert result.features[0]["layer5"].image.tolist() == [3]


class Straight(torch.autograd.Function):
    """Rounding, with a gradient of its own."""

    @staticmethod
    def forward(ctx, x):
        return x.round()

    @staticmethod
    def backward(ctx, signal):
        return signal


class Rounded(nn.Module):
    def forward(self, x):
        return Straight.apply(x.softmax(1) * 8)


def test_a_network_without_a_deconvnet_says_why(scenes) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 4, 5), Rounded(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    )
    result = Occlusion(window=48, stride=48, layers=["1"]).run(
        wrap(module, input_size=96), scenes.subset([0])
    )
    assert result.features == ({},)
    assert "autograd finds another derivative" in result.notes["1"]
    assert result[0].response["1"].shape == (2, 2)


def test_it_comes_back_from_disk_as_it_was(found, tmp_path) -> None:
    found.save(tmp_path / "where")
    again = load(tmp_path / "where")
    assert isinstance(again, OcclusionMaps)
    assert torch.equal(again[0].logits, found[0].logits)
    assert again[0].offsets[0].tolist() == found[0].offsets[0].tolist()
    assert torch.equal(again.features[1]["layer5"].patches, found.features[1]["layer5"].patches)
    assert again[0].window == found[0].window


def test_images_may_be_a_list_of_tensors(network) -> None:
    x = torch.rand(2, 3, 96, 96)
    result = interpret.load_probe("occlusion", window=48, stride=48).run(network, list(x))
    assert [maps.target for maps in result.maps] == network(x).argmax(1).tolist()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"window": 0}, "must be int ≥ 1 or \\[int ≥ 1, int ≥ 1\\]"),
        ({"stride": 0}, "stride"),
        ({"engine": "quick"}, "engine"),
        ({"target": True}, "target"),
        ({"windows": 3}, "Did you mean 'window'"),
    ],
)
def test_wrong_parameters_are_named(given, message) -> None:
    with pytest.raises(PluginError, match=message):
        interpret.load_probe("occlusion", **given)


def test_a_window_larger_than_the_image_is_refused_when_it_runs(network, scenes) -> None:
    with pytest.raises(InterpretError, match="does not fit into an image of 96"):
        Occlusion(window=100).run(network, scenes.subset([0]))
