"""Receptive fields: which pixels a neuron depends on, by propagation of intervals over the graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Int
from torch import nn

from interpret.errors import InterpretError, ModelError
from interpret.graph.operations.table import geometry, row_of
from interpret.graph.program.program import Graph, Node

Box = tuple[int, int, int, int]
"""(top, left, bottom, right) in pixels; the last row and column are not in it."""

Positions = Int[np.ndarray, "positions"]
Marks = Bool[np.ndarray, "size"]


@runtime_checkable
class HasGraph(Protocol):
    """A network with a graph, and with names of its own for layers."""

    @property
    def graph(self) -> Graph:
        """The traced network."""

    def layer(self, name: str) -> str:
        """The dotted name of a layer, from that name or an alias."""


@dataclass(frozen=True)
class ReceptiveField:
    """The pixels that the neurons of a layer depend on.

    Attributes:
        size: Rows and columns of a neuron's box.
        stride: Pixels from a neuron's box to its neighbour's; 0 where every neuron sees the whole image.
        offset: Top and left of the box of neuron (0, 0); negative where it reaches into the padding.
        extent: Rows and columns of neurons in the layer; (1, 1) in a layer without positions.
    """

    size: tuple[int, int]
    stride: tuple[int, int]
    offset: tuple[int, int]
    extent: tuple[int, int]
    _edges: tuple[tuple[Positions, Positions], ...] = field(repr=False, compare=False)
    _graph: Graph = field(repr=False, compare=False)
    _node: Node = field(repr=False, compare=False)

    def box(self, y: int, x: int) -> Box:
        """The box of the neuron at row y and column x, reaching outside the image where its window does.

        Raises:
            InterpretError: If the layer has no such position.
        """
        self._check(y, x)
        (tops, bottoms), (lefts, rights) = self._edges
        return int(tops[y]), int(lefts[x]), int(bottoms[y]), int(rights[x])

    def support(self, y: int, x: int) -> Box:
        """The smallest box around the pixels that neuron (y, x) really depends on.

        It is the box cut at the image, except where strides leave the last pixels of a map unread or a window
        lies in the padding altogether; then it is smaller, and may be empty: (0, 0, 0, 0).
        """
        self._check(y, x)
        return _support(self._graph, self._node, (y, x))

    def _check(self, y: int, x: int) -> None:
        if not (0 <= y < self.extent[0] and 0 <= x < self.extent[1]):
            rows, columns = self.extent
            raise InterpretError(
                f"There is no neuron at ({y}, {x}): the layer has {rows} x {columns} positions."
            )


def receptive_field(network: HasGraph | Graph, layer: str) -> ReceptiveField:
    """The receptive field of a layer: size, stride, offset and the box of every neuron.

    Exact for any acyclic network of convolutions, pools, paddings, cuts, concatenations and pointwise
    operations. Any other operation counts as reading all of its input, so the box misses no pixel.

    Args:
        network: A network, or its graph.
        layer: Name (or alias) of the layer.

    Raises:
        UnknownNameError: If there is no such layer.
    """
    if isinstance(network, nn.Module):
        raise ModelError("receptive_field() takes a Network: give it interpret.wrap(module, input_size=…).")
    if isinstance(network, Graph):
        return _field(network, network.layer(layer))
    return _field(network.graph, network.graph.layer(network.layer(layer)))


def _field(graph: Graph, node: Node) -> ReceptiveField:
    rows, columns = (_axis(graph, node, axis) for axis in (0, 1))
    return ReceptiveField(
        size=(rows.size, columns.size),
        stride=(rows.stride, columns.stride),
        offset=(int(rows.starts[0]), int(columns.starts[0])),
        extent=node.extent,
        _edges=((rows.starts, rows.ends), (columns.starts, columns.ends)),
        _graph=graph,
        _node=node,
    )


@dataclass(frozen=True)
class _Axis:
    """Boxes along rows or along columns: one start and one end for each position of the layer."""

    starts: Positions
    ends: Positions
    stride: int

    @property
    def size(self) -> int:
        return int((self.ends - self.starts).max())


def _axis(graph: Graph, node: Node, axis: int) -> _Axis:
    """The boxes of all positions along one axis, and of one position more, which shows the stride."""
    starts, ends = _intervals(graph, node, axis, np.arange(node.extent[axis] + 1))
    stride = int(starts[1] - starts[0])
    if stride == 0:
        starts, ends = np.maximum(starts, 0), np.minimum(ends, graph.input.extent[axis])
    return _Axis(starts[:-1], ends[:-1], stride)


def _intervals(graph: Graph, node: Node, axis: int, positions: Positions) -> tuple[Positions, Positions]:
    """The interval of pixels [start, end) under each position of ``node``, not cut at the borders."""
    reached: dict[Node, tuple[Positions, Positions]] = {node: (positions, positions + 1)}
    for reader in reversed(graph.path(node)):
        if reader is graph.input:
            continue
        starts, ends = reached[reader]
        for operand in reader.varying_operands:
            first, _, _ = window(reader, operand, axis, starts)
            _, last, _ = window(reader, operand, axis, ends - 1)
            known = reached.get(operand, (first, last + 1))
            reached[operand] = np.minimum(known[0], first), np.maximum(known[1], last + 1)
    return reached[graph.input]


def _support(graph: Graph, node: Node, position: tuple[int, int]) -> Box:
    """The box of real pixels under one position, from the exact rows and columns read of each node."""
    reached = {each: [np.zeros(size, dtype=bool) for size in each.extent] for each in graph.path(node)}
    for axis in (0, 1):
        reached[node][axis][position[axis]] = True
    for reader in reversed(graph.path(node)):
        for operand in reader.varying_operands:
            read = [_read(reader, operand, axis, reached[reader][axis]) for axis in (0, 1)]
            if read[0].any() and read[1].any():  # a window that lies in the padding reads nothing
                reached[operand] = [known | new for known, new in zip(reached[operand], read, strict=True)]
    (top, bottom), (left, right) = (_hull(marks) for marks in reached[graph.input])
    return top, left, bottom, right


def _read(reader: Node, operand: Node, axis: int, marks: Marks) -> Marks:
    """The rows (or columns) of ``operand`` that ``reader`` reads at its marked ones."""
    read = np.zeros(operand.extent[axis], dtype=bool)
    for position in np.flatnonzero(marks):
        first, last, step = window(reader, operand, axis, int(position))
        inside = first - first // step * step if first < 0 else first
        read[inside : max(last + 1, 0) : step] = True
    return read


def _hull(marks: Marks) -> tuple[int, int]:
    marked = np.flatnonzero(marks)
    return (int(marked[0]), int(marked[-1]) + 1) if len(marked) else (0, 0)


def window(reader: Node, operand: Node, axis: int, position: Any) -> tuple[Any, Any, int]:
    """First and last position of ``operand`` that ``reader`` reads at ``position``, and the step between.

    Args:
        reader: A node.
        operand: One of the nodes it reads.
        axis: 0 for rows, 1 for columns.
        position: One position or an array of them, even outside the map.
    """
    row, size, made = row_of(reader), operand.extent[axis], reader.extent[axis]
    found = row.positions(reader, operand, axis, position) if row.positions else None
    if found is not None:
        return found
    shape = geometry(reader, operand)
    spread = size == 1 < made and not row.maps  # one value serves every position
    if shape is None or spread:
        return 0 * position, 0 * position + size - 1, 1
    read = shape.axes[axis]
    first = position * read.stride - read.padding
    return first, first + read.reach, read.dilation
