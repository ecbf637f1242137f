"""Pools: the largest of a window, or the mean."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from interpret.graph.delta.changes import Change, PlaceBatch, Reference, laid_out
from interpret.graph.operations.geometry import Geometry, pair, takes_map
from interpret.graph.operations.opaque import save_operands
from interpret.graph.operations.operation import (
    DeltaRules,
    Operation,
    WindowedRules,
    WindowedSave,
    WindowedValues,
)
from interpret.graph.operations.reduce import mean_change, pools_all
from interpret.graph.operations.sampling import Sampling
from interpret.graph.program.calls import CanonicalCall, Spelling
from interpret.graph.program.program import Node, apply
from interpret.graph.topdown.neuron_windows import NeuronWindows
from interpret.graph.topdown.whole_maps import Share, WholeMaps

aten = torch.ops.aten
SIZES = ("kernel_size", "stride", "padding", "dilation")


def _paired(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a pool with its sizes as pairs; without a stride, windows lie side by side."""
    given = dict(arguments)
    given["stride"] = given["stride"] or given["kernel_size"]
    return given | {key: list(pair(given[key])) for key in SIZES if key in given}


def _max_pool(spelling: Spelling) -> CanonicalCall | None:
    wanted = spelling.item in (None, 0)
    return (
        CanonicalCall("max_pool2d", aten.max_pool2d.default, _paired(spelling.arguments)) if wanted else None
    )


def _average_pool(spelling: Spelling) -> CanonicalCall:
    return CanonicalCall("avg_pool2d", spelling.target, _paired(spelling.arguments))


def _geometry(node: Node) -> Geometry:
    return Geometry(*(pair(node.arguments.get(key, 1)) for key in SIZES))


# Max pool.


def _sizes(node: Node) -> dict[str, Any]:
    return {key: node.arguments[key] for key in SIZES}


