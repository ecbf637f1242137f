"""Where the windows of a layer's neurons lie below it, and whether they cost less than whole maps.

All neurons of a layer have windows of one size. What lies outside a map is 0 for convolutions and -inf for
max pools, and no signal is let through there on the way down, so results equal those of whole maps at the
borders too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod

import torch
from jaxtyping import Int
from torch import Tensor

from interpret.graph.operations.geometry import IDENTITY_GEOMETRY, Geometry
from interpret.graph.operations.operation import Operation
from interpret.graph.operations.table import geometry, is_linear, multiply_adds, row_of
from interpret.graph.program.program import Graph, Node
from interpret.graph.receptive import Box
from interpret.graph.topdown.frames import Frame, Seeds
from interpret.graph.topdown.neuron_windows import NeuronWindows
from interpret.graph.topdown.rules import Rules
from interpret.graph.topdown.saving import moves_images, save_rule
from interpret.graph.topdown.ways import Pointwise, Way, signal_path, takers, way_of

MAX_WINDOW_BYTES = 128 * 2**20
"""Bytes that the windows of one batch of neurons may take together."""


@dataclass(frozen=True, eq=False)
class Plan:
    """The windows of all nodes below a layer.

    Attributes:
        graph: The network.
        layer: The node whose neurons are asked about.
        rules: What is done on the way down.
        frames: The window of every node through which the signal goes down.
        reads: The window that each of them reads of its operands.
        saved: The nodes of which the way down must know something: switches of max pools, where a ReLU is
            active, what a response norm reads, derivatives, gates.
        ways: The way down through what is not linear and has no rule of its own.
    """

    graph: Graph
    layer: Node
    rules: Rules
    frames: Mapping[Node, Frame]
    reads: Mapping[Node, Frame]
    saved: tuple[Node, ...]
    ways: Mapping[Node, Way]

    @property
    def window(self) -> Frame:
        """The window in the image: the receptive field."""
        return self.frames[self.graph.input]

    @cached_property
    def forward(self) -> list[Node]:
        """The nodes that must be computed for what is saved, in order."""
        return [node for node in self.graph.needed(self.saved) if node.varies]

    @cached_property
    def goes_up_in_windows(self) -> bool:
        """Whether what is saved can be computed on windows alone: a gate needs whole maps."""
        return all(node in self.frames and self._computed(node) for node in self.forward)

    def _computed(self, node: Node) -> bool:
        way = self.ways.get(node)
        if way is None:
            return True
        constants = (item.traced for item in node.operands if not item.varies)
        alike = all(len(traced) < 2 or traced[-2:] == (1, 1) for traced in constants)
        return alike and isinstance(way, Pointwise) and node.varying_operands == (way.taker,)

    @cached_property
    def path(self) -> list[Node]:
        """The nodes from the image to the layer."""
        return [node for node in self.graph.nodes if node in self.frames]

    def windows(self, seeds: Seeds, images: Tensor) -> NeuronWindows:
        """The windows of some neurons of these images."""
        return NeuronWindows(self.graph, self.rules, self.frames, self.reads, seeds=seeds, images=images)

    def cost(self, node: Node) -> int:
        """Multiply-adds of a node for one window."""
        return multiply_adds(node) * prod(self.frames[node].size) // max(prod(node.extent), 1)

    def box(self, y: int, x: int) -> Box:
        """The window of neuron (y, x) in pixels, not cut at the borders."""
        top, left = (
            i * stride + offset
            for i, stride, offset in zip((y, x), self.window.stride, self.window.offset, strict=True)
        )
        return top, left, top + self.window.size[0], left + self.window.size[1]

    def from_maps(self, images: int, neurons: int) -> bool:
        """Whether what is saved comes from whole maps: where it must, or where windows cost more."""
        if not self.goes_up_in_windows:
            return True
        maps = sum(map(multiply_adds, self.forward))
        return images * maps < neurons * sum(map(self.cost, self.forward))

    @cached_property
    def pays(self) -> bool:
        """Whether a window costs less than whole maps, by multiply-adds, and fits into the image."""
        size = zip(self.window.size, self.graph.input.extent, strict=True)
        if any(mine > whole for mine, whole in size):
            return False
        return sum(map(self.cost, self.path)) <= sum(map(multiply_adds, self.path))

    def batches(self, seeds: Seeds) -> Iterator[Int[Tensor, " k"]]:
        """Numbers of seeds, in the order of their images, in parts that fit into memory."""
        values = sum(prod(self.frames[node].size) * node.shape[0] for node in self.path)
        count = max(1, MAX_WINDOW_BYTES // (8 * values))
        yield from torch.split(torch.argsort(seeds.image, stable=True), count)


def plan_windows(graph: Graph, layer: Node, rules: Rules | None = None) -> Plan | None:
    """The windows below a layer, or None where something needs whole maps.

    Args:
        graph: The network.
        layer: The node of the layer.
        rules: What will be done on the way down (default: the deconvnet).
    """
    rules = rules or Rules()
    path = signal_path(graph, [layer], rules)
    ways = {node: way for node in path if (way := way_of(node, rules))}
    if (
        any(map(moves_images, path))
        or rules.unpool == "overwrite"
        or not all(is_local(node, ways.get(node)) for node in path)
    ):
        return None
    frames, reads = {layer: Frame()}, dict[Node, Frame]()
    for reader in reversed(path):
        reads[reader] = frames[reader].below(IDENTITY_GEOMETRY if reader in ways else _geometry(reader))
        for operand in takers(reader, rules):
            known = frames.get(operand, reads[reader])
            if known.stride != reads[reader].stride:
                return None
            frames[operand] = known.hull(reads[reader])
    below = (node for node in path if node is not graph.input)
    saved = tuple(node for node in below if save_rule(node, rules) or (node in ways and ways[node].recorded))
    own = (row_of(node).windowed for node in saved if node not in ways)
    if any(rule is None or rule.save is None for rule in own):
        return None
    return Plan(graph, layer, rules, frames, reads, saved, ways)


def _geometry(node: Node) -> Geometry:
    """How the positions of a local node read those of its operands."""
    found = geometry(node, node.varying_operands[0]) if node.operands else None
    return found or IDENTITY_GEOMETRY


def is_local(node: Node, way: Way | None = None) -> bool:
    """Whether a signal goes down through a node in windows: by its own rule, or by a way."""
    if not _is_map(node):
        return False
    if node.op == "input":
        return True
    if way is not None:
        known = way.recorded is None or (way.recorded.batched and len(way.recorded.traced) == 4)
        return known and _is_map(way.taker) and way.taker.traced == node.traced
    row = row_of(node)
    ruled = row.windowed is not None and (is_linear(node) or row.save is not None) and row.stays(node)
    return ruled and all(_fits(row, node, operand) for operand in node.operands)


def _is_map(node: Node) -> bool:
    return len(node.traced) == 4 and node.spatial == (2, 3) and node.batched


def _fits(row: Operation, node: Node, operand: Node) -> bool:
    """Whether an operand can be cut to windows, or is the same at every position."""
    local_constants = row.windowed is not None and row.windowed.local_constants
    joins = row.windowed is not None and row.windowed.joins
    moves = row.geometry is not None or row.weights
    if not operand.varies:
        alike = all(size == 1 for size in operand.traced[-2:])
        return moves or alike or (local_constants and operand.traced[-2:] == node.extent)
    local = operand.continuous and operand.spatial == (2, 3) and geometry(node, operand) is not None
    return local and (moves or (joins and operand.extent == node.extent) or operand.traced == node.traced)
