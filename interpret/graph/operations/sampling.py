"""Which positions of an operand those of a value read, along rows or along columns alone.

Two answers, since a map has borders. The *window* of a position goes on beyond the map as if there were no
border, as that of a convolution reaches into its padding: from windows come the sizes and the strides of
receptive fields. *Read* are only positions of the map, perhaps fewer of them (an interpolation has weights
that are zero) or others (a padding mirrors what lies beside it, or takes it from the other side).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import gcd

import numpy as np
from jaxtyping import Bool, Int

from interpret.graph.operations.geometry import Axis

Positions = Int[np.ndarray, " n"]

Marks = Bool[np.ndarray, " size"]

Windows = Callable[[Positions, Positions], tuple[Positions, Positions]]
"""From the first and the last position of intervals of a value to those of the operand in their windows."""

NOWHERE = 2**40
"""The first position of an interval without any; the last is ``-NOWHERE``."""


@dataclass(frozen=True)
class Sampling:
    """What a value reads of an operand along one axis.

    Attributes:
        stride: Positions of the operand from one window to the next; 0 where all read everything, negative
            where they go backwards.
        windows: The windows of intervals, even outside the map; where nothing is read, the first position
            comes after the last.
        step: From one position of a window to the next that is read.
        table: Which positions of the operand each position of the value reads; None: those in its window.
    """

    stride: Fraction
    windows: Windows
    step: int = 1
    table: Bool[np.ndarray, "made size"] | None = None

    def read(self, first: Positions, last: Positions, size: int) -> tuple[Positions, Positions]:
        """The first and the last position of a map of ``size`` that intervals inside its value read."""
        if self.table is None:
            starts, ends = self.windows(first, last)
            return np.maximum(starts, 0), np.minimum(ends, size - 1)
        bounds = np.array([bounds_of(marks) for marks in self.table], dtype=np.int64).reshape(-1, 2)
        pairs = [(low, high + 1) for low, high in zip(first.tolist(), last.tolist(), strict=True)]
        starts = np.array([bounds[low:high, 0].min() for low, high in pairs], dtype=np.int64)
        return starts, np.array([bounds[low:high, 1].max() for low, high in pairs], dtype=np.int64)

    def marked(self, marks: Marks, size: int) -> Marks:
        """The positions of a map of ``size`` that the marked ones of its value read."""
        if self.table is not None:
            found: Marks = self.table[marks].any(0)
            return found
        read, chosen = np.zeros(size, dtype=bool), np.flatnonzero(marks)
        for first, last in zip(*self.windows(chosen, chosen), strict=True):
            inside = first % self.step if first < 0 else first
            read[inside : max(last + 1, 0) : self.step] = True
        return read

    def readers(self, first: Positions, last: Positions, size: int, made: int) -> tuple[Positions, Positions]:
        """The first and the last of ``made`` positions that read of these intervals of a map of ``size``."""
        positions = np.arange(made)
        starts, ends = self.read(positions, positions, size)
        reading = (starts <= last[:, None]) & (ends >= first[:, None])
        found = np.array([bounds_of(marks) for marks in reading], dtype=np.int64).reshape(-1, 2)
        return found[:, 0], found[:, 1]


def bounds_of(marks: Marks) -> tuple[int, int]:
    """The first and the last marked position."""
    marked = np.flatnonzero(marks)
    return (int(marked[0]), int(marked[-1])) if len(marked) else (NOWHERE, -NOWHERE)


def by_kernel(axis: Axis) -> Sampling:
    """Windows of one size that move by a whole stride."""
    stride, padding = axis.stride, axis.padding
    return Sampling(
        Fraction(stride),
        lambda first, last: (first * stride - padding, last * stride - padding + axis.reach),
        axis.dilation,
    )


def by_transposed_kernel(axis: Axis) -> Sampling:
    """Where each position of the operand is added to ``kernel`` positions of the value, a stride further on.

    Position o reads i where o = i * stride - padding + dilation * j for some j < kernel: the same j again and
    again, ``stride`` positions further on. There may be none.
    """
    nearest, farthest = np.array([_members(axis, phase) for phase in range(axis.stride)]).T

    def windows(first: Positions, last: Positions) -> tuple[Positions, Positions]:
        starts, ends = np.full_like(first, NOWHERE), np.full_like(last, -NOWHERE)
        for further in range(axis.stride):  # of more positions, the others read more in the middle
            low, high = np.minimum(first + further, last), np.maximum(last - further, first)
            starts = np.minimum(starts, _from(low + axis.padding, farthest, axis, NOWHERE))
            ends = np.maximum(ends, _from(high + axis.padding, nearest, axis, -NOWHERE))
        return starts, ends

    step = axis.dilation // gcd(axis.dilation, axis.stride)
    return Sampling(Fraction(1, axis.stride), windows, step)


def _members(axis: Axis, phase: int) -> tuple[int, int]:
    """The first and the last member of a kernel that meets positions of one phase; -1 if none does."""
    met = [member for member in range(axis.kernel) if (phase - axis.dilation * member) % axis.stride == 0]
    return (met[0], met[-1]) if met else (-1, -1)


def _from(position: Positions, members: Positions, axis: Axis, nothing: int) -> Positions:
    member = members[position % axis.stride]
    return np.where(member < 0, nothing, (position - axis.dilation * member) // axis.stride)


def by_index(index: Positions, size: int, windows: Windows) -> Sampling:
    """Position i of the value reads ``index[i]`` alone, and that is ``windows`` but for the borders."""
    return Sampling(Fraction(1), windows, table=index[:, None] == np.arange(size))


def everything(size: int) -> Sampling:
    """Every position reads the whole map."""
    return Sampling(Fraction(0), lambda first, last: (0 * first, 0 * last + size - 1))
