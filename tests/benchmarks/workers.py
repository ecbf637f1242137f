"""Mining by one worker and by two, of one thread each, by ``local`` and by ``ray``, with the same bytes.

``python tests/benchmarks/workers.py [ROUNDS] [FOLDER]``: 20,000 drawn scenes, or the photographs of a folder,
in about 5 minutes a round on two quiet cores. Whole runs are measured. What starts Ray and its workers is
counted apart: it ends when the first image is told of. In each round runs with 1 and 2 workers are
interleaved, and the next round turns their order, so that what slows the machine slows both.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

os.environ["OMP_NUM_THREADS"] = "1"

import torch
from run import show
from table import Row

from interpret.plugin import Executor
from interpret.progress import Progress
from interpret.run import run_pipeline
from interpret_local import Local

COUNT, BATCH, SIZE = 20_000, 64, 64


class Began(Progress):
    """When the first image of a run was told of."""

    def __init__(self) -> None:
        self.start, self.first, self.images = time.perf_counter(), 0.0, 0

    def advanced(self, step: str, parts: int) -> None:
        self.first = self.first or time.perf_counter()
        self.images += parts


class Measured(NamedTuple):
    """A run.

    Attributes:
        seconds: All of it.
        start: Until the first image was told of.
        here: What this process itself has computed.
        result: What is stored.
    """

    seconds: float
    start: float
    here: float
    result: list[bytes]

    def __str__(self) -> str:
        """Its times."""
        return (
            f"{self.seconds:.1f} s, of which {self.start:.1f} until the first image; "
            f"{self.here:.1f} s of computing in the process of the run"
        )


def rows(rounds: str = "1", folder: str = "") -> Iterator[Row]:
    """Two rows for each executor: the ratio is how many times faster two workers are."""
    torch.set_num_threads(1)
    measured: dict[tuple[str, int], list[Measured]] = {}
    for turn in range(int(rounds)):
        order = [("local", 1), ("ray", 1), ("ray", 2), ("local", 2)]
        for name, workers in order if turn % 2 == 0 else reversed(order):
            found = mine(name, workers, folder)
            print(f"{name}, workers: {workers}; {found}", flush=True)
            measured.setdefault((name, workers), []).append(found)
    results = [found.result for runs in measured.values() for found in runs]
    if any(result != results[0] for result in results):
        raise SystemExit("The bytes differ.")
    images = f"{COUNT:,} {'photographs' if folder else 'scenes'}"
    for name in ("local", "ray"):
        for said, started in (("", 0), (", once started", 1)):
            one, two = (
                statistics.median(found.seconds - started * found.start for found in measured[name, workers])
                for workers in (1, 2)
            )
            target = ">= 1.8" if started or name == "local" else "-"
            yield Row(f"mining {images}, 2 workers by {name}{said}", "1 worker", two, one, one / two, target)


def mine(name: str, workers: int, folder: str) -> Measured:
    """A run in a folder of its own."""
    photographs = {"name": "folder", "path": str(Path(folder).absolute())}
    drawn = {"name": "scenes", "split": "train", "size": SIZE}
    net = {"name": "zfnet", "width": 1 / 12, "input_size": SIZE, "categories": 10}
    pipeline: dict[str, Any] = {
        "version": 1,
        "models": {"net": {**net, "device": "cpu"}},
        "datasets": {"all": {**(photographs if folder else drawn), "limit": COUNT}},
        "steps": {"strongest": {"probe": "topk", "batch_size": BATCH}},
    }
    with tempfile.TemporaryDirectory() as out:
        began, computed = Began(), time.process_time()
        run_pipeline(pipeline, out, executor=executor(name, workers), progress=began)
        taken = time.perf_counter() - began.start
        start, here = began.first - began.start, time.process_time() - computed
        result = [path.read_bytes() for path in sorted(Path(out, "strongest").glob("result.*"))]
        return Measured(taken, start, here, result)


def executor(name: str, workers: int) -> Executor:
    """The executor; Ray's is imported only where it is used."""
    if name == "local":
        return Local(workers=workers)
    from interpret_ray import Ray  # noqa: PLC0415

    return Ray(workers=workers, shared_disk=True)


if __name__ == "__main__":
    show(rows(*sys.argv[1:]))
