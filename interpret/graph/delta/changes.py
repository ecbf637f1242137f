"""What a change of the image does to its maps: differences, in windows that are zero where nothing changed.

Many places of the image are changed one at a time. Each has its windows; those of rows x columns places go
through the network together as one `PlaceBatch`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

import torch
from torch import Tensor

from interpret.graph.delta.intervals import Interval, Slices, overlaps, runs
from interpret.graph.operations.axes import spatial
from interpret.graph.operations.geometry import Geometry
from interpret.graph.program.program import Node

WindowPair = tuple[Slices, Slices]
"""Windows along the rows and along the columns of a map."""

Intervals = Mapping[Node, tuple[Interval, Interval]]
"""What each row and each column of places changes, for every node."""


class Change(NamedTuple):
    """The change of one map at rows x columns places.

    Attributes:
        delta: The map's own axes, cut to the windows, one window for each place: (rows * columns, ...). Of a
            mask it is True where the mask differs.
        windows: Where the windows lie; what lies outside the map has no meaning.
        value: The value itself in the windows, where it must be kept bit for bit.
    """

    delta: Tensor
    windows: WindowPair
    value: Tensor | None = None


class Reference:
    """The unchanged image in the network.

    Args:
        values: The value of every node for it, with a batch axis of 1; weights and constants too.
        exact: The nodes whose values are kept bit for bit.
        folded: By convolution, the norm that alone reads it and whose scale is in its filters.
        spare: The nodes whose changes the one node that reads them may write into.
    """

    def __init__(
        self,
        values: Mapping[Node, Tensor],
        exact: Collection[Node] = (),
        folded: Mapping[Node, Node] | None = None,
        spare: Collection[Node] = (),
    ) -> None:
        self.values = {node: laid_out(value) for node, value in values.items()}
        self.exact, self.folded, self.spare = exact, folded or {}, spare
        self._prepared: dict[tuple[str, Node], Tensor] = {}

    def prepared(self, name: str, node: Node, make: Callable[[], Tensor]) -> Tensor:
        """What a rule needs of a node, made once."""
        if (name, node) not in self._prepared:
            self._prepared[name, node] = make()
        return self._prepared[name, node]

    def constant(self, value: Any) -> Any:
        """An argument that does not depend on the image: a node's value, or itself."""
        return self.values[value] if isinstance(value, Node) else value


