"""A step that is open in this process: its model, its images, and the results that it takes."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import torch

from interpret.code.imports import allowing
from interpret.errors import DatasetError, StepError
from interpret.files.contents import digest
from interpret.images.dataset import Images
from interpret.network.network import Network
from interpret.network.readers import lasting_readers
from interpret.pipeline.steps import Pipeline, Step
from interpret.plugin.interfaces import Probe, ShardedProbe, WeightsResult, probe_output, probe_partial
from interpret.plugin.shards import shard_grid
from interpret.progress import PartListener, Progress, StepListener, listening, track_ranges
from interpret.results import Result
from interpret.run.cache import caching_parts, holds_result, store_result, working_in
from interpret.run.pieces import Pace, cached_pieces
from interpret.run.sharing import exchange, sharing
from interpret.run.store import RunFolder
from interpret.run.tasks import Task


@dataclass(frozen=True)
class StepWork:
    """A step whose model and images are open in this process.

    Attributes:
        task: What is computed.
        network: The model, with the weights that the step asks for.
        images: The images that it asks about.
        inputs: The results that its probe takes, by parameter.
        progress: Who is told how far it is.
        context: What surrounds the work, such as where it keeps what it has done.
        process: The process it is open in: one that is forked has nobody to tell.
        done: How many images of each shard are told of.
        pace: How long an image takes here.
        remarks: How its jobs went, where there is something to say.
    """

    task: Task
    network: Network
    images: Images
    inputs: Mapping[str, Result]
    progress: Progress = field(default_factory=Progress)
    context: Context = field(default_factory=copy_context)
    process: int = field(default_factory=os.getpid)
    done: Counter[range] = field(default_factory=Counter)
    pace: Pace = field(default_factory=Pace)
    remarks: list[str] = field(default_factory=list)

    def compute(self, shard: range, tell: Callable[[int], None]) -> None:
        """Compute a shard and store it."""
        task, folder = self.task, RunFolder(self.task.folder).step(self.task.step)
        parts = folder.shard(task.key, shard).path / "shards"  # which go when the shard is stored
        with (
            seeded(task.pipeline.seed, shard.start),
            caching_parts(parts),
            listening(PartListener(len(shard), tell)),
        ):
            found = self.partial(shard)
        folder.keep_shard(task.key, shard, found)
        exchange().share(folder.shard(task.key, shard).path)

    def partial(self, shard: range) -> Result:
        """The partial result of a shard."""
        probe = cast(ShardedProbe, self.task.pipeline.steps[self.task.step].probe)

        def run(piece: range) -> Result:
            return probe.run_shard(self.network, self.images.subset(piece), **self.inputs)

        return _in_pieces(probe, run, shard, self.pace)

    def answer(self, processes: int, tell: Callable[[int], None]) -> None:
        """Answer the whole question, together with other processes, and store the result."""
        task = self.task
        shards = RunFolder(task.folder).step(task.step).shards(task.key)
        probe = task.pipeline.steps[task.step].probe
        exchange().bring(whole_of(shards))
        if holds_result(whole_of(shards)):
            return
        with (
            seeded(task.pipeline.seed, 0),
            caching_parts(shards / "parts"),
            sharing(processes),
            listening(StepListener(_Sent(tell), task.step)),
        ):
            store_result(whole_of(shards), probe.run(self.network, self.images, **self.inputs))

    def hear(self, parts: int) -> None:
        """Let users see what `answer` tells of elsewhere."""
        if parts < 0:
            self.progress.started(self.task.step, -parts)
        else:
            self.progress.advanced(self.task.step, parts)

    def advance(self, shard: range, images: int) -> None:
        """So many more images of a shard are done, and never more than it has."""
        images = min(images, len(shard) - self.done[shard])
        if images > 0:
            self.done[shard] += images
            self.progress.advanced(self.task.step, images)

    def finish(self, shard: range) -> None:
        """A shard is stored."""
        self.advance(shard, len(shard))


@dataclass(frozen=True)
class _Sent(Progress):
    """What is told of a whole step as numbers: how many parts its work has, below zero, or are done."""

    tell: Callable[[int], None]

    def started(self, step: str, parts: int) -> None:  # noqa: ARG002
        self.tell(-parts)

    def advanced(self, step: str, parts: int) -> None:  # noqa: ARG002
        self.tell(parts)


def whole_of(shards: Path) -> Path:
    """Where the result of a step is that other processes answer as a whole."""
    return shards / "whole"


def run_probe(probe: Probe, network: Network, images: Images, **inputs: Result) -> Result:
    """What a probe finds, as a part of a step: one that is stopped keeps what it has done.

    Args:
        probe: The probe.
        network: The network that it asks.
        images: The images that it asks about.
        **inputs: The results that it takes, by parameter.
    """
    if not isinstance(probe, ShardedProbe):
        return probe.run(network, images, **inputs)

    def run(piece: range) -> Result:
        return probe.run_shard(network, images.subset(piece), **inputs)

    shards, pace = track_ranges(shard_grid(len(images), probe.batch_size)), Pace()
    return probe.merge_all(_in_pieces(probe, run, shard, pace) for shard in shards)


def _in_pieces(probe: ShardedProbe, run: Callable[[range], Result], shard: range, pace: Pace) -> Result:
    """The partial result of a shard, in pieces if its probe can join them."""
    if type(probe).join is ShardedProbe.join:
        return run(shard)
    pieces = cached_pieces(run, shard, probe.batch_size, kind=probe_partial(type(probe)), pace=pace)
    return probe.join(pieces) if len(pieces) > 1 else pieces[0]


_given: dict[str, StepWork] = {}
_opened: dict[str, StepWork] = {}


def given(task: Task) -> StepWork | None:
    """What is open in this process because it runs the pipeline."""
    work = _given.get(task.name)
    return work if work and work.process == os.getpid() else None


@contextmanager
def working(work: StepWork) -> Iterator[StepWork]:
    """While this holds, jobs of a task that run in this process use what is open already."""
    _given[work.task.name] = work
    try:
        yield work
    finally:
        del _given[work.task.name]


def open_work(task: Task) -> StepWork:
    """The work of a task; what another process needs for it is opened there once, and the last one stays."""
    found = _given.get(task.name) or _opened.get(task.name)
    if found is None:
        _opened.clear()
        torch.set_num_threads(task.threads)
        work = working_in(RunFolder(task.folder).work, anew=task.anew, alone=False)
        with allowing(task.allow), work, _told_already(), lasting_readers(task.readers):
            found = _opened[task.name] = _open(task)
    return found


@contextmanager
def _told_already() -> Iterator[None]:
    """While this lasts nothing is said that the process of the run has said when it opened the same."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _open(task: Task) -> StepWork:
    pipeline, step = task.pipeline, task.pipeline.steps[task.step]
    choice = pipeline.models[step.model]
    network = choice.load(pipeline.seed)
    images = pipeline.datasets[step.dataset].open()
    if facts(network, images) != task.facts:
        raise StepError(
            f"The process that computes shards of the step {step.name!r} finds another model or other images "
            "than the one that runs the pipeline. Both must see the same files, packages and kind of device."
        )
    return StepWork(
        task,
        step_network(task.folder, pipeline, step, network),
        select_images(images, step),
        step_inputs(task.folder, pipeline, step),
    )


