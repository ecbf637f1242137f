"""The work of a step as jobs, which can be pickled and run in any process that sees the run folder.

A job says what to compute and where to put it; a process opens the model and the images of a step once, for
all jobs of it that it gets. In the process of the run they are open already.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import RLock
from types import MappingProxyType
from typing import Any, Self, cast

from interpret.plugin.discovery import Registry
from interpret.plugin.interfaces import Executor
from interpret.plugin.parameters import configure
from interpret.run.tasks import Task
from interpret.run.work import given, open_work

logger = logging.getLogger(__name__)
_one_at_a_time = RLock()
"""Random numbers are drawn from one generator, which belongs to the process."""


def find_executor(
    known: Registry, name: str, parameters: Mapping[str, Any] = MappingProxyType({})
) -> Executor:
    """The executor of that name, with its parameters.

    Raises:
        UnknownNameError: If no plugin offers it.
        PluginError: If a parameter is wrong.
    """
    return cast(Executor, configure(known.lookup("executor", name), "executor", parameters))


@dataclass(frozen=True)
class _TaskJob:
    """What all jobs of a step can do.

    Attributes:
        task: The step.
    """

    task: Task

    @property
    def step(self) -> str:
        """The name of the step."""
        return self.task.step

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.task.folder

    def at(self, folder: Path) -> Self:
        """The same job where the run folder is elsewhere."""
        return replace(self, task=self.task.at(folder))

    def note(self, remark: str) -> None:
        """Keep a remark on how the job went."""
        logger.warning("Step %s: %s", self.step, remark)
        if work := given(self.task):
            work.remarks.append(remark)


@dataclass(frozen=True)
class ShardJob(_TaskJob):
    """One shard of a step; see `interpret.plugin.Job`."""

    shard: range

    def run(self, tell: Callable[[int], None] | None = None) -> None:
        """Compute the shard and store it; in one process one job runs at a time.

        Raises:
            StepError: If this process finds another model or other images than the process of the run.
        """
        with _one_at_a_time:
            work = open_work(self.task)
            work.context.copy().run(work.compute, self.shard, tell or self.advance)

    def advance(self, images: int) -> None:
        """Let users see that so many more images are done."""
        if work := given(self.task):
            work.advance(self.shard, images)


@dataclass(frozen=True)
class StepJob(_TaskJob):
    """A whole step, which several processes do together; see `interpret.plugin.Job`.

    Each of them comes to the whole answer: the pieces of its work are shared, see `interpret.run.sharing`.

    Attributes:
        number: Which of them this is.
        processes: How many they are.
    """

    number: int
    processes: int

    @property
    def shard(self) -> range:
        """Its number among the jobs of the step."""
        return range(self.number, self.number + 1)

    def run(self, tell: Callable[[int], None] | None = None) -> None:
        """Answer the question of the step, and store the result unless another process has.

        Raises:
            StepError: If this process finds another model or other images than the process of the run.
        """
        with _one_at_a_time:
            work = open_work(self.task)
            work.context.copy().run(work.answer, self.processes, tell or self.advance)

    def advance(self, images: int) -> None:
        """Let users see how far the work is; all of them tell the same, so the first one is heard."""
        if self.number == 0 and (work := given(self.task)):
            work.hear(images)
