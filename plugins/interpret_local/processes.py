"""Jobs in several processes, which begin anew: none has threads or locks of another."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from multiprocessing import active_children, get_context
from multiprocessing.connection import Connection
from struct import Struct

from interpret.errors import InterpretError
from interpret.interrupts import check_interrupt, leave_to_parent
from interpret.plugin import Job
from interpret.run import packed, sendable

NOTE = Struct("<ii")
"""The number of a job, and how many more of its images are done: so short that a pipe needs no lock."""

EVERY = 0.1
"""Seconds after which users see how far the processes are."""

_writers: list[Connection] = []


def run_in_processes(jobs: Sequence[Job], workers: int) -> Iterator[Job]:
    """Run jobs in so many processes, and yield each when it is done.

    Raises:
        StepError: If a job cannot be sent to another process.
        BrokenProcessPool: If a process died.
    """
    sent, context = [packed(job) for job in jobs], get_context("forkserver")
    context.set_forkserver_preload(
        ["interpret.run.jobs"]
    )  # torch is imported once for all steps and processes
    reader, writer = context.Pipe(duplex=False)
    with reader, writer, _pool(ProcessPoolExecutor(workers, context, _begin, (writer,))) as pool:
        futures = [pool.submit(_run, number, data) for number, data in enumerate(sent)]
        waiting = dict(zip(futures, jobs, strict=True))
        while waiting:
            check_interrupt()
            done, _ = wait(waiting, EVERY, FIRST_COMPLETED)
            while reader.poll():
                for number, images in NOTE.iter_unpack(os.read(reader.fileno(), 100 * NOTE.size)):
                    jobs[number].advance(images)
            yield from _finished(done, waiting)


def _finished(done: set[Future[None]], waiting: dict[Future[None], Job]) -> Iterator[Job]:
    for future in done:
        job = waiting.pop(future)
        future.result()
        yield job


@contextmanager
def _pool(pool: ProcessPoolExecutor) -> Iterator[ProcessPoolExecutor]:
    """A pool whose processes end with the work: what they store is whole or absent."""
    before = set(active_children())
    try:
        yield pool
    except BaseException:
        for child in set(active_children()) - before:
            child.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin(writer: Connection) -> None:
    """A process begins."""
    leave_to_parent()
    _writers.append(writer)


def _run(number: int, data: bytes) -> None:
    job: Job = pickle.loads(data)  # noqa: S301 - from the process that started this one
    try:
        job.run(_teller(number))
    except InterpretError:
        raise
    except Exception as error:  # noqa: BLE001 - the code of a plugin fails in any way
        raise sendable(error) from None


def _teller(number: int) -> Callable[[int], None]:
    def tell(images: int) -> None:
        os.write(_writers[0].fileno(), NOTE.pack(number, images))

    return tell
