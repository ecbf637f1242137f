"""What a change of the image does to its maps: differences, in windows that are zero where nothing changed.

Many places of the image are changed one at a time. Each has its windows; those of rows x columns places go
through the network together as one `Block`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import torch
from torch import Tensor

from interpret.graph.delta.intervals import Span, Windows, overlaps, runs
from interpret.graph.program.program import Node

Box = tuple[Windows, Windows]
"""Windows along the rows and along the columns of a map."""

Spans = Mapping[Node, tuple[Span, Span]]
"""What each row and each column of places changes, for every node."""


class Change(NamedTuple):
    """The change of one map at rows x columns places.

    Attributes:
        delta: The map's own axes, cut to the windows, one window for each place: (rows * columns, ...). Of a
            mask it is True where the mask differs.
        box: Where the windows lie; what lies outside the map has no meaning.
        value: The value itself in the windows, where it must be kept bit for bit.
    """

    delta: Tensor
    box: Box
    value: Tensor | None = None


class Base:
    """The unchanged image in the network.

    Args:
        values: The value of every node for it, with a batch axis of 1; weights and constants too.
        readers: The nodes that read each node.
        exact: The nodes whose values are kept bit for bit.
    """

    def __init__(
        self,
        values: Mapping[Node, Tensor],
        readers: Mapping[Node, Sequence[Node]],
        exact: Collection[Node] = (),
    ) -> None:
        self.values = {node: laid_out(value) for node, value in values.items()}
        self.readers, self.exact = readers, exact
        self._prepared: dict[tuple[str, Node], Tensor] = {}

    def prepared(self, name: str, node: Node, make: Callable[[], Tensor]) -> Tensor:
        """What a rule needs of a node, made once."""
        if (name, node) not in self._prepared:
            self._prepared[name, node] = make()
        return self._prepared[name, node]

    def constant(self, value: Any) -> Any:
        """An argument that does not depend on the image: a node's value, or itself."""
        return self.values[value] if isinstance(value, Node) else value

    def only_reader(self, node: Node) -> Node | None:
        """The node that alone reads another."""
        readers = self.readers[node]
        return readers[0] if len(readers) == 1 else None


class Block:
    """Changes at rows x columns places, on their way through the network.

    Args:
        base: The unchanged image.
        spans: What the places change.
    """

    def __init__(self, base: Base, spans: Spans) -> None:
        self.base, self.spans = base, spans
        self.changes: dict[Node, Change] = {}

    def box(self, node: Node) -> Box:
        """The windows of a node inside its map."""
        rows, columns = self.spans[node]
        return rows.windows, columns.windows

    def read(self, node: Node, box: Box) -> Tensor:
        """The change of a node in some windows, zero where they hold none of it; perhaps not a copy."""
        change = self.changes[node]
        inside = all(windows.within(extent) for windows, extent in zip(box, node.extent, strict=True))
        return change.delta if change.box == box and inside else self.moved(node, box)

    def moved(self, node: Node, box: Box) -> Tensor:
        """A copy of a node's change in other windows."""
        delta = self.empty(node, box).zero_()
        self.add(delta, node, box)
        return delta

    def with_base(self, node: Node, box: Box) -> Tensor:
        """The value of a node with its change, in windows inside its map."""
        value = self.empty(node, box)
        for mine, unchanged in self.beside(value, node, box, self.base.values[node]):
            mine.copy_(unchanged)
        self.put(value, node, box)
        return value

    def empty(self, node: Node, box: Box, like: Tensor | None = None) -> Tensor:
        """Room for windows of a node, or of another map (1, ...) that has its positions."""
        like = self.base.values[node] if like is None else like
        shape = [len(box[0].starts) * len(box[1].starts), *like.shape[1:]]
        for axis, windows in zip(spatial(node), box, strict=True):
            shape[axis] = windows.size
        return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=layout(len(shape)))

    def add(self, target: Tensor, node: Node, box: Box, factor: float = 1.0) -> None:
        """Add a node's change to ``target``, which lies in the windows ``box``."""
        for mine, other in self._common(target, node, box, self.changes[node].delta):
            add(mine, other, factor)

    def put(self, target: Tensor, node: Node, box: Box) -> None:
        """Change a node's unchanged value in the windows ``box`` to what it is at each place."""
        value = self.changes[node].value
        if value is None:
            self.add(target, node, box)
            return
        for mine, other in self._common(target, node, box, value):
            mine.copy_(other)

    def _common(
        self, target: Tensor, node: Node, box: Box, source: Tensor
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Where windows ``box`` and those of a node's change hold the same positions, as views of both."""
        change = self.changes[node]
        pairs = [
            overlaps(mine, other, extent)
            for mine, other, extent in zip(box, change.box, node.extent, strict=True)
        ]
        for row, column in product(*pairs):
            places = (row.places, column.places)
            mine = part(target, node, box, places, (row.target, column.target))
            yield mine, part(source, node, change.box, places, (row.source, column.source))

    def beside(self, value: Tensor, node: Node, box: Box, base: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Windows of ``value`` and the same windows of a whole map (1, ...), both as views."""
        strides = base.stride()
        down, right = (strides[axis] for axis in spatial(node))
        for row, column in product(*(runs(windows.starts) for windows in box)):
            mine = part(value, node, box, (row.places, column.places))
            start = base.storage_offset() + row.start * down + column.start * right
            moves = (row.step * down, column.step * right)
            yield mine, base.as_strided(mine.shape, (*moves, *strides[1:]), start)

    def whole(self, node: Node) -> Tensor:
        """The whole value of a node at every place."""
        everywhere = [
            Windows((0,) * len(w.starts), size) for w, size in zip(self.box(node), node.extent, strict=True)
        ]
        value = self.base.values[node]
        repeated = value.repeat(
            len(everywhere[0].starts) * len(everywhere[1].starts), *[1] * (value.dim() - 1)
        )
        self.put(repeated, node, (everywhere[0], everywhere[1]))
        return repeated


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
    tensor: Tensor, node: Node, box: Box, places: tuple[slice, slice], within: tuple[slice, slice] = EVERY
) -> Tensor:
    """Some places' windows, or a part of each, as a view (rows, columns, ...)."""
    grid = tensor.view(len(box[0].starts), len(box[1].starts), *tensor.shape[1:])
    index: list[slice] = [*places, *[slice(None)] * (tensor.dim() - 1)]
    for axis, piece in zip(spatial(node), within, strict=True):
        index[axis + 1] = piece
    return grid[tuple(index)]


def spatial(node: Node) -> tuple[int, int]:
    """The axes that are rows and columns."""
    if node.spatial is None:
        raise ValueError(f"{node.place} makes no map")
    return node.spatial


def layout(dims: int) -> torch.memory_format:
    """Channels last for maps: a row of a window is then one piece of memory."""
    return torch.channels_last if dims == 4 else torch.contiguous_format


def laid_out(value: Tensor) -> Tensor:
    """A value in the layout of windows."""
    return value.contiguous(memory_format=layout(value.dim()))
