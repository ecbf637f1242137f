"""The program of the embedded weights: from a run to files, and that those which come along are right."""

import importlib
import runpy
import sys
from pathlib import Path

import pytest

import interpret
from interpret.pipeline import read_pipeline
from interpret.plugin import registry
from interpret_training import evaluate, read_recipe, train
from interpret_training.bundled import scenes as program
from interpret_zoo.cards import find_card

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "scenes.yaml"


def test_the_example_trains_the_network_that_the_program_ships():
    model = read_pipeline(EXAMPLE, registry()).models["zfnet"].model
    drawn = program.scenes("val", 1)
    shipped = {**program.PARAMETERS, "categories": list(drawn.categories), "dropout": 0.3}
    assert model == type(model)(**shipped)


def test_a_small_run_becomes_weights_and_card(tmp_path, monkeypatch, capsys):
    drawn = program.scenes("train", 20)
    network = interpret.load_model("zfnet", **program.PARAMETERS, categories=list(drawn.categories))
    recipe = read_recipe("scenes-quickstart", epochs=1, batch=10)
    train(network, drawn, recipe, validation=program.scenes("val", 10), folder=tmp_path / "run" / "learn")
    monkeypatch.setattr(program, "HELD_OUT", 10)
    monkeypatch.setattr(sys, "argv", ["scenes", str(tmp_path / "run"), "--out", str(tmp_path / "out")])
    program.main()
    printed = capsys.readouterr().out
    assert "| license | BSD-3-Clause |" in printed
    assert "| trained on | scenes, split train, 20 images, 1 epochs |" in printed
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".json", ".md", ".safetensors"]
    weights = str(tmp_path / "out" / "zfnet-scenes.safetensors")
    shipped = interpret.load_model("zfnet", weights=weights, categories=10, **program.PARAMETERS)
    assert 0 <= evaluate(shipped, program.scenes("val", 10), crops=1).error <= 1


@pytest.mark.parametrize(
    ("count", "off"), [(50, 0.05), pytest.param(program.HELD_OUT, 0.001, marks=pytest.mark.slow)]
)
def test_the_card_tells_the_accuracy_that_is_measured(count, off):
    network = interpret.load_model("zfnet", weights="scenes")
    measured = 1 - evaluate(network, program.scenes("test", count), crops=1).error
    assert measured == pytest.approx(find_card("zfnet", "scenes").accuracy, abs=off)


@pytest.mark.parametrize("name", ["scenes", "imagenette"])
def test_a_program_that_has_moved_says_where_it_is(name, capsys):
    with pytest.raises(ImportError, match=rf"Import interpret_training\.bundled\.{name}\."):
        importlib.import_module(f"interpret_zoo.recipes.{name}")
    with pytest.raises(SystemExit) as stopped:
        runpy.run_module(f"interpret_zoo.recipes.{name}", run_name="__main__")
    assert stopped.value.code == 2
    assert f"Run: python -m interpret_training.bundled.{name}\n" in capsys.readouterr().err
    assert importlib.import_module(f"interpret_training.bundled.{name}").main
