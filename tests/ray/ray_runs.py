"""Runs by Ray, and the processes that they have."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from interpret.progress import Progress

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


class Told(Progress):
    """Calls a function whenever something of a step is done."""

    def __init__(self, then: Callable[[str, int], None] = lambda step, parts: None) -> None:
        self.then, self.totals, self.done = then, dict[str, int](), dict[str, int]()

    def started(self, step: str, parts: int) -> None:
        self.totals[step], self.done[step] = parts, 0

    def advanced(self, step: str, parts: int) -> None:
        self.done[step] += parts
        self.then(step, self.done[step])


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
