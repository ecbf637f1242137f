"""Receptive fields: which pixels a neuron depends on, by propagation of intervals over the graph.

Where no rule says what an operation reads, that is measured, if the caller wants it, or it reads whole maps.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool
from torch import nn

from interpret.errors import InterpretError, ModelError
from interpret.graph.measured import Positions, Read, measured_axis
from interpret.graph.operations.geometry import Axis
from interpret.graph.operations.table import geometry, keeps_tokens, row_of
from interpret.graph.program.program import Graph, Node

Box = tuple[int, int, int, int]
"""(top, left, bottom, right) in pixels; the last row and column are not in it."""

Marks = Bool[np.ndarray, "size"]

Measured = dict[Read, Axis]
"""What was measured of operations without a rule."""


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
        measured: Whether an operation on the way has no rule and was measured to read less than all of its
            input; then the boxes are evidence, and no proof.
    """

    size: tuple[int, int]
    stride: tuple[int, int]
    offset: tuple[int, int]
    extent: tuple[int, int]
    measured: bool
    _edges: tuple[tuple[Positions, Positions], ...] = field(repr=False, compare=False)
    _graph: Graph = field(repr=False, compare=False)
    _node: Node = field(repr=False, compare=False)
    _reads: Measured = field(repr=False, compare=False)

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
        return _support(self._graph, self._node, (y, x), self._reads)

    def _check(self, y: int, x: int) -> None:
        if not (0 <= y < self.extent[0] and 0 <= x < self.extent[1]):
            rows, columns = self.extent
            raise InterpretError(
                f"There is no neuron at ({y}, {x}): the layer has {rows} x {columns} positions."
            )


def receptive_field(network: HasGraph | Graph, layer: str, *, measure: bool = True) -> ReceptiveField:
    """The receptive field of a layer: size, stride, offset and the box of every neuron.

    Exact for any acyclic network of convolutions, pools, paddings, cuts, concatenations and pointwise
    operations. Of any other operation it is measured what it reads: parts of its input are replaced, in many
    ways, and whatever is not plainly a window that moves over the map counts as all of it. That is no proof:
    an operation may read a pixel only where another has one certain value. `ReceptiveField.measured` tells.

    Args:
        network: A network, or its graph.
        layer: Name (or alias) of the layer.
        measure: False: an operation without a rule counts as reading all of its input, and the box misses no
            pixel.

    Raises:
        UnknownNameError: If there is no such layer.
    """
    if isinstance(network, nn.Module):
        raise ModelError("receptive_field() takes a Network: give it interpret.wrap(module, input_size=…).")
    if isinstance(network, Graph):
        return _field(network, network.layer(layer), measure)
    return _field(network.graph, network.graph.layer(network.layer(layer)), measure)


