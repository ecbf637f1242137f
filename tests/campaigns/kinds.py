"""The kinds of work that are killed, each of about a second, and what they must come to."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from interpret import readers
from interpret.plugin import Executor
from interpret.run import run_pipeline

sys.path.append(str(Path(__file__).parents[1] / "runs"))
from test_kills import files

NET = {"name": "zfnet", "width": 0.0625, "input_size": 64, "categories": 10}
LAYERS = ["layer1", "layer2"]
MINED = {"probe": "topk", "layers": LAYERS, "k": 2, "batch_size": 8}
PROJECTED = {"probe": "deconv", "inputs": {"exemplars": "mined"}, "batch_size": 8}
RECIPE = {"epochs": 4, "batch": 10, "rate": 1.0e-3, "init": "he", "checkpoints": [1]}
JUDGED = {
    "probe": "transfer",
    "layers": LAYERS,
    "train": [1],
    "test": 1,
    "folds": 3,
    "strengths": [1.0],
    "batch_size": 4,
}

Work = Callable[[Path, Executor], object]


def pipeline(images: int, **steps: dict[str, Any]) -> dict[str, Any]:
    """Steps about so many scenes."""
    drawn = {"name": "scenes", "split": "val", "limit": images, "size": 64}
    return {"version": 1, "models": {"net": NET}, "datasets": {"drawn": drawn}, "steps": steps}


def running(images: int, **steps: dict[str, Any]) -> Work:
    """The work of a pipeline."""
    return lambda out, executor: run_pipeline(pipeline(images, **steps), out, executor=executor)


def nothing(out: Path, executor: Executor) -> None:
    """Begin without anything."""


def draw_gallery(out: Path, executor: Executor) -> None:
    """Make the gallery of a run."""
    from interpret.run.exporting import export_runs  # noqa: PLC0415 - only this work needs it
    from interpret_gallery import Gallery  # noqa: PLC0415

    export_runs([out], Gallery(title="A run"))


def read_by_processes(out: Path, executor: Executor) -> None:
    """Mine photographs that two processes read."""
    with readers(2):
        run_pipeline(pipeline(100, mined=MINED), out, executor=executor)


@dataclass(frozen=True)
class Kind:
    """A kind of work.

    Attributes:
        work: What is killed, and goes on when it is called again.
        begin: Makes what is there before it.
        spread: Whether several processes do it together.
    """

    work: Work
    begin: Work = nothing
    spread: bool = False


ASKED = {"probe": "layer_features", "layers": LAYERS, "batch_size": 4}
DRAWN = {
    "mined": {**MINED, "render": [{"name": "exemplar_grid"}]},
    "projected": {**PROJECTED, "render": [{"name": "feature_grid"}]},
}

KINDS = {
    "mining": Kind(running(300, mined=MINED), spread=True),
    "features": Kind(running(48, asked=ASKED), spread=True),
    "projections": Kind(
        running(24, mined=MINED, projected=PROJECTED), begin=running(24, mined=MINED), spread=True
    ),
    "drawing": Kind(running(24, **DRAWN), begin=running(24, mined=MINED, projected=PROJECTED)),
    "gallery": Kind(draw_gallery, begin=running(24, **DRAWN)),
    "training": Kind(running(40, learnt={"probe": "train", "recipe": RECIPE, "validation": None})),
    "reading": Kind(read_by_processes),
    "transfer": Kind(running(40, judged=JUDGED), spread=True),
}


def do(work: Work, out: Path, executor: Executor) -> None:
    """Do some work in this process, with one thread."""
    torch.set_num_threads(1)
    work(out, executor)


def outcome(folder: Path) -> dict[str, object]:
    """What is in a run folder, but for times, processes, and what steps keep for themselves."""
    found: dict[str, object] = dict(files(folder))
    for name, data in files(folder).items():
        if name.endswith("/result.json") and b'"seconds"' in data:
            found[name] = without_times(json.loads(data))
            found.pop(name.replace("result.json", "step.json"), None)
    return found


def without_times(value: Any) -> Any:
    """JSON without what tells how long something took, and the checksum of it all."""
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if key not in {"seconds", "sha256"}}
        return {key: without_times(item) for key, item in kept.items()}
    return [without_times(item) for item in value] if isinstance(value, list) else value


LEFT = (".interpret-*", "shards", ".claims", ".*.emptied")


def leftovers(folder: Path) -> list[str]:
    """What no finished run may leave in its folder."""
    return [str(path.relative_to(folder)) for name in LEFT for path in folder.rglob(name)]


def differences(found: dict[str, object], expected: dict[str, object]) -> list[str]:
    """The names of files that are not what they should be."""
    names = sorted({*found, *expected})
    return [name for name in names if found.get(name) != expected.get(name)]


def copy(source: Path, target: Path) -> None:
    """A run folder to begin with; a folder that is there goes."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
