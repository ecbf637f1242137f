"""Neurons, and where their windows lie in a map."""

from __future__ import annotations

from typing import Any, NamedTuple

from jaxtyping import Float, Int
from torch import Tensor

from interpret.graph.operations.geometry import Geometry


class Seeds(NamedTuple):
    """Neurons of one layer, on the CPU, and the signal that starts at each."""

    image: Int[Tensor, " k"]
    channel: Int[Tensor, " k"]
    y: Int[Tensor, " k"]
    x: Int[Tensor, " k"]
    value: Float[Tensor, " k"]

    def take(self, index: Any) -> Seeds:
        """Some of the neurons."""
        return Seeds(*(item[index] for item in self))


class Frame(NamedTuple):
    """Where the window of neuron (y, x) lies in a map: from (y, x) * stride + offset, ``size`` long.

    Windows are placed in *virtual* coordinates: they may reach over the border of their map. Each attribute
    holds rows, then columns.
    """

    size: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    offset: tuple[int, int] = (0, 0)

    def below(self, geometry: Geometry) -> Frame:
        """What an operation with this window reads of its operand."""
        axes = [
            (
                (size - 1) * axis.stride + axis.reach + 1,
                stride * axis.stride,
                offset * axis.stride - axis.padding,
            )
            for size, stride, offset, axis in zip(*self, geometry.axes, strict=True)
        ]
        return Frame(*zip(*axes, strict=True))

    def hull(self, other: Frame) -> Frame:
        """The smallest window that holds both; their strides must be equal."""
        rows, columns = (
            (min(start, begin), max(start + size, begin + length) - min(start, begin))
            for start, size, begin, length in zip(
                self.offset, self.size, other.offset, other.size, strict=True
            )
        )
        return Frame((rows[1], columns[1]), self.stride, (rows[0], columns[0]))

    def within(self, hull: Frame) -> tuple[slice, slice]:
        """The rows and columns of ``hull`` that this window takes."""
        rows, columns = (
            slice(mine - start, mine - start + size)
            for mine, start, size in zip(self.offset, hull.offset, self.size, strict=True)
        )
        return rows, columns

    def starts(self, seeds: Seeds) -> tuple[Int[Tensor, " k"], Int[Tensor, " k"]]:
        """First row and first column of each neuron's window."""
        return seeds.y * self.stride[0] + self.offset[0], seeds.x * self.stride[1] + self.offset[1]
