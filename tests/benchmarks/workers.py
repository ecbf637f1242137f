"""Mining by one worker and by two, each with one thread: ``python tests/benchmarks/workers.py [FOLDER]``.

Whole runs are measured: what starts the processes is in it. Without a folder of photographs scenes are drawn.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from run import show
from table import Row, seconds

from interpret.run import run_pipeline
from interpret_local import Local

COUNT, BATCH = 2048, 32


def rows(folder: str = "") -> Iterator[Row]:
    """One row: the ratio is how many times faster two workers are."""
    torch.set_num_threads(1)
    one, two = (seconds(lambda number=number: mine(folder, number)) for number in (1, 2))
    images = f"{COUNT} {'photographs' if folder else 'drawn scenes'}"
    yield Row(f"mining ResNet-18, {images}, 2 workers", "1 worker", two, one, one / two, ">= 1.8")


def mine(folder: str, workers: int) -> None:
    """A run in a folder of its own."""
    photographs = {"name": "folder", "path": str(Path(folder).absolute())}
    drawn = {"name": "scenes", "split": "train"}
    pipeline: dict[str, Any] = {
        "version": 1,
        "models": {"net": {"name": "torchvision", "arch": "resnet18", "device": "cpu"}},
        "datasets": {"all": {**(photographs if folder else drawn), "limit": COUNT}},
        "steps": {"strongest": {"probe": "topk", "batch_size": BATCH}},
    }
    with tempfile.TemporaryDirectory() as out:
        run_pipeline(pipeline, out, executor=Local(workers=workers))


if __name__ == "__main__":
    show(rows(*sys.argv[1:]))
