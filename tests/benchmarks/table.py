"""What a benchmark prints, and how two things are timed fairly."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Row(NamedTuple):
    """One promise: our time against a peer's, and the ratio to reach (``<= 1.15`` or ``>= 30``)."""

    work: str
    peer: str
    ours_s: float
    peer_s: float
    ratio: float
    target: str


def interleaved(ours: Callable[[], object], peer: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Median seconds of each, run in turn so that a busy machine slows both; the first turn warms up."""
    mine, theirs = in_turn([ours, peer], repeats)
    return mine, theirs


def in_turn(calls: Sequence[Callable[[], object]], repeats: int) -> list[float]:
    """Median seconds of several calls; see `interleaved`."""
    times: list[list[float]] = [[] for _ in calls]
    for turn in range(repeats + 1):
        for call, taken in zip(calls, times, strict=True):
            spent = seconds(call)
            if turn:
                taken.append(spent)
    return [statistics.median(taken) for taken in times]


def seconds(call: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