def _field(graph: Graph, node: Node, measure: bool) -> ReceptiveField:
    reads: Measured = {}
    rows, columns = (_axis(graph, node, axis, reads if measure else None) for axis in (0, 1))
    return ReceptiveField(
        size=(rows.size, columns.size),
        stride=(rows.stride, columns.stride),
        offset=(int(rows.starts[0]), int(columns.starts[0])),
        extent=node.grid,
        measured=bool(reads),
        _edges=((rows.starts, rows.ends), (columns.starts, columns.ends)),
        _graph=graph,
        _node=node,
        _reads=reads,
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


def _axis(graph: Graph, node: Node, axis: int, reads: Measured | None) -> _Axis:
    """The boxes of all positions along one axis, and of one position more, which shows the stride."""
    starts, ends = _intervals(graph, node, axis, np.arange(node.grid[axis] + 1), reads)
    stride = int(starts[1] - starts[0])
    if stride == 0:
        starts, ends = np.maximum(starts, 0), np.minimum(ends, graph.input.extent[axis])
    return _Axis(starts[:-1], ends[:-1], stride)


def _intervals(
    graph: Graph, node: Node, axis: int, positions: Positions, reads: Measured | None
) -> tuple[Positions, Positions]:
    """The interval of pixels [start, end) under each position of ``node``, not cut at the borders.

    What is measured on the way is added to ``reads``; None: nothing is.
    """
    reached: dict[Node, tuple[Positions, Positions]] = {node: (positions, positions + 1)}
    for reader in reversed(graph.path(node)):
        if reader is graph.input:
            continue
        starts, ends = reached[reader]
        for operand in reader.varying_operands:
            if reads is not None and (
                starts.max() > 0 or ends.min() < reader.grid[axis]
            ):  # else all is read anyway
                _measure(graph, reader, operand, axis, reads)
            first, _, _ = window(reader, operand, axis, starts, reads or {})
            _, last, _ = window(reader, operand, axis, ends - 1, reads or {})
            known = reached.get(operand, (first, last + 1))
            reached[operand] = np.minimum(known[0], first), np.maximum(known[1], last + 1)
    return reached[graph.input]


def _measure(graph: Graph, reader: Node, operand: Node, axis: int, reads: Measured) -> None:
    """Measure what a node reads of a map, if no rule says it, and add it to what was measured."""
    if max(operand.extent) > 1 and not any(_rule(reader, operand, each, 0) for each in (0, 1)):
        found = measured_axis(graph, reader, operand, axis)
        reads |= {} if found is None else {(reader, operand, axis): found}


def _support(graph: Graph, node: Node, position: tuple[int, int], reads: Measured) -> Box:
    """The box of real pixels under one position, from the exact rows and columns read of each node."""
    reached = {each: [np.zeros(size, dtype=bool) for size in each.grid] for each in graph.path(node)}
    for axis in (0, 1):
        reached[node][axis][position[axis]] = True
    for reader in reversed(graph.path(node)):
        for operand in reader.varying_operands:
            read = [_read(reader, operand, axis, reached[reader][axis], reads) for axis in (0, 1)]
            if read[0].any() and read[1].any():  # a window that lies in the padding reads nothing
                reached[operand] = [known | new for known, new in zip(reached[operand], read, strict=True)]
    (top, bottom), (left, right) = (_hull(marks) for marks in reached[graph.input])
    return top, left, bottom, right


def _read(reader: Node, operand: Node, axis: int, marks: Marks, reads: Measured) -> Marks:
    """The rows (or columns) of ``operand`` that ``reader`` reads at its marked ones."""
    read = np.zeros(operand.grid[axis], dtype=bool)
    for position in np.flatnonzero(marks):
        first, last, step = window(reader, operand, axis, int(position), reads)
        inside = first - first // step * step if first < 0 else first
        read[inside : max(last + 1, 0) : step] = True
    return read


def _hull(marks: Marks) -> tuple[int, int]:
    marked = np.flatnonzero(marks)
    return (int(marked[0]), int(marked[-1]) + 1) if len(marked) else (0, 0)


def window(reader: Node, operand: Node, axis: int, position: Any, reads: Measured) -> tuple[Any, Any, int]:
    """First and last position of ``operand`` that ``reader`` reads at ``position``, and the step between.

    Args:
        reader: A node.
        operand: One of the nodes it reads.
        axis: 0 for rows, 1 for columns.
        position: One position or an array of them, even outside the map.
        reads: What was measured.
    """
    found = _rule(reader, operand, axis, position)
    if found is None and (reader, operand, axis) in reads:
        found = _moved(reads[reader, operand, axis], position)
    return found or (0 * position, 0 * position + operand.grid[axis] - 1, 1)


def _rule(reader: Node, operand: Node, axis: int, position: Any) -> tuple[Any, Any, int] | None:
    """The same, as far as a rule says it."""
    if (reader.tokens or operand.tokens) and keeps_tokens(reader, operand):
        return position, position, 1
    row, size, made = row_of(reader), operand.extent[axis], reader.extent[axis]
    found = row.positions(reader, operand, axis, position) if row.positions else None
    if found is not None:
        return found
    shape = geometry(reader, operand)
    spread = size == 1 < made and not row.maps  # one value serves every position
    return None if shape is None or spread else _moved(shape.axes[axis], position)


def _moved(read: Axis, position: Any) -> tuple[Any, Any, int]:
    first = position * read.stride - read.padding
    return first, first + read.reach, read.dilation
