"""Workers that get jobs, one each at a time, and what happens when one is lost."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, RLock, Thread
from time import monotonic
from typing import Any, TypeAlias
from uuid import uuid4

import torch

from interpret.errors import StepError, clause
from interpret.files import write_atomically
from interpret.interrupts import check_interrupt
from interpret.plugin import Job
from interpret.run import packed
from interpret_ray.cluster import Cluster, connect, disconnect, ray_module
from interpret_ray.coordinator import Coordinator
from interpret_ray.worker import Worker

EVERY = 0.1
"""Seconds after which users see how far the workers are."""


@dataclass(frozen=True)
class Told:
    """So many more images of a job are done."""

    job: Job
    images: int


Outcome: TypeAlias = Job | Told | BaseException


@dataclass(frozen=True)
class Options:
    """What is asked for: see the fields of the executor."""

    workers: int | None
    cpus: float
    gpus: float | None
    address: str
    retries: int
    start_seconds: float
    shared_disk: bool | None


@dataclass
class Order:
    """A job that was asked for.

    Attributes:
        number: What tells it from others.
        job: The job.
        outcomes: Where it goes when it is done, what it raised, and how far it is.
        lost: How many workers it has lost.
    """

    number: int
    job: Job
    outcomes: SimpleQueue[Outcome]
    lost: int = 0


@dataclass(frozen=True)
class Handle:
    """A worker, and what tells it from others."""

    name: str
    actor: Any


_pools: dict[tuple[Options, Path | None], WorkerPool] = {}
_opening = RLock()


def pool_of(options: Options, folder: Path | None) -> WorkerPool:
    """The workers of a run, which stay from step to step.

    Args:
        options: What is asked for.
        folder: The run folder; None: there is no run, and nothing is asked of them.
    """
    with _opening:
        if (options, folder) not in _pools:
            _pools[options, folder] = WorkerPool(options, folder)
        return _pools[options, folder]


def dismiss(options: Options, folder: Path | None) -> None:
    """Let the workers of a run go, and Ray with the last ones.

    Args:
        options: What was asked for.
        folder: The run folder; None: every one, outside of runs.
    """
    with _opening:
        for key in [key for key in _pools if key == (options, folder) or (key[0] == options and not folder)]:
            _pools.pop(key).end()


class WorkerPool:
    """The workers of one run; one thread gives them jobs, whoever asks.

    Args:
        options: What is asked for.
        folder: The run folder.

    Raises:
        StepError: If Ray cannot be reached, or the machine has less than a worker asks for.
    """

    def __init__(self, options: Options, folder: Path | None) -> None:
        self.options, self.folder = options, folder
        self.cluster: Cluster = connect(options.address, options.cpus * (options.workers or 0))
        self.gpus = default_gpus(self.cluster) if options.gpus is None else options.gpus
        if self.cluster.ours and not self.cluster.has(options.cpus, self.gpus):
            disconnect()
            raise StepError(f"No worker can begin here. {self.asked} Set cpus or gpus of the executor.")
        self.size = options.workers or self.cluster.room(options.cpus, self.gpus)
        self.coordinator: Any = None
        self.failed_starts = 0  # workers that were lost before they had begun, one after the other
        self.numbers, self.lock, self.ended = count(), RLock(), Event()
        self.waiting = deque[Order]()
        self.running: dict[Any, tuple[Order, Handle]] = {}
        self.starting: dict[Any, Handle] = {}
        self.idle: list[Handle] = []
        self.begun = 0
        self.since = monotonic()
        self.thread: Thread | None = None

    def run(self, jobs: Sequence[Job]) -> Iterator[Job]:
        """Run jobs, each once, or again when its worker is lost, and yield each when it is done."""
        outcomes = SimpleQueue[Outcome]()
        orders = [Order(next(self.numbers), job, outcomes) for job in jobs]
        with self.lock:
            self.begin()
            self.waiting.extend(orders)
            self.since = monotonic()
        try:
            left = len(orders)
            while left:
                outcome = _next(outcomes)
                if isinstance(outcome, BaseException):
                    raise outcome
                if isinstance(outcome, Told):
                    outcome.job.advance(outcome.images)
                    continue
                left -= 1
                yield outcome
        finally:
            with self.lock:
                self.waiting = deque(order for order in self.waiting if order.outcomes is not outcomes)

    @property
    def asked(self) -> str:
        """What a worker asks for, and what there is."""
        asked = f"{self.options.cpus:g} cores and {self.gpus:g} GPUs"
        return f"Each asks for {asked}; the cluster has {self.cluster}."

    @property
    def handles(self) -> list[Handle]:
        """All workers."""
        return [*self.starting.values(), *self.idle, *(handle for _, handle in self.running.values())]

    def begin(self) -> None:
        """A coordinator for the run folder, and the thread that gives out jobs."""
        if self.coordinator is None:
            ray = ray_module()
            here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
                ray.get_runtime_context().get_node_id(), soft=False
            )
            self.coordinator = (
                ray.remote(Coordinator).options(num_cpus=0, scheduling_strategy=here).remote(self.folder)
            )
            self.thread = Thread(target=self.work, name="interpret-ray", daemon=True)
            self.thread.start()

    def work(self) -> None:
        """Give out jobs until all is over."""
        while not self.ended.is_set():
            try:
                self.turn()
            except BaseException as error:  # noqa: BLE001 - whoever waits must hear of it
                self.fail(error)
                self.ended.wait(EVERY)

    def turn(self) -> None:
        """Give out what can be given, and wait a moment for what comes back."""
        with self.lock:
            self.grow(min(self.size, len(self.waiting) + len(self.running)))
            while self.waiting and self.idle:
                order, handle = self.waiting.popleft(), self.idle.pop()
                self.running[handle.actor.run.remote(order.number, packed(order.job))] = order, handle
            if self.waiting and not self.running and not self.idle:
                self.require_somebody()
            awaited = [*self.running, *self.starting]
        if not awaited:
            self.ended.wait(EVERY)
            return
        done, _ = ray_module().wait(awaited, timeout=EVERY)
        with self.lock:
            self.hear()
            for ref in done:
                if ref in self.starting:
                    self.started(ref)
                else:
                    self.finished(ref)

    def grow(self, size: int) -> None:
        """See that there are so many workers."""
        missing = size - len(self.starting) - len(self.idle) - len(self.running)
        if missing <= 0 or self.folder is None:
            return
        path, token = self.folder / ".work" / ".here", uuid4().hex
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, token.encode())
        kind = ray_module().remote(Worker).options(num_cpus=self.options.cpus, num_gpus=self.gpus)
        for _ in range(missing):
            name, shared_disk = uuid4().hex, self.options.shared_disk
            handle = Handle(
                name, kind.remote(name, self.coordinator, self.folder, (path, token), shared_disk)
            )
            self.starting[handle.actor.ready.remote()] = handle

    def started(self, ref: Any) -> None:
        """A worker has begun, or could not."""
        handle, ray = self.starting.pop(ref), ray_module()
        try:
            ray.get(ref)
        except Exception as error:
            self.failed_starts += 1
            if isinstance(error, ray.exceptions.RayActorError) and self.failed_starts <= self.options.retries:
                self.since = monotonic()
                return  # `grow` begins another one
            raise StepError(f"A worker of Ray could not begin: {clause(error)}.") from error
        self.failed_starts = 0
        self.begun += 1
        self.idle.append(handle)

    def finished(self, ref: Any) -> None:
        """A worker has done its job, or is lost."""
        ray, (order, handle) = ray_module(), self.running.pop(ref)
        try:
            raised = ray.get(ref)
        except ray.exceptions.RayError as error:
            self.lose(handle, order, " ".join(str(error).split()))
            return
        self.idle.append(handle)
        order.outcomes.put(
            order.job if raised is None else pickle.loads(raised)  # noqa: S301 - from a worker
        )

    def lose(self, handle: Handle, order: Order, reason: str) -> None:
        """A worker is lost: another one takes its place and its job, unless it was one too many."""
        ray, where = ray_module(), f"{order.job.shard.start} to {order.job.shard.stop - 1}"
        ray.kill(handle.actor, no_restart=True)
        self.begun -= 1
        ray.get(self.coordinator.lose.remote(handle.name))
        order.lost += 1
        if order.lost <= self.options.retries:
            order.job.note(f"A worker was lost at part {where}: {reason}")
            self.waiting.appendleft(order)
            self.since = monotonic()
            return
        order.outcomes.put(
            StepError(
                f"{order.lost} workers of Ray were lost one after the other at part {where}, the last one "
                f"with: {reason}. If they run out of memory, give a smaller batch_size, or fewer workers."
            )
        )

    def hear(self) -> None:
        """Handle on how far the workers are."""
        orders = {order.number: order for order, _ in self.running.values()}
        for number, images in ray_module().get(self.coordinator.hear.remote()):
            if images and number in orders:
                orders[number].outcomes.put(Told(orders[number].job, images))

    def require_somebody(self) -> None:
        """Wait for a worker, but not for ever.

        Raises:
            StepError: If none began in time.
        """
        if any(pool.begun for pool in list(_pools.values()) if pool is not self):
            self.since = monotonic()  # another run of this process has what there is
        if monotonic() - self.since > self.options.start_seconds:
            raise StepError(
                f"No worker began within {self.options.start_seconds:g} seconds. {self.asked} Others may use "
                "them. Set cpus, gpus, or start_seconds of the executor."
            )

    def fail(self, error: BaseException) -> None:
        """Everybody who waits hears of an error."""
        with self.lock:
            for order in (*self.waiting, *(order for order, _ in self.running.values())):
                order.outcomes.put(error)
            self.waiting.clear()

    def end(self) -> None:
        """Let everything go."""
        self.ended.set()
        if self.thread:
            self.thread.join()  # Ray must not go while it is asked something
        try:
            with self.lock:
                self._end_actors()
        finally:
            disconnect()

    def _end_actors(self) -> None:
        ray = ray_module()
        if tidied := [handle.actor.end.remote() for handle in self.idle]:
            ray.wait(tidied, num_returns=len(tidied), timeout=5)
        actors = [handle.actor for handle in self.handles]
        for actor in (*actors, *([self.coordinator] if self.coordinator else [])):
            ray.kill(actor, no_restart=True)


def default_gpus(cluster: Cluster) -> float:
    """One for each worker where it must have one: all compute on the kind of device that the run has here."""
    return min(cluster.gpus, 1) if torch.cuda.is_available() else 0


def _next(outcomes: SimpleQueue[Outcome]) -> Outcome:
    """What comes next; Ctrl-C ends the waiting."""
    while True:
        check_interrupt()
        try:
            return outcomes.get(timeout=EVERY)
        except Empty:
            continue
