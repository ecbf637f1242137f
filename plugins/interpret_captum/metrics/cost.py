"""What a probe costs: seconds, and how much memory it takes more at its peak."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import nan
from pathlib import Path
from statistics import median
from time import perf_counter

import torch

from interpret.progress import track

MIB = 2**20
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Cost:
    """What one run took.

    Attributes:
        seconds: Wall time.
        memory: MiB that the peak lies above the start; NaN where the system does not tell.
    """

    seconds: float
    memory: float


def interleaved(
    runs: Sequence[Callable[[], object]], repeats: int, device: torch.device | None = None
) -> list[Cost]:
    """The median cost of each of several pieces of work, run in turn so that a busy machine is fair to all.

    Args:
        runs: The pieces of work; each should have run once before, so that nothing is built now.
        repeats: How often each runs.
        device: Where they compute.
    """
    found: list[list[Cost]] = [[] for _ in runs]
    with _settled():
        for index in track([*range(len(runs))] * repeats):
            found[index].append(measure(runs[index], device))
    return [
        Cost(median(cost.seconds for cost in costs), median(cost.memory for cost in costs)) for costs in found
    ]


def measure(run: Callable[[], object], device: torch.device | None = None) -> Cost:
    """Seconds and memory of one run.

    On a CUDA device the memory is what torch's allocator holds on it at the peak, beyond the start. Elsewhere
    it is the resident set of this whole process, from the kernel's own high-water mark (Linux): freed
    memory is given back before, and no sample between two moments can be missed.
    """
    meter = _Cuda(device) if device is not None and device.type == "cuda" else _Resident()
    gc.collect()
    before = meter.begin()
    start = perf_counter()
    result = run()
    meter.wait()
    seconds = perf_counter() - start
    memory = (meter.peak() - before) / MIB
    del result
    return Cost(seconds, memory)


@contextmanager
def _settled() -> Iterator[None]:
    """Let the garbage collector pass over what is there now: all of torch takes it half a second.

    Where a program has told it to pass over things already, it goes on to do so.
    """
    ours = not gc.get_freeze_count()
    gc.collect()
    if ours:
        gc.freeze()
    try:
        yield
    finally:
        if ours:
            gc.unfreeze()


class _Resident:
    """Bytes of this process that are in memory."""

    def begin(self) -> float:
        """Forget the peak so far; the bytes at the start."""
        _give_back()
        try:
            _CLEAR.write_text("5")  # the kernel sets the high-water mark to what is resident now
        except OSError:
            return nan
        return _resident("VmRSS")

    def wait(self) -> None:
        """The CPU is done when its call returns."""

    def peak(self) -> float:
        """The most bytes since the start."""
        return _resident("VmHWM")


class _Cuda:
    """Bytes that torch holds on a CUDA device."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def begin(self) -> float:
        """Forget the peak so far; the bytes at the start."""
        self.wait()
        torch.cuda.reset_peak_memory_stats(self.device)
        return float(torch.cuda.memory_allocated(self.device))

    def wait(self) -> None:
        """Kernels run on when their call has returned."""
        torch.cuda.synchronize(self.device)

    def peak(self) -> float:
        """The most bytes since the start."""
        return float(torch.cuda.max_memory_allocated(self.device))


def _resident(key: str) -> float:
    """A size from the kernel's record of this process, in bytes; NaN where there is none."""
    with suppress(OSError):
        for line in _STATUS.read_text().splitlines():
            if line.startswith(f"{key}:"):
                return float(line.split()[1]) * 1024
    return nan


def _give_back() -> None:
    """Return freed memory to the system, or a run could grow into what an earlier one left."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
