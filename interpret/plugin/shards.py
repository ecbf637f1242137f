"""Shards: the one fixed cut of a dataset, the job that computes one of them, and few in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

R = TypeVar("R")

SHARD_IMAGES = 256

MOST_SHARDS = 10_000
"""Of a larger dataset shards have more images: each is a folder, some megabytes, milliseconds to merge."""


def shard_grid(count: int, batch_size: int, images: int | None = None) -> list[range]:
    """The one fixed cut of a dataset into shards of whole batches, independent of how many work on it.

    Forward values differ in the last bits with the batch: only equal batches on one kind of processor give
    bit-identical results. A shard has so many ``images``, or a few more.

    Args:
        count: Images of the dataset.
        batch_size: Images in a batch.
        images: Images in a shard; default: 256, and more where there would be more than 10,000 shards.
    """
    images = images or max(SHARD_IMAGES, -(-count // MOST_SHARDS))
    size = -(-images // batch_size) * batch_size
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


GROUP = 16
"""Partial results that are in memory at a time, where they can be joined."""


def join_groups(join: Callable[[Sequence[R]], R], parts: Iterable[R]) -> list[R]:
    """Fewer partial results that say the same: whenever there are 16, they are joined to one.

    What is in memory does not grow with their number.

    Args:
        join: Joins consecutive ones.
        parts: They are asked for one by one.
    """
    held = list[R]()
    for part in parts:
        held.append(part)
        if len(held) == GROUP:
            held = [join(held)]
    return held


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

    @property
    def folder(self) -> Path:
        """The run folder."""

    def run(self, tell: Callable[[int], None] | None = None) -> None:
        """Compute the shard and store it.

        Args:
            tell: Is called with how many more images are done, after each batch; default: ``advance``.
        """

    def at(self, folder: Path) -> Job:
        """The same job for a machine on which the run folder, or what stands for it, is elsewhere."""

    def note(self, remark: str) -> None:
        """Keep a remark on how it went, as why it was computed again, in log and manifest."""

    def advance(self, images: int) -> None:
        """Let users see that so many more images are done; for the process that runs the pipeline."""