def facts(network: Network, images: Images) -> dict[str, str]:
    """What two processes must agree on, so that their shards belong together."""
    return {
        "weights": network.fingerprint(),
        "device": network.device.type,
        "dtype": str(network.dtype),
        "images": images.fingerprint(),
        "torch": torch.__version__,
    }


def step_network(folder: Path, pipeline: Pipeline, step: Step, network: Network) -> Network:
    """The model of a step, with the weights that an earlier step trained if it asks for them."""
    if not step.weights:
        return network
    return cast(WeightsResult, stored_result(folder, pipeline.steps[step.weights])).network(network)


def step_inputs(folder: Path, pipeline: Pipeline, step: Step) -> dict[str, Result]:
    """The results of earlier steps that a step takes, by parameter."""
    return {key: stored_result(folder, pipeline.steps[name]) for key, name in step.inputs.items()}


def stored_result(folder: Path, step: Step) -> Result:
    """The stored result of a step.

    Raises:
        StepError: If it is not what the step's probe promises.
    """
    stored, wanted = RunFolder(folder).step(step.name), probe_output(type(step.probe))
    exchange().bring(stored.path)
    found = stored.load()
    if not isinstance(found, wanted):
        raise StepError(
            f"Step {step.name!r} promises a {wanted.__name__}, but a {type(found).__name__} is stored. "
            "Run it again with --force."
        )
    return found


def select_images(images: Images, step: Step) -> Images:
    """The images that a step asks about.

    Raises:
        DatasetError: If there are none, or one that it names does not exist.
    """
    if not len(images):
        raise DatasetError(f"The dataset {step.dataset!r} has no images.")
    return images if step.images is None else images.subset(step.images)


@contextmanager
def seeded(*parts: object) -> Iterator[None]:
    """Everything random the same each time, whoever computes it, and the caller's generator untouched."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(digest(*parts)[:15], 16))
        yield
