"""The executor ``ray`` in a real Ray: the bytes of ``local``, whatever is lost on the way."""

import json
import os
import signal

import fsspec
import pytest
from ray_runs import STEPS, Told, pipeline, stored, workers

from interpret.errors import StepError, UnknownNameError
from interpret.run import run_pipeline
from interpret.testing import check_executor
from interpret_local import Local
from interpret_ray import Ray
from interpret_ray.coordinator import Coordinator
from interpret_ray.exchange import CoordinatorExchange


@pytest.mark.parametrize("shared_disk", [False, pytest.param(None, marks=pytest.mark.slow)])
def test_the_bytes_are_those_of_one_process(shared_disk, expected, tmp_path):
    told = Told()
    run_pipeline(pipeline(), tmp_path, executor=Ray(workers=2, shared_disk=shared_disk), progress=told)
    assert stored(tmp_path) == expected
    assert told.done["mined"] == told.totals["mined"] == 600
    assert told.done["projected"] == told.totals["projected"] > 4
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["executor"] == "ray"
    assert not any("remarks" in step for step in manifest["steps"].values())


@pytest.mark.parametrize("step", ["mined", pytest.param("covered", marks=pytest.mark.slow)])
def test_a_worker_that_is_killed_costs_its_work_only(step, expected, tmp_path):
    """It is killed when something of the step is done, whichever step it has; the reason stands there."""
    killed = []

    def kill(name: str, done: int) -> None:
        if name == step and not killed and (running := workers()):
            killed.append(running[0])
            os.kill(running[0], signal.SIGKILL)

    run_pipeline(pipeline(), tmp_path, executor=Ray(workers=2), progress=Told(kill))
    assert stored(tmp_path) == expected
    assert killed
    steps = json.loads((tmp_path / "manifest.json").read_text())["steps"].values()
    remarks = [remark for found in steps for remark in found.get("remarks", [])]
    assert len(remarks) == 1
    assert remarks[0].startswith("A worker was lost at part ")


@pytest.mark.slow
def test_a_job_that_loses_all_its_workers_ends_the_step(tmp_path):
    def kill(name: str, done: int) -> None:
        for process in workers():
            os.kill(process, signal.SIGKILL)

    with pytest.raises(StepError, match=r"2 workers of Ray were lost one after the other at part 0 to"):
        run_pipeline(pipeline(), tmp_path, executor=Ray(workers=1, retries=1), progress=Told(kill))
    run_pipeline(pipeline(), tmp_path, executor=Local())
    assert stored(tmp_path)


@pytest.mark.slow
def test_a_stopped_run_goes_on_with_another_executor(expected, tmp_path):
    def stop(name: str, done: int) -> None:
        if name == "projected":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_pipeline(pipeline(), tmp_path, executor=Ray(workers=2), progress=Told(stop))
    assert "mined/result.json" in stored(tmp_path)
    run_pipeline(pipeline(), tmp_path, executor=Local(workers=2))
    assert stored(tmp_path) == expected


@pytest.mark.slow
def test_it_keeps_the_promises_of_executors():
    check_executor(Ray(workers=2))


@pytest.mark.slow
def test_an_error_of_the_work_is_told_as_everywhere(tmp_path):
    text = pipeline()
    text["steps"] = {"covered": {**STEPS["covered"], "target": "no such class"}}
    with pytest.raises(StepError, match="no such class") as raised:
        run_pipeline(text, tmp_path, executor=Ray(workers=2))
    assert isinstance(raised.value.__cause__, UnknownNameError)


def test_a_worker_that_asks_for_too_much_never_begins(tmp_path):
    with pytest.raises(StepError, match=r"No worker began within 1 seconds\. Each asks for 64 cores"):
        run_pipeline(pipeline(), tmp_path, executor=Ray(workers=1, cpus=64, start_seconds=1))


def test_the_coordinator_gives_a_part_to_one(tmp_path):
    """Two ends of the coordinator: each sees the claim of the other and, without a common disk, its files."""
    coordinator = Coordinator(tmp_path / "run")
    (tmp_path / "run").mkdir()
    ends = [
        CoordinatorExchange(
            lambda name, *args: getattr(coordinator, name)(*args), who, tmp_path / who, apart=True
        )
        for who in ("one", "other")
    ]
    places = [tmp_path / who / "step" / "pieces" for who in ("one", "other")]

    def choose(held):
        return None if "a" in held else "a"

    with ends[0].claim(places[0], choose) as one, ends[1].claim(places[1], choose) as other:
        assert (one, other) == ("a", None)
        assert ends[1].held(places[1]) == {"a"}
    assert not ends[1].held(places[1])
    (places[0] / "a").mkdir(parents=True)
    (places[0] / "a" / "result.json").write_text("{}")
    ends[0].share(places[0] / "a")
    ends[1].bring(places[1])
    assert (places[1] / "a" / "result.json").read_text() == "{}"
    with ends[0].claim(places[0], lambda held: "b"):
        coordinator.lose("one")
        assert not ends[1].held(places[1])


def test_the_coordinator_reads_and_writes_inside_the_run_only(tmp_path):
    coordinator = Coordinator(tmp_path)
    for name in ("../secret", "/etc/passwd", "a/../../secret"):
        with pytest.raises(Exception, match="is no path inside it"):
            coordinator.read(name)
        with pytest.raises(Exception, match="is no path inside it"):
            coordinator.write(name, b"")


@pytest.mark.slow
def test_a_run_at_a_url_has_the_bytes_of_one_process(expected, tmp_path, monkeypatch):
    monkeypatch.setenv("INTERPRET_CACHE", str(tmp_path))
    run = run_pipeline(pipeline(), "memory://ray/run", executor=Ray(workers=2, shared_disk=False))
    assert stored(run.folder) == expected
    system = fsspec.filesystem("memory")
    assert {name: system.cat_file(f"/ray/run/{name}") for name in expected} == expected
