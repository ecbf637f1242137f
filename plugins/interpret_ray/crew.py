"""Workers that get jobs, one each at a time, and what happens when one is lost."""

from __future__ import annotations

import pickle
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

from interpret.errors import StepError, clause
from interpret.files import write_atomically
from interpret.interrupts import check_interrupt
from interpret.plugin import Job
from interpret.run import packed
from interpret_ray.board import Board
from interpret_ray.cluster import Cluster, connect, ray_module
from interpret_ray.executor import Ray
from interpret_ray.worker import Worker

EVERY = 0.1
"""Seconds after which users see how far the workers are."""

_crews: dict[Ray, Crew] = {}


def crew_of(executor: Ray) -> Crew:
    """The workers of an executor, which stay from step to step."""
    if executor not in _crews:
        _crews[executor] = Crew.of(executor)
    return _crews[executor]


def dismiss(executor: Ray) -> None:
    """Let the workers of an executor go, and the Ray that was started for them."""
    if crew := _crews.pop(executor, None):
        crew.end()


@dataclass
class Crew:
    """The workers of one executor.

    Attributes:
        executor: What was asked for.
        cluster: Where they are.
        size: How many they are to be.
        gpus: For each.
        folder: The run folder of the jobs.
        board: What passes between them.
        starting: Those that have not begun, by what tells that they have.
        idle: Those that have no job.
    """

    executor: Ray
    cluster: Cluster
    size: int
    gpus: float
    folder: Path | None = None
    board: Any = None
    starting: dict[Any, tuple[str, Any]] = field(default_factory=dict)
    idle: list[tuple[str, Any]] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, executor: Ray) -> Crew:
        """Connect to the cluster; no worker begins yet."""
        cluster = connect(executor.address, executor.cpus * (executor.workers or 0))
        gpus = min(cluster.gpus, 1) if executor.gpus is None else executor.gpus
        return cls(executor, cluster, executor.workers or cluster.room(executor.cpus, gpus), gpus)

    def run(self, jobs: Sequence[Job]) -> Iterator[Job]:
        """Run jobs, each once, or again when its worker is lost, and yield each when it is done."""
        ray = ray_module()
        waiting = deque(enumerate(jobs))
        running: dict[Any, tuple[int, tuple[str, Any]]] = {}
        tries, began = Counter[int](), monotonic()
        self.begin(jobs[0].folder)
        self.grow(min(self.size, len(jobs)))
        while waiting or running:
            check_interrupt()
            while waiting and self.idle:
                number, job = waiting.popleft()
                worker = self.idle.pop()
                running[worker[1].run.remote(number, packed(job))] = number, worker
            if not running and monotonic() - began > self.executor.start_seconds:
                raise self.nobody()
            done, _ = ray.wait([*running, *self.starting], timeout=EVERY)
            self.hear(jobs)
            for ref in done:
                if ref in self.starting:
                    self.started(ref)
                    continue
                number, worker = running.pop(ref)
                try:
                    raised = ray.get(ref)
                except ray.exceptions.RayError as error:
                    tries[number] += 1
                    self.leave(worker, jobs[number], error, tries[number])
                    waiting.appendleft((number, jobs[number]))
                    continue
                self.idle.append(worker)
                if raised is not None:
                    raise pickle.loads(raised)  # noqa: S301 - from a worker
                yield jobs[number]
        self.hear(jobs)

    def begin(self, folder: Path) -> None:
        """A board for the run folder."""
        if folder == self.folder:
            return
        ray = ray_module()
        self.end_workers()
        self.folder = folder
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
        self.board = ray.remote(Board).options(num_cpus=0, scheduling_strategy=here).remote(folder)

    def grow(self, count: int) -> None:
        """See that there are so many workers."""
        ray, folder = ray_module(), self.folder
        assert folder is not None  # noqa: S101 - `begin` came before
        path, token = folder / ".work" / ".here", uuid4().hex
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, token.encode())
        kind = ray.remote(Worker).options(num_cpus=self.executor.cpus, num_gpus=self.gpus)
        while len(self.starting) + len(self.idle) < count:
            name = uuid4().hex
            worker = kind.remote(
                name, self.board, folder, (path, token), shared_disk=self.executor.shared_disk
            )
            self.starting[worker.ready.remote()] = name, worker

    def started(self, ref: Any) -> None:
        """A worker has begun, or could not."""
        worker = self.starting.pop(ref)
        try:
            ray_module().get(ref)
        except Exception as error:
            raise StepError(f"A worker of Ray could not begin: {clause(error)}.") from error
        self.idle.append(worker)

    def hear(self, jobs: Sequence[Job]) -> None:
        """Hand on how far the workers are."""
        for number, images in ray_module().get(self.board.hear.remote()):
            jobs[number].advance(images)

    def leave(self, worker: tuple[str, Any], job: Job, error: Exception, tries: int) -> None:
        """A worker is lost: another one takes its place and its job, unless it was one too many.

        Raises:
            StepError: If the job has lost too many workers.
        """
        ray, reason = ray_module(), " ".join(str(error).split())
        ray.kill(worker[1], no_restart=True)
        ray.get(self.board.lose.remote(worker[0]))
        if tries > self.executor.retries:
            raise StepError(
                f"{tries} workers of Ray were lost one after the other at the images {job.shard.start} to "
                f"{job.shard.stop - 1}, the last one with: {reason}. If they run out of memory, give a "
                "smaller batch_size, or fewer workers with more cpus each."
            )
        job.note(f"A worker was lost at the images {job.shard.start} to {job.shard.stop - 1}: {reason}")
        self.grow(len(self.starting) + len(self.idle) + 1)

    def nobody(self) -> StepError:
        """What to do where no worker begins."""
        asked = f"{self.executor.cpus:g} cores and {self.gpus:g} GPUs"
        have = f"{self.cluster.cpus:g} cores and {self.cluster.gpus:g} GPUs"
        return StepError(
            f"No worker began within {self.executor.start_seconds:g} seconds. Each asks for {asked}; the "
            f"cluster has {have}, and others may use them. Set cpus, gpus, or start_seconds of the executor."
        )

    def end_workers(self) -> None:
        """Let the workers go, and the board."""
        ray = ray_module()
        for _, worker in (*self.starting.values(), *self.idle):
            ray.get(worker.end.remote())
            ray.kill(worker, no_restart=True)
        if self.board is not None:
            ray.kill(self.board, no_restart=True)
        self.starting, self.idle, self.board = {}, [], None

    def end(self) -> None:
        """Let everything go."""
        ray = ray_module()
        if self.cluster.ours:
            ray.shutdown()
        else:
            self.end_workers()
