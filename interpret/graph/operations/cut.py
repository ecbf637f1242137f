"""Parts of a value along one axis, and other orders of what lies along it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from interpret.graph.delta.changes import Change, PlaceBatch, laid_out
from interpret.graph.operations.axes import first_aligned, named_axes, spatial, surviving
from interpret.graph.operations.geometry import Axis, Geometry, pair
from interpret.graph.operations.operation import DeltaRules, Operation, WindowedRules, WindowedValues
from interpret.graph.operations.resampling import by_weights
from interpret.graph.operations.sampling import Sampling, by_index, by_kernel
from interpret.graph.operations.tokens import sliced_tokens
from interpret.graph.program.calls import CanonicalCall, Spelling, counted_from_front
from interpret.graph.program.program import Node
from interpret.graph.topdown.neuron_windows import NeuronWindows
from interpret.graph.topdown.whole_maps import Share

aten = torch.ops.aten

# A slice: from start to end, by steps.


def _slice(spelling: Spelling) -> CanonicalCall | Node:
    if spelling.first.traced == spelling.traced:
        return spelling.first
    arguments = counted_from_front(spelling)
    size = spelling.first.traced[arguments["dim"]]
    arguments["start"], arguments["end"], _ = slice(arguments["start"], arguments["end"]).indices(size)
    return CanonicalCall("slice", spelling.target, arguments)


def _split(spelling: Spelling) -> CanonicalCall | Node:
    """One of the parts that a value is split into, all of one size or of the sizes given."""
    given, item = spelling.arguments, spelling.item or 0
    sizes = list(given.get("split_sizes") or [given.get("split_size")] * (item + 1))
    return _part(spelling, sizes)


def _chunk(spelling: Spelling) -> CanonicalCall | Node:
    size = spelling.first.traced[spelling.arguments["dim"]]
    return _part(spelling, [-(-size // spelling.arguments["chunks"])] * ((spelling.item or 0) + 1))


def _part(spelling: Spelling, sizes: Sequence[int]) -> CanonicalCall | Node:
    operand, dim, item = spelling.first, spelling.arguments["dim"], spelling.item or 0
    if operand.traced == spelling.traced:
        return operand
    start = sum(sizes[:item])
    bounds = {"start": start, "end": min(start + sizes[item], operand.traced[dim]), "step": 1}
    return CanonicalCall(
        "slice", aten.slice.Tensor, {"self": operand, "dim": dim % len(operand.traced), **bounds}
    )


def _geometry(node: Node) -> Geometry:
    arguments = node.arguments
    cut = [axis == arguments["dim"] for axis in spatial(node)]
    stride = [arguments["step"] if here else 1 for here in cut]
    padding = [-arguments["start"] if here else 0 for here in cut]
    return Geometry(stride=pair(stride), padding=pair(padding))


def _index(node: Node) -> tuple[slice, ...]:
    """The index of a slice on windows; a cut of rows or columns is in the window already."""
    given, dim = node.arguments, node.arguments["dim"]
    part = (
        slice(given["start"], given["end"], given["step"]) if dim == 1 else slice(None, None, given["step"])
    )
    return tuple(part if axis == dim else slice(None) for axis in range(4))


def _windowed(windows: NeuronWindows, node: Node, signal: Tensor) -> list[Share]:
    (operand,) = node.varying_operands
    back = signal.new_zeros(len(signal), operand.shape[0], *windows.reads[node].size)
    back[_index(node)] = signal
    return [(operand, back)]


def _windowed_forward(windows: NeuronWindows, node: Node, values: WindowedValues) -> Tensor:
    return windows.read(node, values)[_index(node)]


def _change(batch: PlaceBatch, node: Node) -> Change:
    given, operand, windows = node.arguments, node.operands[0], batch.windows(node)
    if given["dim"] == 1:
        delta, windows, _ = batch.changes[operand]
        return Change(delta[:, given["start"] : given["end"] : given["step"]], windows)
    geometry = _geometry(node)
    delta, (down, right) = batch.read(operand, batch.windows_read(node, geometry)), geometry.stride
    return Change(laid_out(delta[:, :, ::down, ::right]), windows)


# Selections and other orders.


def _select(spelling: Spelling) -> CanonicalCall:
    return CanonicalCall("select", spelling.function, counted_from_front(spelling))


def _unbind(spelling: Spelling) -> CanonicalCall:
    operand, dim = spelling.first, spelling.arguments["dim"]
    return CanonicalCall("select", aten.select.int, {"self": operand, "dim": dim, "index": spelling.item})


def _others(arguments: Mapping[str, Any], count: int) -> Sequence[int]:
    gone = named_axes(arguments, count)
    return [axis for axis in range(count) if axis not in gone]


def _mixed(arguments: Mapping[str, Any], count: int) -> Sequence[int]:
    gone = named_axes(arguments, count)
    return [-1 if axis in gone else axis for axis in range(count)]


def _flipped(arguments: Mapping[str, Any], count: int) -> Sequence[int]:
    return _mixed(arguments, count) if arguments["dims"] else list(range(count))


def _indexed(arguments: Mapping[str, Any], count: int) -> Sequence[int]:
    """An index that is a list of positions along one axis mixes that axis; any other moves more."""
    given = {axis: index for axis, index in enumerate(arguments["indices"]) if index is not None}
    if any(len(index.traced) != 1 or index.dtype is torch.bool for index in given.values()) or len(given) > 1:
        return []
    return [-1 if axis in given else axis for axis in range(count)]


def _turned(node: Node, operand: Node, axis: int) -> Sampling | None:
    """A flip: rows or columns in the opposite order."""
    if not _keeps_axes(node, operand):
        return None
    if not _is_named(node, axis):
        return by_kernel(Axis())
    end = node.extent[axis] - 1
    return Sampling(Fraction(-1), lambda first, last: (end - last, end - first))


def _is_named(node: Node, axis: int) -> bool:
    return spatial(node)[axis] in named_axes(node.arguments, len(node.traced))


def _turned_weights(node: Node, axis: int, dtype: torch.dtype) -> Float[Tensor, "size size"]:
    kept = torch.eye(node.extent[axis], dtype=dtype)
    return kept.flip(0) if _is_named(node, axis) else kept


def _moves_channels(node: Node) -> bool:
    return any(dim % len(node.traced) not in spatial(node) for dim in node.arguments["dims"])


def _rolled(node: Node, operand: Node, axis: int) -> Sampling | None:
    """A roll: rows or columns further on; those that leave the map come in on the other side."""
    if not _keeps_axes(node, operand) or not node.arguments["dims"]:  # without axes, the map is one row
        return None
    shift, size = _shift(node, axis), node.extent[axis]
    index = (np.arange(size) - shift) % size
    return by_index(index, size, lambda first, last: (first - shift, last - shift))


def _shift(node: Node, axis: int) -> int:
    named = zip(node.arguments["dims"], node.arguments["shifts"], strict=True)
    return sum(shift for dim, shift in named if dim % len(node.traced) == spatial(node)[axis])


def _rolled_weights(node: Node, axis: int, dtype: torch.dtype) -> Float[Tensor, "size size"]:
    return torch.eye(node.extent[axis], dtype=dtype).roll(_shift(node, axis), 0)


def _keeps_axes(node: Node, operand: Node) -> bool:
    return node.varying_operands == (operand,) and node.spatial == operand.spatial is not None


OPERATIONS = (
    Operation(
        "slice",
        forms={"slice": _slice, "split": _split, "split_with_sizes": _split, "chunk": _chunk},
        linear="first",
        axes=first_aligned,
        tokens=sliced_tokens,
        geometry=_geometry,
        stays=lambda node: node.arguments["dim"] > 0,
        windowed=WindowedRules(_windowed, _windowed_forward),
        delta=DeltaRules(_change, of_masks=True),
    ),
    Operation(
        "select", forms={"select": _select, "unbind": _unbind}, linear="first", axes=surviving(_others)
    ),
    Operation("index_select", ("index_select",), linear="first", axes=surviving(_mixed)),
    Operation("index", ("index",), linear="first", axes=surviving(_indexed)),
    Operation(
        "flip",
        ("flip",),
        linear="first",
        axes=surviving(_flipped),
        positions=_turned,
        stays=lambda node: not _moves_channels(node),
        delta=by_weights(_turned_weights),
    ),
    Operation(
        "roll",
        ("roll",),
        linear="first",
        axes=surviving(_mixed),
        positions=_rolled,
        stays=lambda node: not _moves_channels(node),
        delta=by_weights(_rolled_weights),
    ),
)
