"""Which GPUs workers have; Ray counts some here, without a card."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import ray
import torch
from ray_runs import pipeline

from interpret.errors import StepError
from interpret.run import run_pipeline
from interpret_ray import Ray
from interpret_ray.cluster import Cluster, connect


def test_room_is_what_the_scarcest_of_cores_and_gpus_allows():
    assert Cluster(16, 2, ours=True).room(1, 1) == 2
    assert Cluster(16, 2, ours=True).room(4, 0.25) == 4
    assert Cluster(16, 0, ours=True).room(3, 0) == 5
    assert Cluster(1, 0, ours=True).room(4, 0) == 1
    assert connect("", 2).ours is False  # the Ray of these tests was there


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
