"""Windows that are cut out of a map: beside each other, along new axes, or as the columns of a matrix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interpret.graph.operations.axes import SpatialAxes, spatial
from interpret.graph.operations.geometry import Axis, Geometry, pair
from interpret.graph.operations.operation import Operation
from interpret.graph.operations.sampling import Sampling, by_kernel
from interpret.graph.program.calls import CanonicalCall, Spelling
from interpret.graph.program.program import Node, TokenGrid

# Tensor.unfold: windows along one axis; what lies within one goes to a new last axis.


def _unfold(spelling: Spelling) -> CanonicalCall:
    given, operand = dict(spelling.arguments), spelling.first
    given["dimension"] %= max(len(operand.traced), 1)
    return CanonicalCall("unfold", spelling.target, given)


def _cut_axes(arguments: Mapping[str, Any], operand: Node, _traced: tuple[int, ...]) -> SpatialAxes:
    """Every axis stays where it is."""
    return spatial(operand) if operand is arguments["self"] else None


def _cut_geometry(node: Node) -> Geometry:
    given = node.arguments
    kernel, stride = (
        [given[key] if axis == given["dimension"] else 1 for axis in spatial(node)]
        for key in ("size", "step")
    )
    return Geometry(pair(kernel), pair(stride))


# F.unfold: windows of rows and columns; each is one position along the last axis, row by row.


def _columns(arguments: Mapping[str, Any], operand: Node, _traced: tuple[int, ...]) -> TokenGrid | None:
    if operand is not arguments["self"] or operand.spatial != (2, 3):
        return None
    rows, columns = (
        (size + 2 * axis.padding - axis.reach - 1) // axis.stride + 1
        for size, axis in zip(operand.extent, _axes(arguments), strict=True)
    )
    return TokenGrid(2, rows, columns)


def _axes(arguments: Mapping[str, Any]) -> tuple[Axis, Axis]:
    """The windows along rows and along columns."""
    named = (pair(arguments[key]) for key in ("kernel_size", "stride", "padding", "dilation"))
    return Geometry(*named).axes


def _window(node: Node, operand: Node, axis: int) -> Sampling | None:
    if operand.spatial != (2, 3) or node.tokens is None:
        return None
    return by_kernel(_axes(node.arguments)[axis])


OPERATIONS = (
    Operation("unfold", forms={"unfold": _unfold}, linear="first", axes=_cut_axes, geometry=_cut_geometry),
    Operation("im2col", ("im2col",), linear="first", tokens=_columns, positions=_window),
    Operation("fold", ("col2im",), linear="first", maps=True),
)