def _save_switches(_node: Node, arguments: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    given = {key: arguments[key] for key in (*SIZES, "ceil_mode")}
    value, switches = F.max_pool2d(arguments["self"], **given, return_indices=True)
    return value, switches


def unpool(
    signal: Float[Tensor, "k c h w"],
    switches: Int[Tensor, "k c h w"],
    size: tuple[int, int],
    pool: Mapping[str, Any],
    *,
    overwrite: bool = False,
) -> Float[Tensor, "k c rows columns"]:
    """Put every value where its maximum was.

    Args:
        signal: Values of the pool's windows.
        switches: For each window, the position of its maximum in the flattened map.
        size: Rows and columns of the map.
        pool: ``kernel_size``, ``stride``, ``padding`` and ``dilation`` of the pool, as pairs.
        overwrite: Where windows share a maximum, the last window counts instead of the sum.
    """
    if signal.device.type == "cpu" and not overwrite:
        flat = signal.new_zeros(*signal.shape[:2], size[0] * size[1])
        return flat.scatter_add_(2, switches.flatten(2), signal.flatten(2)).view(*signal.shape[:2], *size)
    return unpool_by_offsets(signal, switches, size, pool, overwrite=overwrite)


def unpool_by_offsets(
    signal: Tensor, switches: Tensor, size: tuple[int, int], pool: Mapping[str, Any], *, overwrite: bool
) -> Tensor:
    """`unpool` without atomic additions, one position of the kernel after the other: always the same bits."""
    (top, left), (down, right) = pool["padding"], pool["stride"]
    rows, columns = (torch.arange(count, device=signal.device) for count in signal.shape[2:])
    at_row, at_column = switches // size[1], switches % size[1]
    offsets = [
        [gap * index for index in reversed(range(kernel))]  # so that the last window comes last
        for gap, kernel in zip(pool["dilation"], pool["kernel_size"], strict=True)
    ]
    reach = [
        (count - 1) * step + spots[0] + 1
        for count, step, spots in zip(signal.shape[2:], pool["stride"], offsets, strict=True)
    ]
    result = signal.new_zeros(*signal.shape[:2], *reach)
    for row, column in product(*offsets):
        held = result[:, :, row::down, column::right][:, :, : len(rows), : len(columns)]
        here = (at_row == (rows * down + row - top)[:, None]) & (at_column == columns * right + column - left)
        held.copy_(torch.where(here, signal if overwrite else held + signal, held))
    return F.pad(result, (-left, left + size[1] - reach[1], -top, top + size[0] - reach[0]))


def _max_top_down(maps: WholeMaps, node: Node, signal: Tensor) -> list[Share]:
    switches, overwrite = maps.recall(maps.saved[node]), maps.rules.unpool == "overwrite"
    rows, columns = node.operands[0].traced[-2:]
    return [
        (node.operands[0], unpool(signal, switches, (rows, columns), node.arguments, overwrite=overwrite))
    ]


def _max_saved(windows: NeuronWindows, node: Node, values: WindowedValues) -> tuple[Tensor, Tensor]:
    given = _sizes(node) | {"padding": 0}
    value, switches = F.max_pool2d(windows.read(node, values, -torch.inf), **given, return_indices=True)
    return value, switches


def _max_saved_of_maps(windows: NeuronWindows, node: Node, maps: Tensor) -> Tensor:
    """The switches of windows, as positions in them."""
    need, width = windows.reads[node], maps.shape[3]
    given = _sizes(node) | {"ceil_mode": node.arguments["ceil_mode"]}
    _, switches = F.max_pool2d(maps, **given, return_indices=True)
    local = windows.cut(switches // width * need.size[1] + switches % width, windows.frames[node])
    top, left = (start.to(windows.device) for start in need.starts(windows.seeds))
    local -= (top * need.size[1] + left)[:, None, None, None]
    return local.clamp_(0, need.size[0] * need.size[1] - 1)


def _windowed_unpool(windows: NeuronWindows, node: Node, signal: Tensor, switches: Tensor) -> Tensor:
    given = _sizes(node) | {"padding": [0, 0]}
    return unpool(signal, switches, windows.reads[node].size, given)


def _max_windowed(windows: NeuronWindows, node: Node, signal: Tensor) -> list[Share]:
    return [(node.operands[0], _windowed_unpool(windows, node, signal, windows.saved[node]))]


def _max_one_channel(windows: NeuronWindows, node: Node, signal: Tensor, channel: Tensor) -> Tensor:
    neurons = torch.arange(len(channel), device=channel.device)
    switches = windows.saved[node][neurons, channel][:, None]
    return _windowed_unpool(windows, node, windows.bounded(signal, node), switches)


def _max_change(batch: PlaceBatch, node: Node) -> Change:
    given, operand, windows = node.arguments, node.operands[0], batch.windows_read(node, _geometry(node))
    padded = batch.reference.prepared("padded", node, lambda: _padded(batch.reference, node))
    read = batch.empty(operand, windows)
    (rows, columns), (top, left) = windows, given["padding"]
    for mine, unchanged in batch.beside(read, operand, (rows.shifted(top), columns.shifted(left)), padded):
        mine.copy_(unchanged)
    batch.put(read, operand, windows)
    made = F.max_pool2d(read, given["kernel_size"], given["stride"], 0, given["dilation"])
    return batch.change_to(node, made)


def _padded(reference: Reference, node: Node) -> Tensor:
    """The operand of a max pool with what its windows find outside the map."""
    operand, (top, left) = node.operands[0], node.arguments["padding"]
    bottom, right = (
        max(0, (extent - 1) * axis.stride - axis.padding + axis.reach + 1 - size)
        for extent, axis, size in zip(node.extent, _geometry(node).axes, operand.extent, strict=True)
    )
    return laid_out(F.pad(reference.values[operand], (left, right, top, bottom), value=-torch.inf))


# Average pool.


def _average_forward(windows: NeuronWindows, node: Node, values: WindowedValues) -> Tensor:
    kernel, stride = node.arguments["kernel_size"], node.arguments["stride"]
    total = F.avg_pool2d(windows.read(node, values, 0.0), kernel, stride, divisor_override=1)
    return total / _divisor(windows, node, total)


def _divisor(windows: NeuronWindows, node: Node, like: Tensor) -> Float[Tensor, "k 1 h w"]:
    """By what an average pool divides at each position of its windows."""
    arguments, frame = node.arguments, windows.frames[node]
    if arguments.get("divisor_override"):
        return torch.full((1, 1, 1, 1), arguments["divisor_override"], dtype=like.dtype, device=like.device)
    counts = []
    for axis, starts in enumerate(frame.starts(windows.seeds)):
        at = starts[:, None] + torch.arange(frame.size[axis])
        kernel, pad = arguments["kernel_size"][axis], arguments["padding"][axis]
        extent = node.operands[0].extent[axis]
        first = at * arguments["stride"][axis] - pad
        end = (first + kernel).clamp(max=extent + pad)
        if not arguments["count_include_pad"]:
            first, end = first.clamp(min=0), end.clamp(max=extent)
        counts.append((end - first).clamp(min=1))
    area: Tensor = counts[0][:, None, :, None] * counts[1][:, None, None, :]
    return area.to(device=like.device, dtype=like.dtype)


def _average_windowed(windows: NeuronWindows, node: Node, signal: Tensor) -> list[Share]:
    arguments, channels = node.arguments, node.shape[0]
    ones = signal.new_ones(channels, 1, *arguments["kernel_size"])
    divided = signal / _divisor(windows, node, signal)
    back = F.conv_transpose2d(divided, ones, stride=arguments["stride"], groups=channels)
    return [(node.operands[0], back)]


def _average_change(batch: PlaceBatch, node: Node) -> Change:
    given, operand, windows = node.arguments, node.operands[0], batch.windows(node)
    delta = batch.read(operand, batch.windows_read(node, _geometry(node)))
    made = F.avg_pool2d(delta, given["kernel_size"], given["stride"], divisor_override=1)
    shares = batch.reference.prepared("shares", node, lambda: _shares(batch.reference, node))
    for mine, share in batch.beside(made, node, windows, shares):
        mine.mul_(share)
    return Change(laid_out(made), windows)


def _shares(reference: Reference, node: Node) -> Tensor:
    """What a position counts in each average: one over the number that is divided by."""
    operand = reference.values[node.operands[0]]
    ones = torch.ones_like(operand[:, :1])
    mean, total = (
        apply(node, {**node.arguments, "self": ones, **changed}) for changed in ({}, {"divisor_override": 1})
    )
    shares: Tensor = mean / total
    return shares.expand(-1, operand.shape[1], -1, -1)


# Pools with a given size of the result.


def _adaptive_average(spelling: Spelling) -> CanonicalCall | Node:
    if spelling.first.traced == spelling.traced:
        return spelling.first
    return spelling.as_it_stands("adaptive_avg_pool2d")


def _adaptive_max(spelling: Spelling) -> CanonicalCall | None:
    return spelling.as_it_stands("adaptive_max_pool2d") if spelling.item in (None, 0) else None


def _adaptive(node: Node, operand: Node, axis: int) -> Sampling | None:
    size, made = operand.extent[axis], node.extent[axis]
    if made == 1 or not takes_map(node, operand):
        return None
    return Sampling(
        Fraction(size, made),
        lambda first, last: (first * size // made, -(-(last + 1) * size // made) - 1),
    )


OPERATIONS = (
    Operation(
        "max_pool2d",
        forms={"max_pool2d": _max_pool, "max_pool2d_with_indices": _max_pool},
        maps=True,
        geometry=_geometry,
        save=lambda _rules: _save_switches,
        top_down=_max_top_down,
        windowed=WindowedRules(
            _max_windowed,
            save=WindowedSave(_max_saved, _max_saved_of_maps),
            one_channel=_max_one_channel,
        ),
        delta=DeltaRules(_max_change, keeps_bits=True, fresh=True),
    ),
    Operation(
        "avg_pool2d",
        forms={"avg_pool2d": _average_pool},
        linear="first",
        sums=True,
        maps=True,
        geometry=_geometry,
        windowed=WindowedRules(_average_windowed, _average_forward),
        delta=DeltaRules(_average_change, fresh=True),
    ),
    Operation(
        "adaptive_avg_pool2d",
        forms={"adaptive_avg_pool2d": _adaptive_average, "_adaptive_avg_pool2d": _adaptive_average},
        linear="first",
        sums=True,
        maps=True,
        positions=_adaptive,
        delta=DeltaRules(mean_change, pools_all, pools=True),
    ),
    Operation(
        "adaptive_max_pool2d",
        forms={"adaptive_max_pool2d": _adaptive_max},
        maps=True,
        positions=_adaptive,
        save=lambda _rules: save_operands,
    ),
)
