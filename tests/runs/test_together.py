"""Several processes do the work of one step together, and store what one process stores."""

import os
import pickle
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import ClassVar

import pytest
import torch
from asked_steps import ASKED, asked_pipeline

from interpret.plugin import Executor, Job
from interpret.run import run_pipeline

QUICK = {"deconv", "occlusion", "evolution", "transfer", "compare"}


def run_job(data: bytes) -> int:
    """Run a job, in whichever process this is."""
    torch.set_num_threads(1)
    pickle.loads(data).run()
    return os.getpid()


class Two(Executor):
    """Two processes that stay from step to step, so that many steps are tested in little time."""

    name: ClassVar[str] = "two"
    pool: ClassVar[ProcessPoolExecutor]
    used: ClassVar[list[int]] = []

    @property
    def capacity(self) -> int:
        return 2

    def run(self, jobs: Sequence[Job]) -> Iterator[Job]:
        futures = {self.pool.submit(run_job, pickle.dumps(job)): job for job in jobs}
        for future in as_completed(futures):
            self.used.append(future.result())
            yield futures[future]


@pytest.fixture(scope="module")
def two() -> Iterator[Two]:
    with ProcessPoolExecutor(2, get_context("forkserver")) as pool:
        Two.pool = pool
        yield Two()


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in ASKED]
)
def test_two_processes_store_what_one_does(name, two, checkpoints, tmp_path):
    text = asked_pipeline(name, checkpoints)
    two.used.clear()
    for folder, executor in (("one", "local"), ("two", two)):
        run_pipeline(text, tmp_path / folder, executor=executor)
    assert name == "topk" or len(set(two.used)) == 2
    for file in ("result.json", "result.safetensors")[name == "transfer" :]:  # the first holds seconds
        found, right = (tmp_path / folder / "asked" / file for folder in ("two", "one"))
        assert found.read_bytes() == right.read_bytes()
    assert not (tmp_path / "two/asked/shards").exists()
