"""What a benchmark says, and how two things are timed fairly."""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol


class Row(NamedTuple):
    """One promise: our time against a peer's, and the ratio to reach (``<= 1.15`` or ``>= 30``).

    Attributes:
        work: What is done; the name of the row in the history, so no number in it depends on the machine.
        peer: What it is compared with.
        ours_s: Seconds.
        peer_s: Seconds.
        ratio: Of the two times, so that it is to be small (``<=``) or large (``>=``).
        target: What it has to reach.
        multiply_adds: How many ours must do, and how many the peer does; None where they are not counted.
        noisy: Whether it depends on more than processor and memory, so that a fall is told and fails nothing.
        rate: Multiply-adds a second of a matrix product, measured beside it; 0 where it was not.
    """

    work: str
    peer: str
    ours_s: float
    peer_s: float
    ratio: float
    target: str
    multiply_adds: tuple[int, int] | None = None
    noisy: bool = False
    rate: float = 0.0

    @property
    def gain(self) -> float:
        """The ratio as one that is to be large."""
        return self.ratio if self.target.startswith(">") else 1 / self.ratio

    @property
    def reached(self) -> bool:
        """Whether the ratio is what it has to reach."""
        if self.target[:2] not in {">=", "<="}:
            return True
        bound = float(self.target.split()[1])
        return self.ratio >= bound if self.target.startswith(">") else self.ratio <= bound

    @property
    def allowed(self) -> float | None:
        """The ratio that operations allow: what it would be if times went by multiply-adds alone."""
        if self.multiply_adds is None:
            return None
        ours, peer = self.multiply_adds
        return peer / ours if self.target.startswith(">") else ours / peer

    @property
    def share(self) -> float | None:
        """The share of the matrix product's rate that ours reaches."""
        if self.multiply_adds is None or not self.rate:
            return None
        return self.multiply_adds[0] / self.ours_s / self.rate


class Part(Protocol):
    """A module that measures: each of its cases by itself, so that one can be measured again."""

    CASES: Sequence[str]

    def measured(self, case: str) -> Iterator[Row]:
        """The rows of one case."""


LONGEST = 60.0
"""Seconds after which nothing is repeated any more, once there are two of each."""


def interleaved(ours: Callable[[], object], peer: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Median seconds of each, run in turn so that a busy machine slows both; the first turn warms up."""
    mine, theirs = in_turn([ours, peer], repeats)
    return mine, theirs


def in_turn(calls: Sequence[Callable[[], object]], repeats: int, *, warm: bool = False) -> list[float]:
    """Median seconds of several calls; see `interleaved`.

    Args:
        calls: What is timed.
        repeats: How often; fewer where it takes long.
        warm: Whether all have run before, so that the first turn counts.
    """
    times: list[list[float]] = [[] for _ in calls]
    started = time.perf_counter()
    for turn in range(repeats + (not warm)):
        if len(times[0]) >= 2 and time.perf_counter() - started > LONGEST:
            break
        for call, taken in zip(calls, times, strict=True):
            spent = seconds(call)
            if turn or warm:
                taken.append(spent)
    return [statistics.median(taken) for taken in times]


def seconds(call: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
