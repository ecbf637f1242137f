"""The executor ``local``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from pydantic import Field

from interpret.plugin import Executor, Job
from interpret_local.processes import run_in_processes


class Local(Executor):
    """Computes the shards on this machine; torch spreads each over the cores."""

    name: ClassVar[str] = "local"

    workers: int = Field(
        1, ge=1, le=256, description="Processes that compute shards at the same time; 1: none but this one."
    )

    @property
    def capacity(self) -> int:
        """As many jobs as there are processes."""
        return self.workers

    def run(self, jobs: Sequence[Job]) -> Iterator[Job]:
        """Run the jobs in order and yield each when it is done; of several processes, as they are done."""
        if self.workers > 1 and len(jobs) > 1:
            yield from run_in_processes(jobs, min(self.workers, len(jobs)))
            return
        for job in jobs:
            job.run()
            yield job
