"""What a change reaches along one axis: intervals of rows or columns, and windows of one size that hold them.

A sweep changes the image at many places. Along one axis of a map, each place changes an interval. Slices of
one size, one for each place, hold the intervals and lie inside the map, so that all places go through an
operation together. Rows and columns are independent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import NamedTuple, TypeVar

from interpret.graph.operations.geometry import Axis

T = TypeVar("T")


class Slices(NamedTuple):
    """Slices along one axis, one for each place: ``size`` positions from its start on."""

    starts: tuple[int, ...]
    size: int

    def read_by(self, axis: Axis) -> Slices:
        """What an operation reads of its operand to make these; it may lie outside the map."""
        starts = tuple(start * axis.stride - axis.padding for start in self.starts)
        return Slices(starts, (self.size - 1) * axis.stride + axis.reach + 1)

    def shifted(self, by: int) -> Slices:
        """The same windows further on."""
        return Slices(tuple(start + by for start in self.starts), self.size)

    def within(self, extent: int) -> bool:
        """Whether all of them lie inside a map."""
        return min(self.starts) >= 0 and max(self.starts) + self.size <= extent


@dataclass(frozen=True)
class Interval:
    """What each place changes along one axis of a map: positions ``low`` to ``high`` - 1, at least one."""

    low: tuple[int, ...]
    high: tuple[int, ...]
    extent: int

    @cached_property
    def slices(self) -> Slices:
        """Slices inside the map that hold the intervals."""
        size = max(high - low for low, high in zip(self.low, self.high, strict=True))
        return Slices(tuple(min(low, self.extent - size) for low in self.low), size)

    def cut(self, places: Sequence[int]) -> Interval:
        """What some of the places change."""
        low, high = tuple(self.low[i] for i in places), tuple(self.high[i] for i in places)
        return Interval(low, high, self.extent)

    def through(self, axis: Axis, extent: int) -> Interval:
        """What these changes reach in the result of an operation, which has ``extent`` positions."""
        low = (-((axis.reach - axis.padding - start) // axis.stride) for start in self.low)
        high = ((end - 1 + axis.padding) // axis.stride + 1 for end in self.high)
        return Interval.inside(tuple(low), tuple(high), extent)

    @classmethod
    def inside(cls, low: Sequence[int], high: Sequence[int], extent: int) -> Interval:
        """Intervals cut at the borders of a map; what is empty then keeps one position, unchanged."""
        low = tuple(min(max(start, 0), extent - 1) for start in low)
        ends = zip(low, high, strict=True)
        return cls(low, tuple(max(min(end, extent), start + 1) for start, end in ends), extent)

    @classmethod
    def union(cls, intervals: Sequence[Interval]) -> Interval:
        """The smallest intervals that hold those of several changes of one map."""
        low = (
            tuple(map(min, *(interval.low for interval in intervals)))
            if len(intervals) > 1
            else intervals[0].low
        )
        high = (
            tuple(map(max, *(interval.high for interval in intervals)))
            if len(intervals) > 1
            else intervals[0].high
        )
        return cls(low, high, intervals[0].extent)


class Stretch(NamedTuple):
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
def runs(starts: tuple[int, ...]) -> tuple[Stretch, ...]:
    """Cut places into runs."""
    found: list[Stretch] = []
    first = 0
    while first < len(starts):
        step = starts[first + 1] - starts[first] if first + 1 < len(starts) else 0
        last = first + 1
        while last < len(starts) and starts[last] - starts[last - 1] == step >= 0:
            last += 1
        found.append(Stretch(slice(first, last), starts[first], max(step, 0)))  # one alone goes nowhere
        first = last
    return tuple(found)


class Overlap(NamedTuple):
    """Places in a row, and the part of one set of windows that lies in the same part of another."""

    places: slice
    target: slice
    source: slice


@lru_cache(4096)
def overlaps(target: Slices, source: Slices, extent: int) -> tuple[Overlap, ...]:
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

    source: Slices
    pads: tuple[int, int]
    result: Slices


@lru_cache(4096)
def reading(axis: Axis, source: Slices, result: Slices) -> Reading:
    """How windows of an operand give windows of the result, with as few zeros around them as possible.

    With a stride of 1, places that begin differently before their results share the longest beginning; the
    windows that come out may then begin earlier than ``result``, outside the map even.
    """
    starts = zip(source.starts, result.starts, strict=True)
    leads = [own + axis.padding - axis.stride * made for own, made in starts]
    lead = max(leads)
    if lead > min(leads):
        if axis.stride > 1:
            source, lead = result.read_by(axis), 0
        else:
            earlier = tuple(start + axis.padding - lead for start in source.starts)
            result = Slices(earlier, result.size + lead - min(leads))
    after = (result.size - 1) * axis.stride + axis.reach + 1 - source.size - lead
    return Reading(source, (lead, after), result)
