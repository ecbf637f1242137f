"""Which step runs when: one after the other, or side by side those that do not need each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from threading import Event, RLock

from interpret.interrupts import check_interrupt
from interpret.pipeline.steps import Step
from interpret.run.summary import StepRun

_turn = RLock()
"""One for all runs of a process: they share its random numbers, and how torch is set."""


class Turns:
    """One process does one thing at a time for its steps; while it waits for an executor another one begins.

    Args:
        side_by_side: Whether there can be several steps at once.
    """

    def __init__(self, *, side_by_side: bool) -> None:
        self.side_by_side, self.stopped = side_by_side, Event()

    def each(self, steps: Mapping[str, Step], attempt: Callable[[Step], StepRun]) -> Iterator[StepRun]:
        """What becomes of every step, once those that it needs have run."""
        if not self.side_by_side:
            for step in steps.values():
                yield self._attempt(attempt, step)
            return
        waiting, running = dict(steps), dict[Future[StepRun], str]()
        with ThreadPoolExecutor(len(waiting)) as pool:
            while waiting or running:
                for step in list(waiting.values()):
                    if not {*waiting, *running.values()}.intersection(step.needs):
                        del waiting[step.name]
                        running[pool.submit(copy_context().run, self._attempt, attempt, step)] = step.name
                for future in wait(running, return_when=FIRST_COMPLETED)[0]:
                    del running[future]
                    yield self._result(future)

    @contextmanager
    def here(self) -> Iterator[None]:
        """While this holds, this process does nothing else for a run."""
        with _turn:
            yield

    def check(self) -> None:
        """End the work here if it was stopped, in this step or another one.

        Raises:
            KeyboardInterrupt: If it was.
        """
        check_interrupt()
        if self.stopped.is_set():
            raise KeyboardInterrupt

    @contextmanager
    def elsewhere(self) -> Iterator[None]:
        """While this lasts others work on the step, and this process can do something for another one."""
        if not self.side_by_side:
            yield
            return
        _turn.release()
        try:
            yield
        finally:
            _turn.acquire()

    def _attempt(self, attempt: Callable[[Step], StepRun], step: Step) -> StepRun:
        with _turn:
            return attempt(step)

    def _result(self, future: Future[StepRun]) -> StepRun:
        """What became of a step; if it was stopped, so are the others."""
        try:
            return future.result()
        except BaseException:
            self.stopped.set()
            raise
