"""By which rule a node passes on a change, and what the change reaches.

None is the default: a rule is taken only where `geometry` says how positions map, and images stay where
they are. A linear operation takes the change itself; anything else the value with the change, less the one
without. So results equal a full forward pass to rounding, at the cost of the windows.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from interpret.graph.delta.intervals import Interval
from interpret.graph.operations.axes import is_pointwise
from interpret.graph.operations.geometry import IDENTITY_GEOMETRY, takes_map
from interpret.graph.operations.opaque import change_by_value
from interpret.graph.operations.operation import ChangeRule, Operation
from interpret.graph.operations.sampling import Sampling
from interpret.graph.operations.table import geometry, row_of
from interpret.graph.program.program import Node


def rule_for(node: Node, *, exact: bool = False) -> ChangeRule | None:
    """The rule of a node whose operands' changes are known; None where whole maps are needed.

    Args:
        node: The node.
        exact: Whether its value must be the very one that its operation makes of its operands' values.
    """
    row = row_of(node)
    if exact and not (is_pointwise(node.target) or (row.delta and row.delta.keeps_bits)):
        return None
    if row.delta and row.delta.pools:
        return row.delta.change if row.delta.applies(node) else None
    if not _images_stay(row, node) or not all(_is_located(row, node, item) for item in node.varying_operands):
        return None
    if not moves_positions(row) and any(operand.extent != node.extent for operand in node.varying_operands):
        return None
    if _has_own_rule(row, node, exact=exact):
        return row.delta.change if row.delta else None
    return change_by_value if not moves_positions(row) and is_pointwise(node.target) else None


def moves_positions(row: Operation) -> bool:
    """Whether positions of a value may read others than their own."""
    return row.geometry is not None or row.positions is not None


def _is_located(row: Operation, node: Node, operand: Node) -> bool:
    """Whether a rule says which positions of an operand are read."""
    return bool(row.positions and row.positions(node, operand, 0)) or geometry(node, operand) is not None


def _has_own_rule(row: Operation, node: Node, *, exact: bool) -> bool:
    rules = row.delta
    if rules is None or not rules.applies(node) or (exact and not rules.keeps_bits):
        return False
    if not moves_positions(row):
        return True
    counted = node.continuous or rules.of_masks
    return counted and row.stays(node) and takes_map(node, node.varying_operands[0])


def _images_stay(row: Operation, node: Node) -> bool:
    """Whether the first axis counts images in a node and its operands."""
    if not all(item.batched for item in (node, *node.varying_operands)):
        return False
    if row.keeps_images:
        return row.keeps_images(node)
    return all(len(operand.traced) == len(node.traced) for operand in node.varying_operands)


def reached(node: Node, axis: int, intervals: Mapping[Node, Interval]) -> Interval:
    """What changes of its operands reach in a node, along its rows (0) or its columns (1)."""
    union = Interval.union([intervals[operand] for operand in node.varying_operands])
    rules = row_of(node).delta
    if rules and rules.pools:
        return Interval((0,) * len(union.low), (1,) * len(union.low), 1)
    operand = node.varying_operands[0]
    sampled = _sampled(node, operand, axis)
    if sampled:
        low, high = np.array(union.low), np.array(union.high) - 1
        first, last = sampled.readers(low, high, operand.extent[axis], node.extent[axis])
        return Interval.inside(first.tolist(), (last + 1).tolist(), node.extent[axis])
    read = geometry(node, operand) or IDENTITY_GEOMETRY
    return union.through(read.axes[axis], node.extent[axis])


def _sampled(node: Node, operand: Node, axis: int) -> Sampling | None:
    rule = row_of(node).positions
    return rule(node, operand, axis) if rule else None
