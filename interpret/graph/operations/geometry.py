"""How the positions of a value read those of an operand, in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from interpret.graph.program.program import Node


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


@dataclass(frozen=True)
class Geometry:
    """Output position i of an axis reads positions i * stride - padding + dilation * j, for j < kernel.

    Each attribute holds rows, then columns.
    """

    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)

    @property
    def axes(self) -> tuple[Axis, Axis]:
        """Rows and columns apart."""
        rows, columns = zip(self.kernel, self.stride, self.padding, self.dilation, strict=True)
        return Axis(*rows), Axis(*columns)


IDENTITY_GEOMETRY = Geometry()
"""Every position reads the same one of the operand."""


def pair(value: int | Sequence[int]) -> tuple[int, int]:
    """Rows and columns from PyTorch's short forms: 3, [3] or [3, 5]."""
    if isinstance(value, int):
        return value, value
    return value[0], value[-1]


def takes_map(node: Node, operand: Node) -> bool:
    """Whether an operand is the one map (n, c, h, w) that an operation reads, and nothing else varies."""
    varying = [item for item in node.operands if item.varies]
    return varying == [operand] == [node.operands[0]] and operand.spatial == (2, 3) == node.spatial
