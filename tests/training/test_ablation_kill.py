"""kill -9 in the second row of an ablation: the same numbers, and the first row is not trained again."""

import signal
import time
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from ablation_fixtures import job, registry

from interpret import results
from interpret.errors import PipelineError
from interpret.pipeline import read_pipeline
from interpret.run import run_pipeline
from interpret_training.ablation.results import Ablation
from interpret_training.state import STATE

PIPELINE = """\
version: 1
models: {place: {name: module, target: "ablation_fixtures:Small", input_size: 16, categories: 3}}
datasets: {drawn: {name: stripes, count: 48}}
steps:
  table:
    probe: ablation
    base: {name: module, target: "ablation_fixtures:Small", input_size: 16, resize: 18, categories: 3}
    variants:
      - {label: narrow}
      - label: wide
        model: {arguments: {width: 6}}
    seeds: [0]
    recipe: {epochs: 8, batch: 8, rate: 0.01, init: he, radius: null, patience: 2}
    validation: 0.25
"""


def ended(process) -> int:
    process.join()
    return process.exitcode


def finished(out: Path) -> dict[Path, int]:
    """The trainings that are stored, and when."""
    stored = (
        file
        for file in out.glob(".work/*/result.json")
        if '"interpret_training:VariantRun"' in file.read_text()
    )
    return {file: file.stat().st_mtime_ns for file in stored}


def reproducible(found: Ablation, folder: Path) -> tuple[bytes, ...]:
    """The files of a result without the seconds, which the machine decides."""
    replace(found, seconds=torch.zeros_like(found.seconds)).save(folder)
    return tuple((folder / f"result.{ending}").read_bytes() for ending in ("json", "safetensors"))


def test_a_killed_ablation_continues_with_the_same_numbers(fork, tmp_path, one_thread):
    path = tmp_path / "pipeline.yaml"
    path.write_text(PIPELINE)
    killed = fork(job, path, out := tmp_path / "killed")
    while not (finished(out) and list(out.glob(f".work/*/{STATE}"))) and killed.is_alive():
        time.sleep(0.005)
    killed.kill()
    assert ended(killed) == -signal.SIGKILL
    before = finished(out)
    assert len(before) == 1
    assert not (out / "table" / "result.json").exists()
    for folder in (out, tmp_path / "straight"):
        run_pipeline(path, folder, registry=registry())
    after = finished(out)
    assert len(after) == 2
    assert after.items() >= before.items()
    assert len(list((out / ".work").iterdir())) == 2, "the rooms of the trainings are gone"
    one, other = (results.load(folder / "table") for folder in (out, tmp_path / "straight"))
    assert reproducible(one, tmp_path / "1") == reproducible(other, tmp_path / "2")
    assert {field.name for field in fields(one)} > {"train", "validation", "validation5", "histories"}

    path.write_text(
        PIPELINE.replace("- {label: narrow}", "- {label: further, model: {arguments: {width: 8}}}")
    )
    changed = run_pipeline(path, out, registry=registry())["table"]
    assert changed.labels == ("further", "wide")
    assert changed.validation[1].tolist() == one.validation[1].tolist()
    assert changed.seconds[1].tolist() == one.seconds[1].tolist()
    assert len(finished(out)) == 3
    assert finished(out).items() >= after.items()


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("{width: 6}}", "{width: 6}, size: 3}", 11, "'variants.1.model.size' must be a parameter of module"),
        ("label: wide", "label: narrow", 10, "'variants.1.label' must be unlike the others"),
        ("resize: 18", "resize: 0", 7, "'base.resize' must be greater than or equal to 1. Got"),
        ("label: wide", "label: wide\n        paper: {train: many}", 11, "'variants.1.paper.train' must be"),
        ("seeds: [0]", "seeds: [1, 1]", 12, "'seeds' must be different numbers"),
    ],
)
def test_mistakes_are_shown_at_their_line(tmp_path, old, new, line, message):
    path = tmp_path / "pipeline.yaml"
    assert old in PIPELINE
    at = PIPELINE.rindex(old)
    path.write_text(PIPELINE[:at] + new + PIPELINE[at + len(old) :])
    with pytest.raises(PipelineError) as error:
        read_pipeline(path, registry())
    (problem,) = error.value.problems
    assert message in problem.message
    assert problem.line == line
