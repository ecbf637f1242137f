"""The recipe of the embedded weights: its parts, and a whole small run."""

import importlib
import runpy
import sys

import pytest
import torch
from torch import nn

import interpret
from interpret_training.bundled import scenes as recipe
from interpret_zoo.cards import find_card


def test_filters_above_the_radius_are_scaled_back_to_it():
    module = nn.Sequential(nn.Conv2d(3, 4, 5), nn.Linear(4, 4))
    with torch.no_grad():
        module[0].weight.copy_(torch.randn(4, 3, 5, 5) * torch.tensor([0.01, 0.05, 1, 10]).view(4, 1, 1, 1))
        module[1].weight.fill_(3)
    before = module[0].weight.clone()
    recipe.clip(module)
    size = module[0].weight.square().mean((1, 2, 3)).sqrt()
    assert torch.equal(module[0].weight[:2], before[:2])
    torch.testing.assert_close(size[2:], torch.tensor([0.1, 0.1]))
    assert (module[1].weight == 3).all()


def test_batches_show_every_image_once_before_any_again():
    torch.manual_seed(0)
    found = list(recipe.batches(3 * recipe.BATCH, 6))
    assert sorted(torch.cat(found[:3]).tolist()) == list(range(3 * recipe.BATCH))
    assert sorted(torch.cat(found[3:]).tolist()) == list(range(3 * recipe.BATCH))


def test_jitter_only_moves_and_mirrors():
    images = torch.arange(2 * 3 * 6 * 6, dtype=torch.uint8).reshape(2, 3, 6, 6)
    torch.manual_seed(0)
    for _ in range(8):
        assert torch.equal(recipe.jitter(images).flatten(1).sort(1).values, images.flatten(1))


def test_a_small_run_writes_weights_that_load(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(recipe, "SCENES", 20)
    monkeypatch.setattr(recipe, "HELD_OUT", 10)
    monkeypatch.setattr(recipe, "EPOCHS", 1)
    monkeypatch.setattr(recipe, "BATCH", 10)
    monkeypatch.setattr(sys, "argv", ["scenes", "--out", str(tmp_path)])
    recipe.main()
    assert "| license | BSD-3-Clause |" in capsys.readouterr().out
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".md", ".safetensors"]
    weights = str(tmp_path / "zfnet-scenes.safetensors")
    network = interpret.load_model("zfnet", weights=weights, categories=10, **recipe.PARAMETERS)
    assert 0 <= recipe.accuracy(network, recipe.scenes("val", 10)) <= 1


def test_evaluation_measures_the_weights_that_come_along(monkeypatch, capsys):
    monkeypatch.setattr(recipe, "HELD_OUT", 50)
    monkeypatch.setattr(sys, "argv", ["scenes", "--evaluate"])
    recipe.main()
    share = float(capsys.readouterr().out.partition("%")[0])
    assert share >= 95


@pytest.mark.slow
def test_the_card_tells_the_accuracy_that_is_measured():
    network = interpret.load_model("zfnet", weights="scenes")
    measured = recipe.accuracy(network, recipe.scenes("test", recipe.HELD_OUT))
    assert measured == pytest.approx(find_card("zfnet", "scenes").accuracy, abs=0.001)


@pytest.mark.parametrize("name", ["scenes", "imagenette"])
def test_a_program_that_has_moved_says_where_it_is(name, capsys):
    with pytest.raises(ImportError, match=rf"Import interpret_training\.bundled\.{name}\."):
        importlib.import_module(f"interpret_zoo.recipes.{name}")
    with pytest.raises(SystemExit) as stopped:
        runpy.run_module(f"interpret_zoo.recipes.{name}", run_name="__main__")
    assert stopped.value.code == 2
    assert f"Run: python -m interpret_training.bundled.{name}\n" in capsys.readouterr().err
    assert importlib.import_module(f"interpret_training.bundled.{name}").main
