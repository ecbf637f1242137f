"""Convolutions and their relatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from interpret.graph.delta.changes import Change, PlaceBatch, Reference, laid_out
from interpret.graph.delta.intervals import Slices, reading
from interpret.graph.operations.geometry import Geometry, pair, takes_map
from interpret.graph.operations.norm import norm_factor
from interpret.graph.operations.operation import DeltaRules, Operation, WindowedRules, WindowedValues
from interpret.graph.operations.sampling import Sampling, by_transposed_kernel
from interpret.graph.program.calls import CanonicalCall, Spelling
from interpret.graph.program.program import Node
from interpret.graph.topdown.neuron_windows import NeuronWindows
from interpret.graph.topdown.whole_maps import Share, WholeMaps

aten = torch.ops.aten

# Its forms.


def _plain(spelling: Spelling) -> CanonicalCall | None:
    """The general convolution, if it is one in two dimensions, transposed or not."""
    arguments = dict(spelling.arguments)
    transposed, output_padding = arguments.pop("transposed"), arguments.pop("output_padding")
    if len(arguments["stride"]) != 2:
        return None
    if transposed:
        given = arguments | {"output_padding": output_padding}
        return CanonicalCall("conv_transpose2d", aten.conv_transpose2d.input, given)
    return CanonicalCall("conv2d", aten.conv2d.default, arguments)


def _named_padding(spelling: Spelling) -> CanonicalCall:
    """Paddings by name become numbers; where the two sides differ, a padding comes first."""
    arguments = dict(spelling.arguments)
    if arguments["padding"] == "valid":
        arguments["padding"] = [0, 0]
    if arguments["padding"] == "same":
        left, right, top, bottom = pads = _same_padding(arguments)
        arguments["padding"] = [top, left]
        if (left, top) != (right, bottom):
            arguments |= {"padding": [0, 0], "input": _padded(arguments["input"], pads)}
    return CanonicalCall("conv2d", aten.conv2d.default, arguments)


def _same_padding(arguments: dict[str, Any]) -> list[int]:
    """[left, right, top, bottom] of a convolution with ``padding="same"``."""
    pads: list[int] = []
    for axis in (1, 0):
        total = arguments["dilation"][axis] * (arguments["weight"].traced[2 + axis] - 1)
        pads += [total // 2, total - total // 2]
    return pads


def _padded(operand: Node, pads: Sequence[int]) -> CanonicalCall:
    left, right, top, bottom = pads
    images, channels, rows, columns = operand.traced
    given = {"self": operand, "pad": list(pads), "value": 0}
    size = (images, channels, rows + top + bottom, columns + left + right)
    return CanonicalCall("pad", aten.constant_pad_nd.default, given, size)


def _geometry(node: Node) -> Geometry:
    given = node.arguments
    kernel, dilation = given["weight"].traced[2:], given.get("dilation", 1)
    return Geometry(pair(kernel), pair(given["stride"]), pair(given["padding"]), pair(dilation))


# The signal, down through it.


def transposed_convolution(
    signal: Float[Tensor, "k made h w"],
    weight: Float[Tensor, "made read kh kw"],
    size: Sequence[int],
    *,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Float[Tensor, "k read rows columns"]:
    """The transpose of a convolution: by the same filters, back to an input of exactly ``size``."""
    strided = max(stride) > 1 == groups == max(dilation)
    if strided and stride[0] == stride[1] and weight.shape[1] <= FEW and signal.device.type == "cpu":
        whole = by_phases(signal, weight, stride)
        edges = [
            (-pad, end + pad - made) for end, pad, made in zip(size, padding, whole.shape[2:], strict=True)
        ]
        return F.pad(whole, (*edges[1], *edges[0]))
    spare = [
        whole - ((made - 1) * step - 2 * pad + gap * (kernel - 1) + 1)
        for whole, made, step, pad, gap, kernel in zip(
            size, signal.shape[2:], stride, padding, dilation, weight.shape[2:], strict=True
        )
    ]
    return F.conv_transpose2d(signal, weight, None, stride, padding, spare, groups, dilation)


FEW = 8
"""Up to so many channels read, `by_phases` is two to four times as fast on whole maps; beyond, slower."""


def by_phases(signal: Tensor, weight: Tensor, stride: Sequence[int]) -> Tensor:
    """A transposed convolution with a stride, without padding, as one of stride 1.

    It has a filter for each phase of the stride, and their results are interleaved.
    """
    (rows, columns), (made, read, height, width) = stride, weight.shape
    padded = F.pad(weight, (0, -width % columns, 0, -height % rows))
    phased = padded.view(made, read, -(-height // rows), rows, -(-width // columns), columns)
    phases = F.conv_transpose2d(signal, phased.permute(0, 1, 3, 5, 2, 4).flatten(1, 3))
    parts = phases.view(len(signal), read, rows, columns, *phases.shape[2:]).permute(0, 1, 4, 2, 5, 3)
    size = [(n - 1) * step + k for n, step, k in zip(signal.shape[2:], stride, (height, width), strict=True)]
    return parts.flatten(4, 5).flatten(2, 3)[:, :, : size[0], : size[1]]


def _top_down(maps: WholeMaps, node: Node, signal: Tensor) -> list[Share]:
    given, operand = node.arguments, node.operands[0]
    geometry = {key: given[key] for key in ("stride", "padding", "dilation", "groups")}
    weight = maps.fixed[given["weight"]]
    return [(operand, transposed_convolution(signal, weight, operand.traced[-2:], **geometry))]


def spread(
    signal: Tensor, weight: Tensor, stride: Sequence[int], groups: int, dilation: Sequence[int]
) -> Tensor:
    """The transposed convolution over windows, which have no padding: long strides always go by phases."""
    if max(stride) == 1 or groups > 1 or max(dilation) > 1:
        return F.conv_transpose2d(signal, weight, None, stride, 0, 0, groups, dilation)
    return by_phases(signal, weight, stride)


def _windowed_down(windows: NeuronWindows, node: Node, signal: Tensor) -> list[Share]:
    given = node.arguments
    weight = windows.tensor(given["weight"])
    back = spread(signal, weight, given["stride"], given["groups"], given["dilation"])
    return [(node.operands[0], back)]


def _from_channel(windows: NeuronWindows, node: Node, signal: Tensor, channel: Tensor) -> Tensor:
    """Only the filters of that channel take part."""
    weight, groups = windows.tensor(node.arguments["weight"]), node.arguments["groups"]
    filters, size = weight[channel], windows.reads[node].size
    members = channel // (weight.shape[0] // groups)
    placed = signal.new_zeros(len(channel), weight.shape[1], *size)
    for row in range(signal.shape[2]):
        for column in range(signal.shape[3]):
            rows, columns = _under_kernel(node, row, column)
            placed[:, :, rows, columns] += signal[:, :, row : row + 1, column : column + 1] * filters
    if groups == 1:
        return placed
    whole = signal.new_zeros(len(channel), groups, weight.shape[1], *size)
    whole[torch.arange(len(channel), device=channel.device), members] = placed
    return whole.flatten(1, 2).reshape(len(channel), node.operands[0].shape[0], *size)


def _under_kernel(node: Node, row: int, column: int) -> tuple[slice, slice]:
    """The pixels under the kernel of a convolution at one position of its window."""
    rows, columns = (
        slice(at * axis.stride, at * axis.stride + axis.reach + 1, axis.dilation)
        for at, axis in zip((row, column), _geometry(node).axes, strict=True)
    )
    return rows, columns


def _windowed_forward(windows: NeuronWindows, node: Node, values: WindowedValues) -> Tensor:
    given = {key: node.arguments[key] for key in ("stride", "dilation", "groups")}
    weight, bias = (windows.tensor(node.arguments.get(key)) for key in ("weight", "bias"))
    return F.conv2d(windows.read(node, values, 0.0), weight, bias, **given)


# A change, up through it.


def _change(batch: PlaceBatch, node: Node) -> Change:
    given, operand = node.arguments, node.operands[0]
    rows, columns = (
        reading(axis, source, made)
        for axis, source, made in zip(
            _geometry(node).axes, batch.windows(operand), batch.windows(node), strict=True
        )
    )
    delta = batch.read(operand, (rows.source, columns.source))
    (top, bottom), (left, right) = rows.pads, columns.pads
    even = top == bottom >= 0 and left == right >= 0
    if not even:
        delta = F.pad(delta, (left, right, top, bottom))
    weight = batch.reference.prepared("weight", node, lambda: _weight(batch.reference, node))
    pads = (top, left) if even else (0, 0)
    made = F.conv2d(delta, weight, None, given["stride"], pads, given["dilation"], given["groups"])
    return Change(laid_out(made), (rows.result, columns.result))


def _weight(reference: Reference, node: Node) -> Tensor:
    """The filters, with the scale of a norm that is folded into them."""
    weight: Tensor = reference.constant(node.arguments["weight"])
    norm = reference.folded.get(node)
    if norm is not None:
        weight = weight * norm_factor(norm, reference.constant)[:, None, None, None]
    return laid_out(weight)


# The transposed convolution.


def _transposed(node: Node, operand: Node, axis: int) -> Sampling | None:
    return by_transposed_kernel(_geometry(node).axes[axis]) if takes_map(node, operand) else None


def _transposed_change(batch: PlaceBatch, node: Node) -> Change:
    """Every position of the operand's window is spread, over the borders of the map too."""
    given, operand = node.arguments, node.operands[0]
    delta = batch.read(operand, batch.windows(operand))
    weight = batch.reference.prepared(
        "weight", node, lambda: laid_out(batch.reference.constant(given["weight"]))
    )
    made = F.conv_transpose2d(delta, weight, None, given["stride"], 0, 0, given["groups"], given["dilation"])
    rows, columns = (
        Slices(tuple(start * axis.stride - axis.padding for start in slices.starts), size)
        for slices, axis, size in zip(
            batch.windows(operand), _geometry(node).axes, made.shape[2:], strict=True
        )
    )
    return Change(laid_out(made), (rows, columns))


OPERATIONS = (
    Operation(
        "conv2d",
        forms={"conv2d": _named_padding, "convolution": _plain},
        linear="first",
        weights=True,
        filters=True,
        sums=True,
        maps=True,
        geometry=_geometry,
        top_down=_top_down,
        windowed=WindowedRules(_windowed_down, _windowed_forward, from_channel=_from_channel),
        delta=DeltaRules(_change, fresh=True),
    ),
    Operation(
        "conv_transpose2d",
        ("conv_transpose2d",),
        linear="first",
        filters=True,
        spreads=True,
        sums=True,
        maps=True,
        positions=_transposed,
        delta=DeltaRules(_transposed_change, fresh=True),
    ),
)
