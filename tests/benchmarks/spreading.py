"""Mining by one worker and by two, of one thread each; ``workers.py`` is the long form, with Ray.

What starts the workers is not counted: time begins with the first image that is told of.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from table import Row

from interpret.progress import Progress
from interpret.run import run_pipeline
from interpret_local import Local

CASES = ("local",)
COUNT, BATCH, SIZE = 8192, 64, 64


def measured(case: str) -> Iterator[Row]:
    """One row; both runs are in a process of its own, which has one thread."""
    own = {**os.environ, "OMP_NUM_THREADS": "1"}
    said = subprocess.run([sys.executable, __file__], env=own, check=True, capture_output=True, text=True)
    one, two = json.loads(said.stdout.splitlines()[-1])
    yield Row(f"mining {COUNT:,} scenes, 2 workers", "1 worker", two, one, one / two, ">= 1.8")


class Began(Progress):
    """When the first images were told of."""

    at = 0.0

    def advanced(self, step: str, parts: int) -> None:
        self.at = self.at or time.perf_counter()


def mining_seconds(workers: int) -> float:
    """Seconds of mining all scenes, once the workers have begun."""
    net = {"name": "zfnet", "width": 1 / 12, "input_size": SIZE, "categories": 10, "device": "cpu"}
    pipeline: dict[str, Any] = {
        "version": 1,
        "models": {"net": net},
        "datasets": {"all": {"name": "scenes", "split": "train", "size": SIZE, "limit": COUNT}},
        "steps": {"strongest": {"probe": "topk", "batch_size": BATCH}},
    }
    began = Began()
    with tempfile.TemporaryDirectory() as out:
        run_pipeline(pipeline, out, executor=Local(workers=workers), progress=began)
        return time.perf_counter() - began.at


if __name__ == "__main__":
    print(json.dumps([mining_seconds(workers) for workers in (1, 2)]))
