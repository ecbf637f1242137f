"""The ZFNet of photographs: how its files are made of a run, and that those which come along are right."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import interpret
from interpret_training import Recipe, evaluate, evolve, read_checkpoints, train
from interpret_training.bundled import imagenette
from interpret_zoo.cards import FOLDER, find_card, series_names

PHOTOGRAPHS = Path(__file__).parents[3] / "shared" / "data" / "imagenette-144"


def test_a_run_becomes_weights_series_and_card(tmp_path, monkeypatch):
    images = interpret.load_dataset("scenes", limit=20, size=72)
    small = {"width": 0.0625, "input_size": 64, "resize": 72, "categories": list(images.categories)}
    given = {**imagenette.PARAMETERS, **small}
    monkeypatch.setattr(imagenette, "PARAMETERS", given)
    network = interpret.load_model("zfnet", **given)
    recipe = Recipe(epochs=2, batch=10, rate=1e-3, init="he", mean="pixel", checkpoints=(1,))
    found = train(network, images, recipe, validation=images, folder=tmp_path / "run")
    card = imagenette.ship(found, tmp_path / "out")
    assert card.epochs == (1, 2)
    assert "Ten categories only" in card.page()
    shipped = interpret.load_model(
        "zfnet", weights=str(tmp_path / "out/zfnet-imagenette.safetensors"), **given
    )
    for checkpoint in read_checkpoints(tmp_path / "out/zfnet-imagenette"):
        tensors = load_file(checkpoint.file)
        assert {name.split(".")[1] for name in tensors} == {"conv"}
        assert all(tensor.dtype == torch.float16 for tensor in tensors.values())
    formed = evolve(
        shipped, images, read_checkpoints(tmp_path / "out/zfnet-imagenette"), ["layer1", "layer5"], units=2
    )
    assert tuple(formed.epochs) == (1, 2)


def test_what_comes_along_is_small_and_whole():
    assert series_names() == ["zfnet-imagenette"]
    files = [FOLDER / "zfnet-imagenette.safetensors", *(FOLDER / "zfnet-imagenette").iterdir()]
    assert sum(file.stat().st_size for file in files) < 8_000_000
    card = find_card("zfnet", "imagenette")
    assert card.epochs == (1, 2, 5, 10, 20, 30, 40, 64)
    assert tuple(item.epoch for item in read_checkpoints("zfnet-imagenette")) == card.epochs
    last = load_file(read_checkpoints("zfnet-imagenette")[-1].file)
    state = interpret.load_model("zfnet", weights="imagenette", device="cpu").module.state_dict()
    assert all(torch.equal(state[name], tensor.float()) for name, tensor in last.items())


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.skipif(not PHOTOGRAPHS.exists(), reason="the photographs are not beside the repository")
def test_the_card_tells_the_accuracy_that_is_measured():
    network = interpret.load_model("zfnet", weights="imagenette")
    photographs = interpret.load_dataset("folder", path=PHOTOGRAPHS / "val")
    measured = 1 - evaluate(network, photographs, crops=1).error
    assert measured == pytest.approx(find_card("zfnet", "imagenette").accuracy, abs=0.003)
