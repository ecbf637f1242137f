"""The probes: their parameters, what is checked before a run, results in one table, a pipeline to its end."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from transfer_fixtures import equal, network

import interpret
from interpret.errors import PipelineError, StepError
from interpret.plugin import registry
from interpret.run import run_pipeline
from interpret.testing import check_probe, small_images, small_network
from interpret_transfer import Scratch, Transfer, TransferLayers, transfer
from interpret_transfer.classifiers import STRENGTHS
from interpret_transfer.probe import beside

SHORT = {"epochs": 1, "batch": 4, "init": "he", "checkpoints": [], "test_crops": 1}
HELD_OUT = {"name": "scenes", "split": "val", "limit": 12}
PIPELINE = """\
version: 1
models: {net: {name: zfnet, width: 0.0625, input_size: 64, categories: 10}}
datasets: {drawn: {name: scenes, split: val, limit: 30}}
steps:
  layers: {probe: transfer, layers: [layer1, layer5], train: [1, 2], test: 1, folds: 2, strengths: [1]}
  trained:
    probe: scratch
    recipe: {epochs: 1, batch: 8, init: he, checkpoints: []}
    train: [1, 2]
    test: 1
    folds: 2
    inputs: {other: layers}
"""


def test_the_probes_are_known():
    assert registry().lookup("probe", "transfer") is TransferLayers
    assert registry().lookup("probe", "scratch") is Scratch


def test_parameters_are_the_papers():
    probe = TransferLayers()
    assert (probe.train, probe.test, probe.folds, probe.seed) == ([15], 50, 5, 0)
    assert (probe.classifiers, probe.scaling, probe.crops) == (["svm"], "length", 1)
    assert tuple(probe.strengths) == STRENGTHS
    assert all(item.description for item in TransferLayers.model_fields.values())
    assert all(item.description for item in Scratch.model_fields.values())


@pytest.mark.parametrize(
    "wrong",
    [
        {"train": []},
        {"train": [0]},
        {"test": 0},
        {"folds": 0},
        {"seed": -1},
        {"classifiers": []},
        {"classifiers": ["forest"]},
        {"scaling": "lenght"},
        {"crops": 5},
        {"strengths": []},
        {"strengths": [0]},
        {"batch_size": 0},
        {"on_error": "ignore"},
    ],
)
def test_parameters_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        TransferLayers(**wrong)


@pytest.mark.parametrize(
    ("held_out", "message"),
    [
        ({"name": "scene"}, "There is no dataset 'scene'"),
        ({"name": "scenes", "limt": 3}, "limt"),
        ({}, "There is no dataset"),
    ],
)
def test_a_mistake_in_the_data_set_to_test_on_shows_at_once(held_out, message):
    with pytest.raises(ValidationError, match=message):
        TransferLayers(held_out=held_out)


def test_the_data_set_to_test_on_belongs_to_the_step():
    (dataset,) = TransferLayers(held_out=HELD_OUT).nested()
    assert dataset.name == "scenes"
    assert dataset.limit == 12
    assert TransferLayers().nested() == []


@pytest.mark.parametrize(
    "given",
    [
        {"train": [1], "layers": ["relu1", "fc"], "folds": 2},
        {"train": [1, 2], "classifiers": ["svm", "softmax"], "scaling": "standard", "strengths": [1]},
        {
            "train": [1],
            "crops": 10,
            "batch_size": 3,
            "scaling": "none",
            "layers": ["pool2"],
            "strengths": [1],
        },
    ],
)
def test_the_contract_of_transfer(own_room, given):
    check_probe(TransferLayers(**given), images=small_images(12))


def test_the_contract_of_scratch(own_room):
    check_probe(Scratch(train=[1], folds=2, recipe=SHORT), images=small_images(12))


def test_the_contract_of_transfer_after_another(own_room):
    other = TransferLayers(train=[1], layers=["fc"]).run(small_network(), small_images(12))
    check_probe(TransferLayers(train=[1], layers=["pool2"]), images=small_images(12), other=other)


def test_the_probe_is_the_function(own_room):
    given = {"train": [3], "folds": 2, "seed": 3}
    one = TransferLayers(**given, layers=["fc"], label="mine").run(network(), equal(9, noise=150))
    other = transfer(network(), equal(9, noise=150), ["fc"], label="mine", **given)
    assert torch.equal(one["fc"].quality, other["fc"].quality)
    assert one.networks[0].label == "mine"


def result(own_room, **given):
    return TransferLayers(**{"train": [2], "folds": 2, "layers": ["fc"], "strengths": [1], **given}).run(
        network(), equal(6)
    )


def test_results_of_one_task_stand_in_one_table(own_room):
    first, second = result(own_room, label="one"), result(own_room, label="two", layers=["layer1"])
    third = Scratch(train=[2], folds=2, recipe=SHORT, label="three").run(
        network(), equal(6), other=beside(first, second)
    )
    assert [one.label for one in third.networks] == ["one", "two", "three"]
    assert [one.layers[0].layer for one in third.networks] == ["fc", "layer1", ""]
    assert beside(None, first) is first


@pytest.mark.parametrize("given", [{"train": [3]}, {"folds": 3}, {"train": [2, 3]}])
def test_results_of_other_tasks_do_not(own_room, given):
    with pytest.raises(
        StepError, match=r"The other result is about 3 categories with 2 images to train, 2 folds"
    ):
        beside(result(own_room), result(own_room, **given))


def test_images_to_test_on_are_opened(own_room):
    made = interpret.load_model("zfnet", width=0.0625, input_size=64, categories=4)
    images = interpret.load_dataset("scenes", split="train", limit=20)
    found = TransferLayers(held_out=HELD_OUT, layers=["layer5"], strengths=[1]).run(made, images)
    assert found.measure == "average precision"
    assert (found.sizes, found.tested) == ((20,), 12)
    assert 0 < float(found["layer5"].mean) <= 1
    assert found.categories == images.categories


def write(folder, *changes):
    text = PIPELINE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "pipeline.yaml"
    path.write_text(text)
    return path


def test_a_pipeline_runs_to_its_end(tmp_path):
    found = run_pipeline(write(tmp_path), tmp_path / "out")
    both = found["trained"]
    assert isinstance(both, Transfer)
    assert [row.layer for one in both.networks for row in one.layers] == ["layer1", "layer5", ""]
    assert both.sizes == (1, 2)
    assert torch.equal(both["layer5"].quality, found["layers"]["layer5"].quality)
    for one in both.networks:
        for row in one.layers:
            assert ((row.quality >= 0) & (row.quality <= 1)).all()
    again = run_pipeline(write(tmp_path), tmp_path / "out")
    assert {name: step.status for name, step in again.steps.items()} == {"layers": "kept", "trained": "kept"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("strengths: [1]", "held_out: {name: scene}"), "There is no dataset 'scene'"),
        (("strengths: [1]", "strengths: [-1]"), "strengths"),
        (("epochs: 1", "epoch: 1"), "epoch"),
    ],
)
def test_mistakes_show_before_anything_runs(tmp_path, change, message):
    with pytest.raises(PipelineError, match=message):
        run_pipeline(write(tmp_path, change), tmp_path / "out")
    assert not (tmp_path / "out" / "layers").exists()


def test_steps_about_other_splits_do_not_share_a_table(tmp_path):
    path = write(tmp_path, ("train: [1, 2]", "train: [1]"), ("folds: 2\n    inputs", "folds: 1\n    inputs"))
    with pytest.raises(StepError, match="they cannot stand in one table"):
        run_pipeline(path, tmp_path / "out")
