"""The table: one row for each operation that is not opaque, from one file for each family."""

from __future__ import annotations

from functools import partial
from math import prod
from operator import itemgetter

from interpret.graph.operations import (
    activation,
    arithmetic,
    conv,
    cut,
    join,
    linear,
    norm,
    pad,
    pool,
    reduce,
    shape,
    upsample,
    windows,
)
from interpret.graph.operations.axes import SpatialAxes, aligned, is_pointwise, kept_by_shape
from interpret.graph.operations.geometry import IDENTITY_GEOMETRY, Geometry, takes_map
from interpret.graph.operations.opaque import NO_ROW
from interpret.graph.operations.operation import Operation, linear_in
from interpret.graph.operations.tokens import by_axes, kept_tokens, unfolded
from interpret.graph.program.calls import OPAQUE, CanonicalCall, Form, Spelling
from interpret.graph.program.program import Node, TokenGrid

FAMILIES = (
    activation,
    arithmetic,
    conv,
    cut,
    join,
    linear,
    norm,
    pad,
    pool,
    reduce,
    shape,
    upsample,
    windows,
)
"""The files with rows."""

TABLE: dict[str, Operation] = {}
"""Rows by name."""

FORMS: dict[str, Form] = {}
"""From PyTorch's name of an operation to its one form."""


def _as_it_stands(operation: Operation, spelling: Spelling) -> CanonicalCall | None:
    return spelling.as_it_stands(operation.name) if spelling.item is None else None


def add(operation: Operation) -> None:
    """Add a row: in networks that are traced from then on, its operation is no longer opaque."""
    forms = dict.fromkeys(operation.spellings, partial(_as_it_stands, operation)) | dict(operation.forms)
    if operation.name in TABLE or forms.keys() & FORMS.keys():
        raise ValueError(f"There is a row for {operation.name} or for one of {sorted(forms)} already.")
    TABLE[operation.name] = operation
    FORMS.update(forms)


for family in FAMILIES:
    for row in family.OPERATIONS:
        add(row)


def canonical(spelling: Spelling) -> CanonicalCall | Node:
    """The one form of a call, in the words of the table; the operand of what changes nothing."""
    form = FORMS.get(spelling.name)
    return (form and form(spelling)) or spelling.as_it_stands(OPAQUE)


def row_of(node: Node) -> Operation:
    """What the engines know of a node's operation."""
    return TABLE.get(node.op, NO_ROW)


def is_linear(node: Node) -> bool:
    """Whether the value is linear, up to a constant, in the operands that depend on the input."""
    return linear_in(row_of(node).linear, node)


def multiply_adds(node: Node) -> int:
    """Multiply-adds that a convolution or a linear layer spends on one image; 0 for everything else."""
    row = row_of(node)
    if not row.filters:
        return 0
    weight: tuple[int, ...] = node.arguments["weight"].traced
    met = node.operands[0] if row.spreads else node
    return met.numel * prod(weight[1:])


def value_axes(call: CanonicalCall, operands: tuple[Node, ...], traced: tuple[int, ...]) -> SpatialAxes:
    """The axes of an operation's value that are rows and columns; None if it is no map any more.

    Where no rule says so, they are those that its shape still has: which positions are read is not known
    then, but a map (n, c, h, w) remains one.

    Args:
        call: The operation.
        operands: The nodes it reads.
        traced: The shape of the value.
    """
    row = TABLE.get(call.op, NO_ROW)
    turned = row.axes and any(node.spatial != (2, 3) for node in operands if node.varies)
    if row.maps and not turned:  # what has a rule for axes leaves them where they are, channels last too
        return (2, 3) if len(traced) == 4 else None
    ruled = [(node.extent, axes) for node in operands if (axes := _carried(call, node, traced))]
    if row.tokens:
        ruled += [(node.grid, axes) for node in operands if (axes := unfolded(call.arguments, node, traced))]
    kept = [(node.extent, axes) for node in operands if (axes := kept_by_shape(node, traced))]
    return max(ruled or kept, key=itemgetter(0))[1] if ruled or kept else None


def _carried(call: CanonicalCall, operand: Node, traced: tuple[int, ...]) -> SpatialAxes:
    """Where the rows and columns of one operand lie in a value; None where no rule says so."""
    if operand.spatial is None or not operand.varies:
        return None
    rule = aligned if is_pointwise(call.target) else TABLE.get(call.op, NO_ROW).axes
    return rule(call.arguments, operand, traced) if rule else None


def value_tokens(
    call: CanonicalCall, operands: tuple[Node, ...], traced: tuple[int, ...]
) -> TokenGrid | None:
    """Where the positions of a map lie along one axis of an operation's value; see `value_axes`."""
    ruled = [grid for node in operands if (grid := _carried_tokens(call, node, traced))]
    kept = [grid for node in operands if (grid := kept_tokens(node, traced))]
    return max(ruled or kept, key=lambda grid: grid.size, default=None)


def _carried_tokens(call: CanonicalCall, operand: Node, traced: tuple[int, ...]) -> TokenGrid | None:
    """Where a rule says that the tokens of one operand lie in a value."""
    if not operand.varies or (operand.tokens is None and operand.spatial is None):
        return None
    row = TABLE.get(call.op, NO_ROW)
    axes = aligned if is_pointwise(call.target) else row.axes
    rule = row.tokens or (axes and by_axes(axes))
    return rule(call.arguments, operand, traced) if rule else None


def keeps_tokens(node: Node, operand: Node) -> bool:
    """Whether each position of a map reads the same one of an operand, where tokens are in one of them."""
    call = CanonicalCall(node.op, node.target, node.arguments)
    if node.tokens is not None and node.tokens.size:
        return _carried_tokens(call, operand, node.traced) == node.tokens
    return node.spatial is not None and unfolded(node.arguments, operand, node.traced) == node.spatial


def geometry(node: Node, operand: Node) -> Geometry | None:
    """How the positions of a node read those of one operand; None, for whole maps, where no rule says.

    Where an axis of the operand has one position and the node's has more, that position serves them all.
    """
    if node.spatial is None or operand.spatial is None or not operand.varies:
        return None
    row = row_of(node)
    if row.maps and not (row.axes and node.spatial != (2, 3)):
        return row.geometry(node) if row.geometry and takes_map(node, operand) else None
    if _carried(CanonicalCall(node.op, node.target, node.arguments), operand, node.traced) != node.spatial:
        return None
    if row.geometry:
        return row.geometry(node)
    sizes = zip(operand.extent, node.extent, strict=True)
    return IDENTITY_GEOMETRY if all(size in (1, made) for size, made in sizes) else None
