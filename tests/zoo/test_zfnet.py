"""ZFNet and AlexNet as models: their parameters, their cards, the weights that come along."""

import json

import pytest
import torch
from safetensors.torch import save_file

import interpret
from interpret.errors import ModelError, PluginError, UnknownNameError
from interpret.weights import weights_hash
from interpret_zoo.cards import FOLDER, WeightsCard, card_names, find_card, write_card
from interpret_zoo.zfnet import ZFNet

SMALL = {"width": 1 / 16, "input_size": 64, "categories": 5, "device": "cpu"}
PAPER = ("layer1", "layer2", "layer3", "layer4", "layer5", "layer6", "layer7")


def load(name="zfnet", **parameters):
    return interpret.load_model(name, **parameters)


@pytest.mark.parametrize("name", ["zfnet", "alexnet"])
def test_the_papers_layers_by_name(name):
    network = load(name, **SMALL)
    assert tuple(network.aliases) == PAPER
    whole = [layer for layer in network.layers if "." not in layer]
    assert whole == [*PAPER[:5], "flatten", *PAPER[5:], "classifier"]
    network = load(name, remove=[3, 4, 7], **SMALL)
    assert tuple(network.aliases) == ("layer1", "layer2", "layer5", "layer6")


def test_a_unit_is_a_pooled_and_normalised_map():
    network = load(**SMALL)
    x = torch.randn(1, 3, 64, 64)
    found = network.record(x, ["layer1", "layer1.norm", "layer1.pool", "layer6"])
    assert torch.equal(found["layer1"], found["layer1.norm"])
    assert found["layer1"].shape == found["layer1.pool"].shape
    assert not torch.equal(found["layer1"], found["layer1.pool"])
    assert found["layer6"].min() == 0


@pytest.mark.parametrize("name", ["zfnet", "alexnet"])
def test_input_is_the_papers_unless_another_is_given(name):
    spec = load(name, width=1 / 64, widths={6: 4, 7: 4}, device="cpu").input
    assert spec == interpret.InputSpec((224, 224), (0.485, 0.456, 0.406), (1 / 255,) * 3)
    network = load(name, **SMALL | {"input_size": (70, 90), "mean": [0.5], "std": [0.25]})
    assert network.input.shape == (1, 70, 90)
    assert network(torch.randn(2, 1, 70, 90)).shape == (2, 5)


def test_categories_are_a_number_or_names():
    assert load(**SMALL).categories == ()
    network = load(**SMALL | {"categories": ["cat", "dog"]})
    assert network.categories == ("cat", "dog")
    assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 2)


def test_ungrouped_alexnet_has_dense_layers():
    assert load("alexnet", **SMALL).module.layer2.conv.groups == 2
    assert load("alexnet", grouped=False, **SMALL).module.layer2.conv.groups == 1


def test_weights_of_ones_own_with_what_they_say(tmp_path):
    path = tmp_path / "mine.safetensors"
    trained = load(**SMALL | {"categories": 2})
    said = {"input_size": "64", "mean": "0,0,0", "std": "1,1,1", "categories": '["cat", "dog"]'}
    save_file(trained.module.state_dict(), path, metadata=said)
    network = load(width=1 / 16, weights=str(path), sha256=weights_hash(path), device="cpu")
    assert network.input == interpret.InputSpec((64, 64), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    assert network.categories == ("cat", "dog")
    assert torch.equal(network.module.layer4.conv.weight, trained.module.layer4.conv.weight)
    with pytest.raises(ModelError, match=r"layer1\.conv\.weight \(found 6x3x7x7, expected 12x3x7x7\)"):
        load(width=1 / 8, weights=str(path), device="cpu")
    with pytest.raises(ModelError, match="not the expected file"):
        load(width=1 / 16, weights=str(path), sha256="0" * 64, device="cpu")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"remove": [9]}, "'remove' names layer 9; there are layers 1, 2"),
        ({"widths": {8: 3}}, "'widths' names layer 8"),
        ({"widths": {3: 0}}, "must be 1 to 1,000,000 units"),
        ({"width": 0}, "'width' must be greater than 0"),
        ({"widht": 1}, "Did you mean 'width'"),
        ({"categories": 0}, "at least one"),
        ({"categories": []}, "at least one"),
        ({"std": [1, 0, 1]}, "'std' must be greater than 0"),
    ],
)
def test_wrong_parameters_are_explained(parameters, message):
    with pytest.raises(PluginError, match=message):
        load(**parameters)


