"""The executor ``ray``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from pydantic import Field

from interpret.plugin import Executor, Job
from interpret.run import run_folder
from interpret_ray.pool import Options, dismiss, pool_of


class Ray(Executor):
    """Computes on the cores and GPUs of one machine or of a cluster, by Ray.

    Without an address, and without ``RAY_ADDRESS``, it starts a Ray on this machine, which ends with the run.

    Example:
        >>> run_pipeline("pipeline.yaml", "runs/first", executor=Ray(workers=2))
    """

    name: ClassVar[str] = "ray"
    side_by_side: ClassVar[bool] = True

    workers: int | None = Field(
        None, ge=1, le=4096, description="Processes that compute; none: as many as the cluster has room for."
    )
    cpus: float = Field(1, ge=0, le=1024, description="Cores that Ray sets aside for each worker.")
    gpus: float | None = Field(
        None,
        ge=0,
        le=64,
        description="GPUs for each worker; none: one where this process and the cluster have any.",
    )
    address: str = Field(
        "", description="The cluster, as Ray writes it; left out: RAY_ADDRESS, else this machine."
    )
    retries: int = Field(
        3, ge=0, le=100, description="How often a job is given again when its worker is lost."
    )
    start_seconds: float = Field(
        300, gt=0, le=86400, description="How long to wait for the first worker, as of a cluster that grows."
    )
    shared_disk: bool | None = Field(
        None,
        description="Whether workers see the run folder; none: each finds out. Else files are sent.",
    )

    @property
    def capacity(self) -> int:
        """As many jobs as there are workers."""
        return pool_of(self._options, run_folder()).size

    def run(self, jobs: Sequence[Job]) -> Iterator[Job]:
        """Run the jobs, and yield each when it is done.

        Raises:
            StepError: If Ray cannot be reached, no worker starts, or a job lost too many workers.
        """
        yield from pool_of(self._options, jobs[0].folder).run(jobs)

    def close(self) -> None:
        """Let the workers of the run go."""
        dismiss(self._options, run_folder())

    @property
    def _options(self) -> Options:
        return Options(**self.model_dump())
