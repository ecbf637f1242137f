"""What a change reaches along one axis: intervals of rows or columns, and windows of one size that hold them.

A sweep changes the image at many places. Along one axis of a map, each place changes an interval. Windows of
one size, one for each place, hold the intervals and lie inside the map, so that all places go through an
operation together. Rows and columns are independent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Axis(NamedTuple):
    """One axis of an operation: position i reads i * stride - padding + dilation * j, for j < kernel."""

    kernel: int = 1
    stride: int = 1
    padding: int = 0
    dilation: int = 1

    @property
    def reach(self) -> int:
        """From the first position that is read to the last."""
        return self.dilation * (self.kernel - 1)

    def read(self, windows: Windows) -> Windows:
        """What windows of the result read of the operand; it may lie outside the map."""
        starts = tuple(start * self.stride - self.padding for start in windows.starts)
        return Windows(starts, (windows.size - 1) * self.stride + self.reach + 1)


class Windows(NamedTuple):
    """Windows along one axis, one for each place: ``size`` positions from its start on."""

    starts: tuple[int, ...]
    size: int

    def within(self, extent: int) -> bool:
        """Whether all of them lie inside a map."""
        return min(self.starts) >= 0 and max(self.starts) + self.size <= extent


@dataclass(frozen=True)
class Span:
    """What each place changes along one axis of a map: positions ``low`` to ``high`` - 1, at least one."""

    low: tuple[int, ...]
    high: tuple[int, ...]
    extent: int

    @cached_property
    def windows(self) -> Windows:
        """Windows inside the map that hold the intervals."""
        size = max(high - low for low, high in zip(self.low, self.high, strict=True))
        return Windows(tuple(min(low, self.extent - size) for low in self.low), size)

    def cut(self, places: Sequence[int]) -> Span:
        """What some of the places change."""
        low, high = tuple(self.low[i] for i in places), tuple(self.high[i] for i in places)
        return Span(low, high, self.extent)

    def through(self, axis: Axis, extent: int) -> Span:
        """What these changes reach in the result of an operation, which has ``extent`` positions."""
        low = (-((axis.reach - axis.padding - start) // axis.stride) for start in self.low)
        high = ((end - 1 + axis.padding) // axis.stride + 1 for end in self.high)
        return Span.inside(tuple(low), tuple(high), extent)

    @classmethod
    def inside(cls, low: Sequence[int], high: Sequence[int], extent: int) -> Span:
        """Intervals cut at the borders of a map; what is empty then keeps one position, unchanged."""
        low = tuple(min(max(start, 0), extent - 1) for start in low)
        ends = zip(low, high, strict=True)
        return cls(low, tuple(max(min(end, extent), start + 1) for start, end in ends), extent)

    @classmethod
    def union(cls, spans: Sequence[Span]) -> Span:
        """The smallest intervals that hold those of several changes of one map."""
        low = tuple(map(min, *(span.low for span in spans))) if len(spans) > 1 else spans[0].low
        high = tuple(map(max, *(span.high for span in spans))) if len(spans) > 1 else spans[0].high
        return cls(low, high, spans[0].extent)


class Run(NamedTuple):
    """Places in a row whose windows move by equal steps.

    Attributes:
        places: Which places.
        start: Where the window of the first place starts.
        step: From one window to the next.
    """

    places: slice
    start: int
    step: int


@lru_cache(4096)
def runs(starts: tuple[int, ...]) -> tuple[Run, ...]:
    """Cut places into runs."""
    found: list[Run] = []
    first = 0
    while first < len(starts):
        step = starts[first + 1] - starts[first] if first + 1 < len(starts) else 0
        last = first + 1
        while last < len(starts) and starts[last] - starts[last - 1] == step >= 0:
            last += 1
        found.append(Run(slice(first, last), starts[first], step))
        first = last
    return tuple(found)


class Overlap(NamedTuple):
    """Places in a row, and the part of one set of windows that lies in the same part of another."""

    places: slice
    target: slice
    source: slice


@lru_cache(4096)
def overlaps(target: Windows, source: Windows, extent: int) -> tuple[Overlap, ...]:
    """Where two sets of windows hold the same positions of a map, place by place; nothing outside of it."""
    common = []
    for mine, other in zip(target.starts, source.starts, strict=True):
        first = max(mine, other, 0)
        last = min(mine + target.size, other + source.size, extent)
        common.append((first - mine, last - mine, mine - other) if first < last else None)
    return tuple(
        Overlap(places, slice(part[0], part[1]), slice(part[0] + part[2], part[1] + part[2]))
        for places, part in _equal(common)
        if part
    )


def _equal(values: Sequence[T]) -> Iterator[tuple[slice, T]]:
    """Neighbours with equal values."""
    cuts = [i for i in range(1, len(values)) if values[i] != values[i - 1]]
    for first, last in pairwise([0, *cuts, len(values)]):
        yield slice(first, last), values[first]


class Reading(NamedTuple):
    """How a linear operation with a stride reads windows of its operand.

    Attributes:
        source: The windows its operand must be moved to first.
        pads: Zeros before and after them; negative: so much is cut off.
        result: The windows that come out.
    """

    source: Windows
    pads: tuple[int, int]
    result: Windows


@lru_cache(4096)
def reading(axis: Axis, source: Windows, result: Windows) -> Reading:
    """How windows of an operand give windows of the result, with as few zeros around them as possible.

    With a stride of 1, places that begin differently before their results share the longest beginning; the
    windows that come out may then begin earlier than ``result``, outside the map even.
    """
    starts = zip(source.starts, result.starts, strict=True)
    leads = [own + axis.padding - axis.stride * made for own, made in starts]
    lead = max(leads)
    if lead > min(leads):
        if axis.stride > 1:
            source, lead = axis.read(result), 0
        else:
            earlier = tuple(start + axis.padding - lead for start in source.starts)
            result = Windows(earlier, result.size + lead - min(leads))
    after = (result.size - 1) * axis.stride + axis.reach + 1 - source.size - lead
    return Reading(source, (lead, after), result)