class PlaceBatch:
    """Changes at rows x columns places, on their way through the network.

    Args:
        reference: The unchanged image.
        intervals: What the places change.
    """

    def __init__(self, reference: Reference, intervals: Intervals) -> None:
        self.reference, self.intervals = reference, intervals
        self.changes: dict[Node, Change] = {}

    def windows(self, node: Node) -> WindowPair:
        """The windows of a node inside its map."""
        rows, columns = self.intervals[node]
        return rows.slices, columns.slices

    def windows_read(self, node: Node, geometry: Geometry) -> WindowPair:
        """What the windows of a node read of its operand; it may lie outside the map."""
        rows, columns = (
            slices.read_by(axis) for slices, axis in zip(self.windows(node), geometry.axes, strict=True)
        )
        return rows, columns

    def read(self, node: Node, windows: WindowPair) -> Tensor:
        """The change of a node in some windows, zero where they hold none of it; perhaps not a copy."""
        change = self.changes[node]
        inside = all(slices.within(extent) for slices, extent in zip(windows, node.extent, strict=True))
        return change.delta if change.windows == windows and inside else self.moved(node, windows)

    def moved(self, node: Node, windows: WindowPair) -> Tensor:
        """A copy of a node's change in other windows."""
        delta = self.empty(node, windows).zero_()
        self.add(delta, node, windows)
        return delta

    def changed_value(self, node: Node, windows: WindowPair) -> Tensor:
        """The value of a node with its change, in windows inside its map."""
        value = self.empty(node, windows)
        for mine, unchanged in self.beside(value, node, windows, self.reference.values[node]):
            mine.copy_(unchanged)
        self.put(value, node, windows)
        return value

    def empty(self, node: Node, windows: WindowPair, like: Tensor | None = None) -> Tensor:
        """Room for windows of a node, or of another map (1, ...) that has its positions."""
        like = self.reference.values[node] if like is None else like
        shape = [len(windows[0].starts) * len(windows[1].starts), *like.shape[1:]]
        for axis, slices in zip(spatial(node), windows, strict=True):
            shape[axis] = slices.size
        return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=layout(len(shape)))

    def add(self, target: Tensor, node: Node, windows: WindowPair, factor: float = 1.0) -> None:
        """Add a node's change to ``target``, which lies in the ``windows``."""
        for mine, other in self._common(target, node, windows, self.changes[node].delta):
            add(mine, other, factor)

    def put(self, target: Tensor, node: Node, windows: WindowPair) -> None:
        """Change a node's unchanged value in the ``windows`` to what it is at each place."""
        value = self.changes[node].value
        if value is None:
            self.add(target, node, windows)
            return
        for mine, other in self._common(target, node, windows, value):
            mine.copy_(other)

    def _common(
        self, target: Tensor, node: Node, windows: WindowPair, source: Tensor
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Where ``windows`` and those of a node's change hold the same positions, as views of both."""
        change = self.changes[node]
        pairs = [
            overlaps(mine, other, extent)
            for mine, other, extent in zip(windows, change.windows, node.extent, strict=True)
        ]
        for row, column in product(*pairs):
            places = (row.places, column.places)
            mine = part(target, node, windows, places, (row.target, column.target))
            yield mine, part(source, node, change.windows, places, (row.source, column.source))

    def beside(
        self, value: Tensor, node: Node, windows: WindowPair, base: Tensor
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Windows of ``value`` and the same windows of a whole map (1, ...), both as views."""
        strides = base.stride()
        down, right = (strides[axis] for axis in spatial(node))
        for row, column in product(*(runs(slices.starts) for slices in windows)):
            mine = part(value, node, windows, (row.places, column.places))
            start = base.storage_offset() + row.start * down + column.start * right
            moves = (row.step * down, column.step * right)
            yield mine, base.as_strided(mine.shape, (*moves, *strides[1:]), start)

    def whole(self, node: Node) -> Tensor:
        """The whole value of a node at every place."""
        everywhere = [
            Slices((0,) * len(own.starts), size)
            for own, size in zip(self.windows(node), node.extent, strict=True)
        ]
        value = self.reference.values[node]
        repeated = value.repeat(
            len(everywhere[0].starts) * len(everywhere[1].starts), *[1] * (value.dim() - 1)
        )
        self.put(repeated, node, (everywhere[0], everywhere[1]))
        return repeated

    def change_to(self, node: Node, value: Tensor) -> Change:
        """The change of a node, from its value in its windows."""
        windows, made = self.windows(node), laid_out(value)
        kept = made.clone() if node in self.reference.exact else None
        for mine, unchanged in self.beside(made, node, windows, self.reference.values[node]):
            subtract(mine, unchanged)
        return Change(made, windows, kept)


def add(value: Tensor, change: Tensor, factor: float = 1.0) -> None:
    """Add a change in place. A mask that changes twice is what it was: True + True = False."""
    if value.dtype is torch.bool:
        value.logical_xor_(change)
    else:
        value.add_(change, alpha=factor) if factor != 1 else value.add_(change)


def subtract(value: Tensor, unchanged: Tensor) -> None:
    """Leave the change of a value in its place."""
    value.logical_xor_(unchanged) if value.dtype is torch.bool else value.sub_(unchanged)


EVERY = (slice(None), slice(None))


def part(
    tensor: Tensor,
    node: Node,
    windows: WindowPair,
    places: tuple[slice, slice],
    within: tuple[slice, slice] = EVERY,
) -> Tensor:
    """Some places' windows, or a part of each, as a view (rows, columns, ...)."""
    grid = tensor.view(len(windows[0].starts), len(windows[1].starts), *tensor.shape[1:])
    index: list[slice] = [*places, *[slice(None)] * (tensor.dim() - 1)]
    for axis, piece in zip(spatial(node), within, strict=True):
        index[axis + 1] = piece
    return grid[tuple(index)]


def layout(dims: int) -> torch.memory_format:
    """Channels last for maps: a row of a window is then one piece of memory."""
    return torch.channels_last if dims == 4 else torch.contiguous_format


def laid_out(value: Tensor) -> Tensor:
    """A value in the layout of windows."""
    return value.contiguous(memory_format=layout(value.dim()))
