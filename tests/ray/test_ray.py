"""The executor ``ray`` in a real Ray: the bytes of ``local``, whatever is lost on the way."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import ray
import torch

from interpret.errors import StepError, UnknownNameError
from interpret.progress import Progress
from interpret.run import run_pipeline
from interpret.testing import check_executor
from interpret_local import Local
from interpret_ray import Ray
from interpret_ray import worker as worker_module
from interpret_ray.cluster import Cluster, connect
from interpret_ray.coordinator import Coordinator
from interpret_ray.exchange import CoordinatorExchange
from interpret_ray.worker import own_folder

IMAGES = {"name": "scenes", "split": "val", "limit": 600, "size": 64}
NET = {"name": "zfnet", "width": 0.0625, "input_size": 64, "categories": 10}
STEPS = {
    "mined": {"probe": "topk", "layers": ["layer1", "layer2"], "k": 2, "batch_size": 8},
    "projected": {"probe": "deconv", "inputs": {"exemplars": "mined"}, "batch_size": 4},
    "covered": {"probe": "occlusion", "images": [0, 1, 2], "window": 16, "stride": 8, "engine": "full"},
}


def pipeline(**changes: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "models": {"net": NET},
        "datasets": {"drawn": {**IMAGES, **changes}},
        "steps": STEPS,
    }


def stored(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("*/result.*")}


@pytest.fixture(scope="session")
def expected(tmp_path_factory) -> dict[str, bytes]:
    """What one process stores."""
    folder = tmp_path_factory.mktemp("expected")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    run_pipeline(pipeline(), folder)
    torch.set_num_threads(threads)
    return stored(folder)


@pytest.fixture(autouse=True)
def one_thread(cluster):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Told(Progress):
    """Calls a function whenever something of a step is done."""

    def __init__(self, then: Callable[[str, int], None] = lambda step, parts: None) -> None:
        self.then, self.totals, self.done = then, dict[str, int](), dict[str, int]()

    def started(self, step: str, parts: int) -> None:
        self.totals[step], self.done[step] = parts, 0

    def advanced(self, step: str, parts: int) -> None:
        self.done[step] += parts
        self.then(step, self.done[step])


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


def workers() -> list[int]:
    """The processes that have a job."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().startswith(b"ray::Worker.run"):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


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


def test_room_is_what_the_scarcest_of_cores_and_gpus_allows():
    assert Cluster(16, 2, ours=True).room(1, 1) == 2
    assert Cluster(16, 2, ours=True).room(4, 0.25) == 4
    assert Cluster(16, 0, ours=True).room(3, 0) == 5
    assert Cluster(1, 0, ours=True).room(4, 0) == 1
    assert connect("", 2).ours is False  # the Ray of these tests was there


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


def kill_driver(out: Path, address: str, mark: str, step: str = "mined") -> None:
    """Start a run in a process of its own, and kill that when something of a step is done."""
    script = Path(__file__).parent / "ray_driver.py"
    paths = os.pathsep.join(filter(None, sys.path))
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "INTERPRET_TEST_MARK": mark}
    environment.pop("RAY_ADDRESS", None)
    command = [sys.executable, str(script), json.dumps(pipeline()), str(out), address]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as driver:
        assert next((line for line in driver.stdout if line == f"{step}\n"), "")
        driver.kill()


def gone(found: Callable[[], list[int]], seconds: float = 60) -> bool:
    """Whether there are no such processes, or will be none soon."""
    end = time.monotonic() + seconds
    while (left := found()) and time.monotonic() < end:
        time.sleep(0.1)
    return not left


def marked(mark: str) -> list[int]:
    """The processes that have a mark in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def actors() -> list[int]:
    """The processes of workers and coordinators."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().startswith((b"ray::Worker", b"ray::Coordinator")):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


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


@dataclass(frozen=True)
class Seen:
    """A job that says which GPUs its worker has, once so many others have said so."""

    folder: Path
    number: int
    jobs: int
    step: str = "seen"

    @property
    def shard(self) -> range:
        return range(self.number, self.number + 1)

    def at(self, folder: Path) -> "Seen":
        return self

    def run(self, tell: Callable[[int], None]) -> None:
        gpus = ray.get_runtime_context().get_accelerator_ids()["GPU"]
        said = {"gpus": gpus, "visible": os.environ.get("CUDA_VISIBLE_DEVICES")}
        (self.folder / f"{self.number}.json").write_text(json.dumps(said))
        while len(list(self.folder.glob("*.json"))) < self.jobs:
            time.sleep(0.01)

    def advance(self, images: int) -> None:
        """Nobody is told."""


def gpus_of(folder: Path, gpus: float | None) -> list[dict[str, Any]]:
    """What two workers see of GPUs that are at work at the same time."""
    folder.mkdir()
    executor = Ray(workers=2, gpus=gpus)
    try:
        assert len(list(executor.run([Seen(folder, number, 2) for number in range(2)]))) == 2
    finally:
        executor.close()
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def test_workers_have_the_gpus_that_ray_sets_aside(tmp_path):
    """Ray counts two here, without a card: who gets which is tested, and not what is computed there."""
    one, other = gpus_of(tmp_path / "whole", 1)
    assert {*one["gpus"], *other["gpus"]} == {one["visible"], other["visible"]} == {"0", "1"}


@pytest.mark.slow
def test_workers_can_share_a_gpu_and_have_none_where_the_run_has_none(tmp_path):
    one, other = gpus_of(tmp_path / "half", 0.5)
    assert len(one["gpus"]) == len(other["gpus"]) == 1
    assert [one["visible"]] == one["gpus"]
    if not torch.cuda.is_available():
        assert [found["gpus"] for found in gpus_of(tmp_path / "none", None)] == [[], []]


def test_gpus_that_are_not_there_are_told_of(tmp_path):
    with pytest.raises(
        StepError, match=r"Each asks for 1 cores and 3 GPUs; the cluster has 2 cores and 2 GPUs"
    ):
        run_pipeline(pipeline(), tmp_path, executor=Ray(workers=1, gpus=3, start_seconds=1))
    assert Cluster(2, 0, ours=True).has(1, 0)
    assert not Cluster(2, 0, ours=True).has(1, 1)


@pytest.mark.slow
def test_a_ray_of_our_own_says_at_once_what_it_lacks(tmp_path):
    """It will never have more, so nobody waits; the cure that is named works."""
    program = """\
import sys
from interpret.run import run_pipeline
from interpret_ray import Ray
import json
try:
    run_pipeline(json.loads(sys.argv[1]), sys.argv[2], executor=Ray(workers=1, gpus=1))
except Exception as error:
    print(error)
run_pipeline(json.loads(sys.argv[1]), sys.argv[2], executor=Ray(workers=1, gpus=0))
print("done")
"""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "CUDA_VISIBLE_DEVICES": "",
    }
    environment.pop("RAY_ADDRESS", None)
    command = [sys.executable, "-c", program, json.dumps(pipeline()), str(tmp_path / "run")]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert "No worker can begin here. Each asks for 1 cores and 1 GPUs; the cluster has" in said
    assert "Set cpus or gpus of the executor." in said
    assert said.endswith("done\n")


def test_folders_of_workers_that_are_gone_go(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, kept = own_folder(), own_folder()
    os.close(worker_module._locks.pop(0))
    for folder in (left, kept):
        os.utime(folder, (0, 0))
    assert own_folder().is_dir()
    assert kept.is_dir()
    assert not left.exists()
