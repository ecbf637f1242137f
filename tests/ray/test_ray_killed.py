"""Runs by Ray whose driver is killed, or of which there are two."""

import os
import tempfile
import threading
from uuid import uuid4

import pytest
import ray
from ray_runs import actors, gone, kill_driver, marked, pipeline, stored

from interpret.run import run_pipeline
from interpret_local import Local
from interpret_ray import Ray
from interpret_ray import worker as worker_module
from interpret_ray.worker import own_folder


def test_a_run_on_a_cluster_that_is_killed_leaves_no_process_and_goes_on(expected, tmp_path):
    address = ray.get_runtime_context().gcs_address
    kill_driver(tmp_path / "run", address, uuid4().hex)
    assert gone(actors)
    run_pipeline(pipeline(), tmp_path / "run", executor=Ray(workers=2))
    assert stored(tmp_path / "run") == expected
    assert ray.cluster_resources()["CPU"] == 2  # the cluster of others is still there


@pytest.mark.slow
@pytest.mark.parametrize("step", ["mined", "covered"])
def test_a_run_with_a_ray_of_its_own_that_is_killed_leaves_no_process_and_goes_on(step, expected, tmp_path):
    mark = uuid4().hex
    kill_driver(tmp_path / "run", "", mark, step)
    assert gone(
        lambda: marked(mark), 120
    )  # two of Ray's own wait a minute for an answer of those that are gone
    run_pipeline(pipeline(), tmp_path / "run", executor=Local(workers=2))
    assert stored(tmp_path / "run") == expected


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_two_runs_at_once_are_two_runs(workers, expected, tmp_path):
    """Side by side where there is room for the workers of both, else one after the other."""
    errors: list[BaseException] = []

    def go(name: str) -> None:
        try:
            run_pipeline(pipeline(), tmp_path / name, executor=Ray(workers=workers, shared_disk=False))
        except BaseException as error:  # noqa: BLE001 - told by the test
            errors.append(error)

    threads = [threading.Thread(target=go, args=(name,)) for name in ("one", "other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert stored(tmp_path / "one") == stored(tmp_path / "other") == expected
    assert gone(actors)


def test_folders_of_workers_that_are_gone_go(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, kept = own_folder(), own_folder()
    os.close(worker_module._locks.pop(0))
    for folder in (left, kept):
        os.utime(folder, (0, 0))
    assert own_folder().is_dir()
    assert kept.is_dir()
    assert not left.exists()
