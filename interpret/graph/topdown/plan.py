"""The forward pass and the top-down pass restricted to the windows that single neurons see.

All neurons of a layer have windows of one size. A window is placed in *virtual* coordinates: it may reach
over the border of its map. What lies outside is 0 for convolutions and -inf for max pools, and no signal is
let through there on the way down, so results equal those of whole maps at the borders too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interpret.graph.operations.positions import Geometry, geometry
from interpret.graph.operations.vocabulary import is_linear
from interpret.graph.program.program import Graph, Node, multiply_adds
from interpret.graph.receptive import Box
from interpret.graph.topdown.rules import Rules

Pair = tuple[int, int]

LOCAL = frozenset(
    {"conv2d", "max_pool2d", "avg_pool2d", "relu", "batch_norm", "local_response_norm"}
    | {"add", "sub", "mul", "div", "neg", "cat", "pad", "slice"}
)
"""The operations that have a rule for windows."""

ADDING = frozenset({"add", "sub"})
"""Of these, those whose constant may differ from place to place, as a mean image: the way down skips it."""

MOVING = frozenset({"conv2d", "max_pool2d", "avg_pool2d", "pad", "slice"})
"""Of these, those whose map is no map of the operand's size: nothing comes down from outside of it."""

STEADY = Geometry()
MEMORY = 128 * 2**20
"""Bytes that the windows of one batch of neurons may take together."""


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


@dataclass(frozen=True)
class Frame:
    """Where the window of neuron (y, x) lies in a map: from (y, x) * stride + offset, ``size`` long.

    Each attribute holds rows, then columns.
    """

    size: Pair = (1, 1)
    stride: Pair = (1, 1)
    offset: Pair = (0, 0)

    def below(self, shape: Geometry) -> Frame:
        """What an operation with this window reads of its operand."""
        axes = [
            (
                (size - 1) * step + dilation * (kernel - 1) + 1,
                stride * step,
                offset * step - padding,
            )
            for size, stride, offset, step, kernel, dilation, padding in zip(
                self.size,
                self.stride,
                self.offset,
                shape.stride,
                shape.kernel,
                shape.dilation,
                shape.padding,
                strict=True,
            )
        ]
        return Frame(*zip(*axes, strict=True))

    def hull(self, other: Frame) -> Frame:
        """The smallest window that holds both; their strides must be equal."""
        offset = _pair(min(a, b) for a, b in zip(self.offset, other.offset, strict=True))
        ends = (
            max(a + n, b + m)
            for a, n, b, m in zip(self.offset, self.size, other.offset, other.size, strict=True)
        )
        return Frame(_pair(end - start for end, start in zip(ends, offset, strict=True)), self.stride, offset)

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


@dataclass(frozen=True, eq=False)
class Plan:
    """The windows of all nodes below a layer.

    Attributes:
        graph: The network.
        layer: The node whose neurons are asked about.
        rules: What is done on the way down.
        frames: The window of every node through which the layer depends on the input.
        memories: The nodes of which the way down must know something: switches of max pools, where a ReLU is
            active, what a response norm reads.
    """

    graph: Graph
    layer: Node
    rules: Rules
    frames: Mapping[Node, Frame]
    memories: tuple[Node, ...]
    _reads: dict[Node, Frame] = field(default_factory=dict, repr=False)

    @property
    def window(self) -> Frame:
        """The window in the image: the receptive field."""
        return self.frames[self.graph.input]

    @cached_property
    def forward(self) -> list[Node]:
        """The nodes that must be computed for the memories, in order."""
        return [node for node in self.graph.needed(self.memories) if node.varies]

    @cached_property
    def path(self) -> list[Node]:
        """The nodes from the image to the layer."""
        return [node for node in self.graph.nodes if node in self.frames]

    def reads(self, node: Node) -> Frame:
        """The window that ``node`` reads of each of its operands."""
        if node not in self._reads:
            self._reads[node] = self.frames[node].below(shape_of(node))
        return self._reads[node]

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
        """Whether whole maps of the images are a cheaper source of memories than windows of the neurons."""
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
        """Places in ``seeds``, in the order of their images, in parts that fit into the memory."""
        values = sum(prod(self.frames[node].size) * node.shape[0] for node in self.path)
        count = max(1, MEMORY // (8 * values))
        yield from torch.split(torch.argsort(seeds.image, stable=True), count)


def plan_windows(graph: Graph, layer: Node, rules: Rules | None = None) -> Plan | None:
    """The windows below a layer, or None where something needs whole maps.

    Args:
        graph: The network.
        layer: The node of the layer.
        rules: What will be done on the way down (default: the deconvnet).
    """
    rules, path = rules or Rules(), graph.path(layer)
    if rules.unpool == "overwrite" or not all(map(_is_local, path)):
        return None
    frames = {layer: Frame()}
    for reader in reversed(path):
        need = frames[reader].below(shape_of(reader))
        for operand in varying(reader):
            known = frames.get(operand, need)
            if known.stride != need.stride:
                return None
            frames[operand] = known.hull(need)
    below = (node for node in path if node is not graph.input)
    memories = tuple(node for node in below if rules.remembered(node) != "nothing")
    return Plan(graph, layer, rules, frames, memories)


def varying(node: Node) -> list[Node]:
    """The operands that depend on the input, each once."""
    return [operand for operand in dict.fromkeys(node.operands) if operand.varies]


def shape_of(node: Node) -> Geometry:
    """How the positions of a local node read those of its operands."""
    found = geometry(node, varying(node)[0]) if node.operands else None
    return found or STEADY


def _is_local(node: Node) -> bool:
    if len(node.traced) != 4 or node.spatial != (2, 3):
        return False
    if node.op == "input":
        return True
    if node.op not in LOCAL or not all(_fits(node, operand) for operand in node.operands):
        return False
    arguments = node.arguments
    linear = is_linear(node) or node.op in ("relu", "max_pool2d", "local_response_norm")
    batch = node.op == "slice" and arguments["dim"] == 0
    deep = node.op == "pad" and any(arguments["pad"][4:])
    return linear and not (batch or deep)


def _fits(node: Node, operand: Node) -> bool:
    """Whether an operand can be cut to windows, or is the same at every position."""
    moving = node.op in MOVING or node.op == "batch_norm"
    if not operand.varies:
        alike = all(size == 1 for size in operand.traced[-2:])
        return moving or alike or (node.op in ADDING and operand.traced[-2:] == node.extent)
    local = operand.continuous and operand.spatial == (2, 3) and geometry(node, operand) is not None
    joined = node.op == "cat" and operand.extent == node.extent
    return local and (moving or joined or operand.traced == node.traced)


def _pair(values: Any) -> Pair:
    first, second = values
    return first, second
