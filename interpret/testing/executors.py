"""The contract of an executor."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from interpret.errors import InterpretError
from interpret.images.dataset import Images, as_images
from interpret.images.inputs import InputSpec
from interpret.network.network import Network
from interpret.plugin.discovery import Loaded, Origin, classify
from interpret.plugin.hookspecs import hookimpl
from interpret.plugin.interfaces import Card, Dataset, Executor, Model, Probe, ShardedProbe
from interpret.plugin.shards import Job
from interpret.progress import Progress
from interpret.results import Result
from interpret.run.runner import run_pipeline
from interpret.testing.requirements import require, require_class

BATCH = 32
IMAGES = 300
PIPELINE = {
    "version": 1,
    "models": {"net": {"name": "check_model", "device": "cpu"}},
    "datasets": {"val": {"name": "check_dataset"}},
}


class CheckModel(Model):
    """One convolution."""

    name: ClassVar[str] = "check_model"

    def build(self) -> nn.Module:
        """The convolution."""
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())

    def card(self) -> Card:
        """It takes images of 4 x 4 pixels."""
        return Card(InputSpec((4, 4)))


class CheckDataset(Dataset):
    """Numbers in order."""

    name: ClassVar[str] = "check_dataset"

    def open(self) -> Images:
        """The images; all are made at once."""
        return as_images(list(torch.arange(IMAGES * 48.0).view(IMAGES, 3, 4, 4) / (IMAGES * 48)))


@dataclass(frozen=True)
class Answers(Result):
    """What the network answers to each image, with a random number of its shard."""

    values: Float[Tensor, "image number"]
    start: int


class CheckProbe(ShardedProbe):
    """What does the network answer to each image?"""

    name: ClassVar[str] = "check_probe"
    notes: Path = Field(description="A folder in which each shard leaves a file.")
    fails: bool = Field(False, description="Whether the first shard fails.")

    def run_shard(self, network: Network, images: Images) -> Answers:
        """The answers to the images of one shard."""
        start = images.indices[0]
        if self.fails and start == 0:
            raise ZeroDivisionError("on purpose")
        (self.notes / str(start)).touch(exist_ok=False)
        answers = network(torch.stack([network.preprocess(sample.image) for sample in images]))
        return Answers(answers.flatten(1) + torch.rand(()), start)

    def merge(self, partials: Sequence[Answers]) -> Answers:
        """The answers in order."""
        parts = sorted(partials, key=lambda part: part.start)
        return Answers(torch.cat([part.values for part in parts]), parts[0].start)


class _Ours:
    @hookimpl
    def register_models(self) -> list[type[Model]]:
        return [CheckModel]

    @hookimpl
    def register_datasets(self) -> list[type[Dataset]]:
        return [CheckDataset]

    @hookimpl
    def register_probes(self) -> list[type[Probe]]:
        return [CheckProbe]


class _Spawned(Executor):
    """Runs the jobs in a new process, one after the other: what every executor is compared with."""

    name: ClassVar[str] = "spawned"

    def run(self, jobs: Sequence[Job]) -> Iterator[Job]:
        """Send the jobs to a process that knows nothing but where modules are."""
        program = "import pickle, sys; [job.run() for job in pickle.load(sys.stdin.buffer)]"
        paths = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        command = [sys.executable, "-c", program]
        subprocess.run(command, input=pickle.dumps(jobs), env=paths, check=True)  # noqa: S603 - our own program
        yield from jobs


class _Count(Progress):
    def __init__(self) -> None:
        self.total = self.images = 0

    def started(self, step: str, parts: int) -> None:  # noqa: ARG002
        self.total = parts

    def advanced(self, step: str, parts: int) -> None:  # noqa: ARG002
        self.images += parts


def check_executor(executor: Executor) -> None:
    """Check an executor by running a small pipeline with it.

    It runs every job once and yields it when it is stored, so that the result has the bits of jobs that were
    pickled and run in a new process; it hands on what a job raises.

    Raises:
        PluginError: With the first promise that is broken.
    """
    check = partial(require, executor)
    require_class("executor", executor)
    with TemporaryDirectory() as name:
        folder, count = Path(name), _Count()
        try:
            found = _run(executor, folder / "found", count)
        except InterpretError as error:
            check(ok=False, message=f"does not run every job: {error}")
        check(found == _expected(), "gives other results than jobs that are run one after the other.")
        check(count.images == count.total == IMAGES, "does not yield every job once.")
        try:
            _run(executor, folder / "fails", _Count(), fails=True)
        except InterpretError as error:
            hidden = "on purpose" not in str(error)
        else:
            hidden = True
        check(not hidden, "hides an exception of a job.")


@cache
def _expected() -> list[bytes]:
    """What jobs store that were pickled and run in a new process, in order."""
    with TemporaryDirectory() as folder:
        return _run(_Spawned(), Path(folder), _Count())


def _run(executor: Executor, folder: Path, progress: Progress, *, fails: bool = False) -> list[bytes]:
    """What is stored, and which shards left a file."""
    notes = folder / "notes"
    notes.mkdir(parents=True)
    step = {"probe": "check_probe", "batch_size": BATCH, "notes": str(notes), "fails": fails}
    registry = classify([Loaded(Origin("interpret.testing", "", "executors"), _Ours())])
    run_pipeline(
        {**PIPELINE, "steps": {"answers": step}},
        folder / "out",
        registry=registry,
        executor=executor,
        progress=progress,
    )
    kept = sorted((folder / "out/answers").glob("result.*"))
    return [path.read_bytes() for path in kept] + sorted(path.name.encode() for path in notes.iterdir())
