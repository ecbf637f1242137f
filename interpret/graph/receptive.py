"""Receptive fields: which pixels a neuron depends on, by propagation of intervals over the graph.

Where no rule says what an operation reads, that is measured, if the caller wants it, or it reads whole maps.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from torch import nn

from interpret.errors import InterpretError, ModelError
from interpret.graph.measured import Read, measured_axis
from interpret.graph.operations.geometry import Axis
from interpret.graph.operations.sampling import (
    NOWHERE,
    Marks,
    Positions,
    Sampling,
    bounds_of,
    by_kernel,
    everything,
)
from interpret.graph.operations.table import geometry, keeps_tokens, row_of
from interpret.graph.program.program import Graph, Node

Box = tuple[int, int, int, int]
"""(top, left, bottom, right) in pixels; the last row and column are not in it."""

Stride = int | Fraction
"""Pixels from one box to the next: a whole number where it is one."""

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
        size: Rows and columns of a neuron's box; of the largest, where they differ. Boxes of what a padding
            wraps around, mirrors or a roll moves to another border do not count: they may be larger.
        stride: Pixels from a neuron's box to its neighbour's; 0 where every neuron sees the whole image,
            negative where boxes go backwards. A `fractions.Fraction` where that is no whole number: 1/2 after
            nearest upsampling by two, where two neurons share a box. The mean of the steps, where several
            ways lead to the layer and their strides differ.
        offset: Top and left of the box of neuron (0, 0); negative where it reaches into the padding.
        extent: Rows and columns of neurons in the layer; (1, 1) in a layer without positions.
        measured: Whether an operation on the way has no rule and was measured to read less than all of its
            input; then the boxes are evidence, and no proof.
    """

    size: tuple[int, int]
    stride: tuple[Stride, Stride]
    offset: tuple[int, int]
    extent: tuple[int, int]
    measured: bool
    _edges: tuple[tuple[Positions, Positions], ...] = field(repr=False, compare=False)
    _graph: Graph = field(repr=False, compare=False)
    _node: Node = field(repr=False, compare=False)
    _reads: Measured = field(repr=False, compare=False)

    @property
    def regular(self) -> bool:
        """Whether all boxes have one size, and each lies a whole `stride` after the one before it.

        Not so after upsampling, transposed convolutions and adaptive pools with a remainder, and where the
        image is wrapped around: then ask `box` for every neuron.
        """
        return all(
            (ends - starts == size).all() and (np.diff(starts) == stride).all()
            for (starts, ends), size, stride in zip(self._edges, self.size, self.stride, strict=True)
        )

    @property
    def edges(self) -> tuple[tuple[Positions, Positions], tuple[Positions, Positions]]:
        """Tops and bottoms of the boxes of every row of neurons, lefts and rights of those of every column.

        Both are 0 where no pixel is read.
        """
        rows, columns = self._edges
        return rows, columns

    @property
    def largest(self) -> tuple[int, int]:
        """Rows and columns that any box fits into, those at a border that is wrapped around too."""
        rows, columns = (int((ends - starts).max()) for starts, ends in self._edges)
        return rows, columns

    def box(self, y: int, x: int) -> Box:
        """The box of the neuron at row y and column x, reaching outside the image where its window does.

        It holds every pixel that the neuron depends on, and all that lies under kernels, also where an
        interpolation has a weight of zero. Where the rows (or columns) of its window come from elsewhere, by
        a padding that wraps around, or mirrors more than the window holds, the box reaches from the first
        to the last that are read. It is empty, (0, 0, 0, 0), where nothing is read: a transposed convolution
        may leave gaps.

        Raises:
            InterpretError: If the layer has no such position.
        """
        self._check(y, x)
        (tops, bottoms), (lefts, rights) = self._edges
        box = int(tops[y]), int(lefts[x]), int(bottoms[y]), int(rights[x])
        return box if box[0] < box[2] and box[1] < box[3] else (0, 0, 0, 0)

    def support(self, y: int, x: int) -> Box:
        """The smallest box around the pixels that neuron (y, x) really depends on.

        It is the box cut at the image, except where strides leave pixels of a map unread, a window lies in
        the padding altogether, or a weight of an interpolation is zero; then it is smaller, and may be empty:
        (0, 0, 0, 0).
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

    Exact for any acyclic network of convolutions (transposed ones too), pools, paddings of every mode,
    interpolation, pixel shuffles, cuts, flips, rolls, concatenations and pointwise operations. Of any other
    operation it is measured what it reads: parts of its input are replaced, in many ways, and whatever is not
    plainly a window that moves over the map counts as all of it. That is no proof: an operation may read a
    pixel only where another has one certain value. `ReceptiveField.measured` tells.

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


class _Axis(NamedTuple):
    """Boxes along rows or along columns: one start and one end for each position of the layer."""

    starts: Positions
    ends: Positions
    stride: Stride
    size: int


class _Reached(NamedTuple):
    """What the positions of a layer reach in a map below it, along one axis: first and last positions.

    Attributes:
        windows: As if no map had a border.
        read: Positions of maps alone.
        stride: From one window to the next; None where several ways differ.
    """

    windows: tuple[Positions, Positions]
    read: tuple[Positions, Positions]
    stride: Fraction | None

    def below(self, sampling: Sampling, size: int) -> _Reached:
        """The same in a map of ``size`` that this one is made of."""
        windows = _where_any(self.windows, sampling.windows(*self.windows))
        first, last = self.read
        some = first <= last
        read = np.full_like(first, NOWHERE), np.full_like(last, -NOWHERE)
        read[0][some], read[1][some] = sampling.read(first[some], last[some], size)
        stride = (
            sampling.stride if sampling.stride == 0 or self.stride is None else self.stride * sampling.stride
        )
        return _Reached(windows, _where_any(read, read), stride)

    def union(self, other: _Reached) -> _Reached:
        """What both reach."""
        windows, read = (
            (np.minimum(mine[0], its[0]), np.maximum(mine[1], its[1]))
            for mine, its in ((self.windows, other.windows), (self.read, other.read))
        )
        same = self.stride == other.stride
        stride = Fraction(0) if 0 in (self.stride, other.stride) else self.stride if same else None
        return _Reached(windows, read, stride)


def _where_any(
    given: tuple[Positions, Positions], made: tuple[Positions, Positions]
) -> tuple[Positions, Positions]:
    """What was made of intervals, and nothing of those without any position."""
    nothing = (given[0] > given[1]) | (made[0] > made[1])
    return np.where(nothing, NOWHERE, made[0]), np.where(nothing, -NOWHERE, made[1])


def _axis(graph: Graph, node: Node, axis: int, reads: Measured | None) -> _Axis:
    """The boxes of all positions along one axis."""
    reached = _reached(graph, node, axis, reads)
    starts, ends = _boxes(*reached.windows)
    if reached.stride == 0:
        starts, ends = np.maximum(starts, 0), np.minimum(ends, graph.input.extent[axis])
    size = int((ends - starts).max())
    moved = (reached.read[0] < reached.windows[0]) | (reached.read[1] > reached.windows[1])
    firsts, stops = _boxes(*reached.read)
    starts, ends = np.where(moved, firsts, starts), np.where(moved, stops, ends)
    return _Axis(starts, ends, _whole(_stride(reached, starts, ends)), size)


def _boxes(first: Positions, last: Positions) -> tuple[Positions, Positions]:
    """Starts and ends of intervals; 0 and 0 of those without any position."""
    nothing = first > last
    return np.where(nothing, 0, first), np.where(nothing, 0, last + 1)


def _stride(reached: _Reached, starts: Positions, ends: Positions) -> Fraction:
    """From one box to the next: the stride of all ways, or the mean of what there is."""
    if reached.stride is not None:
        return reached.stride
    steps = int(np.abs(np.diff(starts)).sum() + np.abs(np.diff(ends)).sum())
    return Fraction(steps, 2 * max(len(starts) - 1, 1))


def _whole(stride: Fraction) -> Stride:
    return int(stride) if stride.denominator == 1 else stride


def _reached(graph: Graph, node: Node, axis: int, reads: Measured | None) -> _Reached:
    """What each position of ``node`` reaches in the image.

    What is measured on the way is added to ``reads``; None: nothing is.
    """
    positions = np.arange(node.grid[axis])
    reached = {node: _Reached((positions, positions), (positions, positions), Fraction(1))}
    for reader in reversed(graph.path(node)):
        if reader is graph.input:
            continue
        found = reached[reader]
        for operand in reader.varying_operands:
            if reads is not None and not _reads_all(found, reader.grid[axis]):
                _measure(graph, reader, operand, axis, reads)
            share = found.below(sampling(reader, operand, axis, reads or {}), operand.grid[axis])
            reached[operand] = reached[operand].union(share) if operand in reached else share
    return reached[graph.input]


def _reads_all(found: _Reached, extent: int) -> bool:
    """Whether all positions reach the whole map; nothing need be known of what it reads then."""
    first, last = found.read
    return bool(first.max() <= 0 and last.min() >= extent - 1)


def _measure(graph: Graph, reader: Node, operand: Node, axis: int, reads: Measured) -> None:
    """Measure what a node reads of a map, if no rule says it, and add it to what was measured."""
    if max(operand.extent) > 1 and not any(_rule(reader, operand, each) for each in (0, 1)):
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
    rows, columns = (bounds_of(marks) for marks in reached[graph.input])
    return (rows[0], columns[0], rows[1] + 1, columns[1] + 1) if rows[0] <= rows[1] else (0, 0, 0, 0)


def _read(reader: Node, operand: Node, axis: int, marks: Marks, reads: Measured) -> Marks:
    """The rows (or columns) of ``operand`` that ``reader`` reads at its marked ones."""
    return sampling(reader, operand, axis, reads).marked(marks, operand.grid[axis])


def sampling(reader: Node, operand: Node, axis: int, reads: Measured) -> Sampling:
    """Which positions of ``operand`` those of ``reader`` read.

    Args:
        reader: A node.
        operand: One of the nodes it reads.
        axis: 0 for rows, 1 for columns.
        reads: What was measured.
    """
    found = _rule(reader, operand, axis)
    if found is None and (reader, operand, axis) in reads:
        found = by_kernel(reads[reader, operand, axis])
    return found or everything(operand.grid[axis])


def _rule(reader: Node, operand: Node, axis: int) -> Sampling | None:
    """The same, as far as a rule says it."""
    row = row_of(reader)
    found = row.positions(reader, operand, axis) if row.positions else None
    if found is not None:
        return found
    if (reader.tokens or operand.tokens) and keeps_tokens(reader, operand):
        return by_kernel(Axis())
    shape = geometry(reader, operand)
    spread = operand.extent[axis] == 1 < reader.extent[axis] and not row.maps  # one value serves all
    return None if shape is None or spread else by_kernel(shape.axes[axis])
