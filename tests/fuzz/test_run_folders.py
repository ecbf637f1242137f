"""A run folder with mutated files: the run goes on or refuses, and nothing outside of it changes."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interpret.errors import InterpretError
from interpret.run import run_pipeline

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "runs"))
import tiny_plugin
from fuzzing import MANY, SAMPLE, edited, edited_json, read_or_refused

FILES = (
    "manifest.json",
    "peaks/step.json",
    "peaks/figures.json",
    "peaks/result.json",
    "peaks/result.safetensors",
)


@pytest.fixture(scope="module")
def origin(tmp_path_factory) -> Path:
    return make_origin(tmp_path_factory.mktemp("origin"))


def make_origin(place: Path) -> Path:
    """A pipeline, what it wrote, and a file outside of it."""
    (place / "pipeline.yaml").write_text(tiny_plugin.PIPELINE.replace("count: 1000", "count: 20"))
    (place / "victim.txt").write_text("precious")
    run_pipeline(place / "pipeline.yaml", place / "out", registry=tiny_plugin.registry())
    return place


def outcome(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.glob("*/result.*")}


def refusal(run: Callable[[], object]) -> str:
    try:
        run()
    except InterpretError as error:
        return str(error)
    return ""


def fuzz(origin: Path, folder: Path, name: str, trials: settings) -> None:
    """Mutate one file of the run folder, and run again."""
    content = (origin / "out" / name).read_bytes()
    hostile = edited(content)
    if name.endswith(".json"):
        hostile = st.one_of(hostile, edited_json(json.loads(content)))
    numbers, expected, registry = count(), outcome(origin / "out"), tiny_plugin.registry()

    @trials
    @given(hostile)
    def trial(data: bytes) -> None:
        place = folder / str(next(numbers))
        shutil.copytree(origin, place)
        (place / "out" / name).write_bytes(data)
        read_or_refused(lambda: run_pipeline(place / "pipeline.yaml", place / "out", registry=registry))
        assert (place / "victim.txt").read_text() == "precious"
        assert sorted(file.name for file in place.iterdir()) == ["out", "pipeline.yaml", "victim.txt"]
        again = partial(run_pipeline, place / "pipeline.yaml", place / "out", registry=registry, force=True)
        if refused := refusal(again):  # it names paths that are none; the cure works
            assert f"Remove {place / 'out' / name} and run again" in refused
            (place / "out" / name).unlink()
            again()
        assert outcome(place / "out") == expected
        shutil.rmtree(place)

    trial()


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_run_folder_goes_on_or_is_refused(name, origin, tmp_path):
    fuzz(origin, tmp_path, name, settings(SAMPLE, max_examples=4))


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_many_hostile_run_folders_go_on_or_are_refused(name, origin, tmp_path):
    fuzz(origin, tmp_path, name, settings(MANY, max_examples=300))
