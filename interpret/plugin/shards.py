"""Shards: the one fixed cut of a dataset, and the job that computes one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

SHARD_IMAGES = 256


def shard_grid(count: int, batch_size: int, images: int = SHARD_IMAGES) -> list[range]:
    """The one fixed cut of a dataset into shards of whole batches, independent of how many work on it.

    Forward values differ in the last bits with the batch: only equal batches on one kind of processor give
    bit-identical results. A shard has so many ``images``, or a few more.
    """
    size = -(-images // batch_size) * batch_size
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


class Job(Protocol):
    """One shard of a step, as an executor gets it.

    It can be pickled, and run in any process that sees the run folder and has the same packages installed.
    What it computes is stored in the folder; the bits do not depend on where and in which order jobs run.
    """

    @property
    def step(self) -> str:
        """The name of the step."""

    @property
    def shard(self) -> range:
        """The places of its images among those of the step."""

    def run(self, tell: Callable[[int], None] | None = None) -> None:
        """Compute the shard and store it.

        Args:
            tell: Is called with how many more images are done, after each batch; default: ``advance``.
        """

    def advance(self, images: int) -> None:
        """Let users see that so many more images are done; for the process that runs the pipeline."""
