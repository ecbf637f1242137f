"""The probe, and the example."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

import interpret
from interpret import PluginError
from interpret.run import Run, run_pipeline
from interpret.testing import check_probe
from interpret_invariance import Invariance, Invariances, invariance

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "invariance.yaml"


def test_contract() -> None:
    check_probe(Invariance(steps=3))
    check_probe(
        Invariance(layers=["conv2"], transforms=("blur", "contrast"), ranges={"blur": (0, 1)}, steps=3)
    )


def test_the_probe_is_the_function() -> None:
    network = interpret.load_model("zfnet", weights="scenes")
    images = interpret.load_dataset("scenes", split="val", limit=4)
    asked = {"transforms": ("rotation",), "ranges": {"rotation": (-20, 40)}, "steps": 4, "border": "edge"}
    found = interpret.load_probe("invariance", layers=["layer5"], target="cat", **asked).run(network, images)
    expected = invariance(network, images, ["layer5"], target="cat", **asked)
    assert isinstance(found, Invariances)
    assert found.border == "edge"
    assert found["rotation"].amounts.tolist() == [-20, 0, 20, 40]
    assert torch.equal(found["rotation"].distance["layer5"], expected["rotation"].distance["layer5"])
    assert torch.equal(found["rotation"].probability, expected["rotation"].probability)
    assert set(found.target.tolist()) == {1}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"transforms": ["spin"]}, "vertical_translation"),
        ({"steps": 1}, "steps"),
        ({"transforms": []}, "transforms"),
        ({"border": "wrap"}, "border"),
        ({"ranges": {"scale": [1]}}, "ranges"),
    ],
)
def test_parameters_that_make_no_sense(given, message) -> None:
    with pytest.raises(PluginError, match=message):
        interpret.load_probe("invariance", **given)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """With fewer steps than the example has."""
    folder = tmp_path_factory.mktemp("run")
    pipeline = yaml.safe_load(EXAMPLE.read_text())
    for step in pipeline["steps"].values():
        step["steps"] = 15
    pipeline["steps"]["further"]["images"] = [18]
    (folder / "invariance.yaml").write_text(yaml.safe_dump(pipeline, sort_keys=False))
    return run_pipeline(folder / "invariance.yaml", folder / "run")


def test_the_example_shows_the_papers_claims(run) -> None:
    """Translation and scale: layer 7 takes longer to change than layer 1, and along a straighter line."""
    found = run["moved"]
    for transform, ratio in (("vertical_translation", 2), ("scale", 2.5)):
        curves = found[transform]
        first, last = (curves.distance_half_widths(layer)[:, 1].median() for layer in ("layer1", "layer7"))
        assert last > ratio * first
        assert curves.linearity("layer7").median() > 0.8
        assert curves.linearity("layer1").median() < 0.3
    assert found["vertical_translation"].probability.median(0).values.min() > 0.5
    assert (found["rotation"].probability.amin(1) < 0.1).sum() == 3


def test_the_example_draws_what_it_finds(run, tmp_path) -> None:
    assert list(run["further"].curves) == ["horizontal_translation", "brightness", "contrast", "blur"]
    for step in ("moved", "further"):
        names = {path.name for path in (run.folder / step).iterdir()}
        assert names >= {"invariance-1.png", "invariance.md", "invariance.csv"}
