"""A network on an image of which one window at a time is replaced, at the cost of what that changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from itertools import pairwise, product
from math import prod
from typing import NamedTuple, TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interpret.graph.delta.changes import Change, Intervals, PlaceBatch, Reference, laid_out
from interpret.graph.delta.exactness import exact_nodes
from interpret.graph.delta.intervals import Interval, Slices
from interpret.graph.delta.rule_choice import reached, rule_for
from interpret.graph.operations.operation import ChangeRule
from interpret.graph.operations.table import multiply_adds, row_of
from interpret.graph.program.program import Graph, Node
from interpret.progress import track

Keep: TypeAlias = Callable[[Callable[[range], list[Tensor]], int], list[Tensor]]
"""Lets consecutive batches be computed, of which there are so many, and puts the results together."""

TOGETHER = 1024
"""Places whose whole maps go on in one batch: linear layers like large batches."""

MAX_MAP_BYTES = 256 * 2**20
"""Bytes that the whole maps of such a batch may take."""

LARGEST = 9
"""Most rows, and most columns, of places that go together."""

CALL = 4_000_000
"""Multiply-adds that could be done in the time that a rule takes beside its arithmetic."""

WEIGHT = 60
"""Multiply-adds that could be done in the time in which one filter weight is fetched for a `PlaceBatch`."""


class Wanted(NamedTuple):
    """What to know of a node: its whole value, or the sum over all positions of some of its units."""

    node: Node
    units: Int[Tensor, " unit"] | None = None

    def of(self, value: Tensor) -> Tensor:
        """What is wanted, from values (places, ...)."""
        if self.units is None:
            return value
        chosen = value[:, self.units.to(value.device)]
        return chosen.reshape(*chosen.shape[:2], -1).sum(2)


class _Part(NamedTuple):
    """Some places of a sweep: their numbers, and what they change."""

    places: Int[Tensor, " place"]
    intervals: Intervals


class _Carried(NamedTuple):
    """What came of one part: whole maps where changes go no further, and sums, by their place in the list."""

    whole: dict[Node, Tensor]
    sums: dict[int, Tensor]


class Incremental:
    """A network and one image of which one window at a time is replaced.

    Changes go through the network in windows as far as there are rules for it; from there on whole maps do.

    Args:
        graph: The network.
        image: The unchanged image.
        wanted: What to know at every place.
    """

    @torch.no_grad()
    def __init__(self, graph: Graph, image: Float[Tensor, "c h w"], wanted: Sequence[Wanted]) -> None:
        self.graph, self.image, self.wanted = graph, image, list(wanted)
        kept = [item.node for item in wanted]
        order = [node for node in graph.needed(kept) if node.varies]
        self.exact = exact_nodes(order)
        self.rules = _rules(graph.input, order, self.exact)
        known = {graph.input, *self.rules, *(operand for node in self.rules for operand in node.operands)}
        values = graph.run(image[None], list(known))
        maps = (graph.input, *self.rules)
        endless = {node for node in maps if not bool(values[node].isfinite().all())}
        self.rules = _rules(graph.input, order, self.exact, endless)
        self.inner = {graph.input, *self.rules}
        self.outer = [node for node in order if node not in self.inner]
        self.edge = {operand for node in self.outer for operand in node.operands} & self.inner
        self.summed = {item.node for item in wanted if item.units is not None and item.node.continuous}
        self.edge |= {item.node for item in wanted if item.node not in self.summed or item.units is None}
        self.edge &= self.inner
        self.reference = _reference(values, self.rules, _readers(order, kept), self.exact)
        self._last = {operand: node for node in self.rules for operand in node.varying_operands}

    @torch.no_grad()
    def run(
        self,
        filled: Float[Tensor, "c h w"],
        rows: Slices,
        columns: Slices,
        keep: Keep | None = None,
    ) -> list[Tensor]:
        """What is wanted with each window replaced: one tensor (rows, columns, ...) each.

        Args:
            filled: What stands in the place of the image there.
            rows: The rows of pixels that are replaced.
            columns: The columns of pixels that are replaced.
            keep: Has some of the batches computed, and others perhaps from before; default: all at once.
        """
        difference = laid_out((filled - self.image)[None])
        parts = self._parts(rows, columns)
        count = max(1, self._batch // max(len(part.places) for part in parts))
        batches = list(_batched(parts, count))

        def compute(some: range) -> list[Tensor]:
            found = [
                self._finished([self._carried(difference, part.intervals) for part in batch])
                for batch in track(batches[some.start : some.stop])
            ]
            return [torch.cat(pieces) for pieces in zip(*found, strict=True)]

        found = keep(compute, len(batches)) if keep else compute(range(len(batches)))
        back = torch.argsort(torch.cat([part.places for part in parts])).to(self.image.device)
        shape = (len(rows.starts), len(columns.starts))
        return [values[back].reshape(*shape, *values.shape[1:]) for values in found]

    def multiply_adds(self, rows: Slices, columns: Slices) -> tuple[int, int]:
        """How many a sweep takes here, without those on zeros around windows, and in full forward passes."""
        intervals = self._intervals(rows, columns)
        places = len(rows.starts) * len(columns.starts)
        full = sum(map(multiply_adds, (*self.rules, *self.outer)))
        return self._cost(intervals, self._chunks(intervals)), places * full

    def _intervals(self, rows: Slices, columns: Slices) -> Intervals:
        """What each row and each column of places changes in every map."""
        found = []
        for axis, slices in enumerate((rows, columns)):
            ends = tuple(start + slices.size for start in slices.starts)
            intervals = {
                self.graph.input: Interval.inside(slices.starts, ends, self.graph.input.extent[axis])
            }
            for node in self.rules:
                intervals[node] = reached(node, axis, intervals)
            found.append(intervals)
        return {node: (found[0][node], found[1][node]) for node in found[0]}

    def _parts(self, rows: Slices, columns: Slices) -> list[_Part]:
        """The sweep cut into batches of places."""
        intervals = self._intervals(rows, columns)
        grid = torch.arange(len(rows.starts) * len(columns.starts)).view(len(rows.starts), -1)
        down, across = (
            [
                (chunk, {node: interval[axis].cut(chunk) for node, interval in intervals.items()})
                for chunk in chunks
            ]
            for axis, chunks in enumerate(self._chunks(intervals))
        )
        return [
            _Part(grid[row][:, column].flatten(), {node: (above[node], beside[node]) for node in intervals})
            for (row, above), (column, beside) in product(down, across)
        ]

    def _chunks(self, intervals: Intervals) -> list[list[list[int]]]:
        """The rows, and the columns, of places that form batches: those that change equally much go together.

        Windows are cut at the borders: the first row of places is more like the last than like the second.
        Large batches take fewer calls, small ones have tighter windows; the cheapest size is taken.
        """
        work = [self._work(intervals, axis) for axis in (0, 1)]
        filters = (node.arguments["weight"].traced for node in self.rules if row_of(node).filters)
        beside = len(self.rules) * CALL + sum(map(prod, filters)) * WEIGHT
        sizes = range(1, min(max(map(len, work)), LARGEST) + 1)
        return min(
            ([_alike(places, size) for places in work] for size in sizes),
            key=lambda chunks: self._cost(intervals, chunks) + prod(map(len, chunks)) * beside,
        )

    def _work(self, intervals: Intervals, axis: int) -> list[float]:
        """How much each place changes along an axis, as the work it makes."""
        work = [0.0] * len(intervals[self.graph.input][axis].low)
        for node in self.rules:
            if full := multiply_adds(node):
                interval = intervals[node.operands[0]][axis]
                for place, (low, high) in enumerate(zip(interval.low, interval.high, strict=True)):
                    work[place] += full * ((high - low) / interval.extent) ** 2
        return work

    def _cost(self, intervals: Intervals, chunks: Sequence[Sequence[Sequence[int]]]) -> int:
        """Multiply-adds for all places in batches of these rows and columns."""
        places = prod(len(interval.low) for interval in intervals[self.graph.input])
        total = places * sum(map(multiply_adds, self.outer))
        for node in self.rules:
            if full := multiply_adds(node):
                operand = node.operands[0]
                pairs = zip(intervals[operand], chunks, strict=True)
                total += full * prod(_size(*pair) for pair in pairs) // prod(operand.extent)
        return total

    @property
    def _batch(self) -> int:
        """Places whose whole maps fit into memory together."""
        entering = sum(prod(node.shape) for node in self.edge)
        inside = 2 * max((prod(node.shape) for node in self.outer), default=0)
        each = max(entering, inside, 1) * self.image.element_size()
        return max(1, min(TOGETHER, MAX_MAP_BYTES // each))

    def _carried(self, difference: Float[Tensor, "1 c h w"], intervals: Intervals) -> _Carried:
        """Carry the changes of some places as far as there are rules."""
        batch, carried, source = PlaceBatch(self.reference, intervals), _Carried({}, {}), self.graph.input
        batch.changes[source] = self._replaced(batch, difference)
        self._note(batch, source, carried)
        for node, rule in self.rules.items():
            batch.changes[node] = rule(batch, node)
            self._note(batch, node, carried)
            for operand in node.varying_operands:
                if self._last[operand] is node:
                    del batch.changes[operand]
        return carried

    def _replaced(self, batch: PlaceBatch, difference: Float[Tensor, "1 c h w"]) -> Change:
        """The change of the image itself."""
        source = self.graph.input
        windows = batch.windows(source)
        delta = batch.empty(source, windows)
        for mine, there in batch.beside(delta, source, windows, difference):
            mine.copy_(there)
        return Change(delta, windows)

    def _note(self, batch: PlaceBatch, node: Node, carried: _Carried) -> None:
        """Keep what is wanted of a node, before later rules work in its place."""
        if node in self.edge:
            carried.whole[node] = batch.whole(node)
        for index, item in enumerate(self.wanted):
            if item.node is node and item.units is not None and node in self.summed:
                delta = batch.read(node, batch.windows(node))
                carried.sums[index] = item.of(self.reference.values[node]) + item.of(delta)

    def _finished(self, parts: Sequence[_Carried]) -> list[Tensor]:
        """What is wanted at the places of some batches: their whole maps take the rest of the way."""
        given = {node: torch.cat([part.whole[node] for part in parts]) for node in self.edge}
        rest = [
            item.node
            for item in self.wanted
            if item.units is None or item.node not in self.inner & self.summed
        ]
        count = len(next(iter(given.values()))) if given else 0
        values = self.graph.run(self.image.expand(count, -1, -1, -1), rest, given=given) if rest else {}
        return [
            item.of(values[item.node])
            if index not in parts[0].sums
            else torch.cat([part.sums[index] for part in parts])
            for index, item in enumerate(self.wanted)
        ]


def carried(graph: Graph) -> set[Node]:
    """The nodes that changes reach in windows, as far as rules say so; all others take whole maps."""
    order = [node for node in graph.nodes if node.varies]
    return {graph.input, *_rules(graph.input, order, exact_nodes(order))}


def _rules(
    source: Node, order: Sequence[Node], exact: Set[Node], barred: Set[Node] = frozenset()
) -> dict[Node, ChangeRule]:
    """The rule of every node that changes go through in windows, in order.

    Args:
        source: The image.
        order: The nodes that depend on it.
        exact: Those whose values must be kept bit for bit.
        barred: Those whose values are not finite: no difference leads to another value from there.
    """
    rules: dict[Node, ChangeRule] = {}
    for node in order:
        known = all(operand in rules or operand is source for operand in node.varying_operands)
        if known and node is not source:
            rule = rule_for(node, exact=node in exact)
            if rule is not None and not barred & {node, *node.varying_operands}:
                rules[node] = rule
    return rules


def _reference(
    values: Mapping[Node, Tensor],
    rules: Mapping[Node, ChangeRule],
    readers: Mapping[Node, Sequence[Node]],
    exact: Set[Node],
) -> Reference:
    """The unchanged image, and which changes may be folded into filters or written into."""
    own = {node: rules_of for node in rules if (rules_of := row_of(node).delta)}
    alone = {node for node in rules if len(readers[node]) == 1}
    spare = {node for node in alone if node in own and own[node].fresh}
    folding = {
        node: node.operands[0] for node in own if own[node].folds_into and rules[node] is own[node].change
    }
    folded = {
        operand: node
        for node, operand in folding.items()
        if operand in alone and operand.op == own[node].folds_into
    }
    return Reference(values, exact, folded, spare)


def _readers(order: Sequence[Node], kept: Sequence[Node]) -> dict[Node, list[Node]]:
    """The nodes that read each node; a kept one counts as read once more, so that it is left as it is."""
    readers: dict[Node, list[Node]] = {node: [] for node in order}
    for node in order:
        for operand in node.varying_operands:
            readers[operand].append(node)
    for node in kept:
        readers[node].append(node)
    return readers


def _alike(work: Sequence[float], length: int) -> list[list[int]]:
    """Cut places into as few pieces of at most ``length`` as possible, those with equal work together."""
    order = sorted(range(len(work)), key=work.__getitem__)
    pieces = -(-len(work) // length)
    bounds = [len(work) * index // pieces for index in range(pieces + 1)]
    return [sorted(order[first:last]) for first, last in pairwise(bounds)]


def _size(interval: Interval, chunks: Sequence[Sequence[int]]) -> int:
    """The sizes of the windows of all places together."""
    return sum(interval.cut(chunk).slices.size * len(chunk) for chunk in chunks)


def _batched(parts: Sequence[_Part], count: int) -> Iterator[list[_Part]]:
    for start in range(0, len(parts), count):
        yield list(parts[start : start + count])
