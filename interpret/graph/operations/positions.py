"""How the positions of a value read those of an operand: what a rule says, and nothing else.

Every engine that works on parts of maps asks here. The default is None: an operation of which no rule says
how positions map is opaque, and takes whole maps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interpret.graph.operations.axes import carried
from interpret.graph.operations.vocabulary import WINDOWED, pair
from interpret.graph.program.program import Node


@dataclass(frozen=True)
class Geometry:
    """Output position i of an axis reads positions i * stride - padding + dilation * j, for j < kernel.

    Each attribute holds rows, then columns.
    """

    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)


def geometry(node: Node, operand: Node) -> Geometry | None:
    """How the positions of a node read those of one operand; None where no rule says.

    Where an axis of the operand has one position and the node's has more, that position serves them all.
    """
    if node.spatial is None or operand.spatial is None or not operand.varies:
        return None
    if node.op in WINDOWED or node.op == "pad":
        return _window(node) if takes_map(node, operand) else None
    if carried(node.op, node.target, node.arguments, operand, node.traced) != node.spatial:
        return None
    if node.op == "slice":
        return _slice(node.spatial, node.arguments)
    sizes = zip(operand.extent, node.extent, strict=True)
    return Geometry() if all(size in (1, made) for size, made in sizes) else None


def takes_map(node: Node, operand: Node) -> bool:
    """Whether an operand is the one map (n, c, h, w) that an operation reads, and nothing else varies."""
    varying = [item for item in node.operands if item.varies]
    return varying == [operand] == [node.operands[0]] and operand.spatial == (2, 3) == node.spatial


def _window(node: Node) -> Geometry | None:
    arguments = node.arguments
    if node.op == "pad":
        left, _, top = (*arguments["pad"], 0, 0)[:3]
        return Geometry(padding=(top, left)) if not any(arguments["pad"][6:]) else None
    kernel = arguments["weight"].traced[2:] if node.op == "conv2d" else arguments["kernel_size"]
    stride, padding = arguments["stride"], arguments["padding"]
    return Geometry(pair(kernel), pair(stride), pair(padding), pair(arguments.get("dilation", 1)))


def _slice(spatial: tuple[int, int], arguments: Mapping[str, Any]) -> Geometry:
    cut = [axis == arguments["dim"] for axis in spatial]
    stride = [arguments["step"] if here else 1 for here in cut]
    padding = [-arguments["start"] if here else 0 for here in cut]
    return Geometry(stride=pair(stride), padding=pair(padding))
