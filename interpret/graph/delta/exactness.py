"""Which values must be kept bit for bit, since a step function compares them.

A change is a difference, and base + (value - base) is the value to rounding only. That is enough for what is
continuous. But ``x == max_pool(x)`` holds at the peaks of a map bit for bit, and ``x.clamp(max=6) < 6`` fails
where it is clamped: such values are carried as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

from interpret.graph.operations.table import row_of
from interpret.graph.program.program import Node

STEPS = frozenset(
    {"sign", "sgn", "floor", "ceil", "round", "trunc", "frac", "heaviside", "remainder", "fmod"}
    | {"floor_divide", "threshold", "hardshrink", "grid_sampler", "grid_sampler_2d"}
)
"""PyTorch's names of step functions whose values are no masks or indices."""


def exact_nodes(order: Sequence[Node]) -> set[Node]:
    """The nodes whose values are carried as they are: what step functions read, and narrower numbers."""
    exact = {node for node in order if _narrows(node)}
    compared = {operand for node in order if is_step(node) for operand in node.operands if operand.varies}
    for node in reversed(order):
        if node in compared and node.op != "input" and not row_of(node).sums:
            exact.add(node)
            compared.update(operand for operand in node.operands if operand.varies)
    return exact


def is_step(node: Node) -> bool:
    """Whether a value jumps where an operand changes a little."""
    counted = not node.continuous and any(operand.continuous for operand in node.operands if operand.varies)
    return counted or node.operation in STEPS or node.arguments.get("rounding_mode") is not None


def _narrows(node: Node) -> bool:
    return row_of(node).casts and node.continuous and node.dtype != node.operands[0].dtype