def test_an_image_that_is_too_small_is_refused():
    with pytest.raises(ModelError, match="too small"):
        load(**SMALL | {"input_size": 20})


def test_a_mean_without_its_deviation_is_refused():
    with pytest.raises(ModelError, match="'mean' has 1 channels and 'std' has 3: give both"):
        load(**SMALL | {"mean": [0.5]})


def test_a_name_no_weights_have_shows_the_names_there_are():
    with pytest.raises(UnknownNameError, match="Did you mean 'scenes'"):
        load(weights="scene")
    with pytest.raises(UnknownNameError, match="no weights file or name of weights 'scenes'"):
        load("alexnet", weights="scenes")


def test_the_embedded_weights_bring_their_parameters():
    network, card = load(weights="scenes", device="cpu"), find_card("zfnet", "scenes")
    assert len(network.categories) == 10
    assert network.input.shape == (3, 96, 96)
    assert network.input.shorter_side == 96
    sides = network.record(torch.zeros(1, *network.input.shape), list(PAPER[:5]), lambda x: x.shape[-1])
    assert list(sides.values()) == [23, 5, 5, 5, 2]
    assert card.path.stat().st_size < 3_000_000


def test_parameters_that_agree_with_the_card_may_be_given():
    widths = find_card("zfnet", "scenes").parameters["widths"]
    network = load(weights="scenes", input_size=(96, 96), std=(0.25, 0.25, 0.25), widths=widths)
    assert network.input.size == (96, 96)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("input_size", 112),
        ("mean", [0, 0, 0]),
        ("widths", {1: 8}),
        ("categories", 3),
        ("remove", [3]),
        ("width", 2),
    ],
)
def test_parameters_against_the_card_are_refused(name, value):
    with pytest.raises(PluginError, match=f"'{name}' is .* in the weights 'scenes'. Got "):
        load(weights="scenes", **{name: value})


def test_the_embedded_weights_are_those_of_their_card(tmp_path):
    names = card_names("zfnet")
    assert "scenes" in names
    for name in names:
        card = find_card("zfnet", name)
        assert weights_hash(card.path) == card.sha256
        assert card.path.with_suffix(".md").read_text() == card.page()
    with pytest.raises(ModelError, match="not the expected file"):
        load(weights="scenes", sha256="12345678")


def test_cards_survive_writing(tmp_path):
    card = find_card("zfnet", "scenes")
    write_card(card, tmp_path)
    assert WeightsCard.model_validate_json((tmp_path / "zfnet-scenes.json").read_text()) == card
    assert json.loads((tmp_path / "zfnet-scenes.json").read_text())["license"] == "BSD-3-Clause"
    assert card.sha256 in (tmp_path / "zfnet-scenes.md").read_text()


@pytest.mark.parametrize("weights", ["../weights/zfnet-scenes", "scenes.json", "", None, "no"])
def test_only_names_have_cards(weights):
    assert find_card("zfnet", weights) is None
    assert FOLDER.is_dir()


def test_parameters_survive_a_file():
    model = ZFNet(weights="scenes")
    assert ZFNet.model_validate_json(model.model_dump_json()) == model


def test_embedded_weights_know_held_out_scenes():
    network = load(weights="scenes")
    images = interpret.load_dataset("scenes", split="test", limit=60)
    found = network(torch.stack([network.preprocess(sample.image) for sample in images])).argmax(1)
    assert (found == torch.tensor(images.labels)).float().mean() >= 0.95
