"""Operations that take whole axes together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from interpret.graph.delta.changes import Change, PlaceBatch
from interpret.graph.operations.axes import named_axes, surviving
from interpret.graph.operations.geometry import takes_map
from interpret.graph.operations.opaque import save_operands
from interpret.graph.operations.operation import DeltaRules, Operation
from interpret.graph.program.program import Node


def _axes(arguments: Mapping[str, Any], count: int) -> Sequence[int]:
    gone = set() if arguments.get("keepdim") else named_axes(arguments, count)
    return [axis for axis in range(count) if axis not in gone]


def pools_all(node: Node) -> bool:
    """Whether a node is one number for each channel of the map that it reads."""
    return node.batched and takes_map(node, node.operands[0]) and node.extent == (1, 1)


def _means_maps(node: Node) -> bool:
    dims = sorted(axis % len(node.operands[0].traced) for axis in node.arguments.get("dim") or ())
    return dims == [2, 3] and pools_all(node)


def mean_change(batch: PlaceBatch, node: Node) -> Change:
    """The change of the mean of a map."""
    operand = node.operands[0]
    total = batch.read(operand, batch.windows(operand)).sum((2, 3), keepdim=True)
    rows, columns = operand.extent
    return Change(total.div_(rows * columns), batch.windows(node))


OPERATIONS = (
    Operation(
        "mean",
        ("mean",),
        linear="first",
        axes=surviving(_axes),
        delta=DeltaRules(mean_change, _means_maps, pools=True),
    ),
    Operation("sum", ("sum",), linear="first", axes=surviving(_axes)),
    # Its gradient is its unpooling.
    Operation("amax", ("amax",), axes=surviving(_axes), save=lambda _rules: save_operands),
)
