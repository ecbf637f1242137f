"""Maps side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from interpret.graph.delta.changes import Change, PlaceBatch
from interpret.graph.operations.axes import SpatialAxes, aligned, spatial
from interpret.graph.operations.operation import DeltaRules, Operation, WindowedRules, is_smooth
from interpret.graph.operations.tokens import joined_tokens
from interpret.graph.program.calls import CanonicalCall, Spelling, counted_from_front
from interpret.graph.program.program import Node
from interpret.graph.topdown.neuron_windows import NeuronWindows
from interpret.graph.topdown.whole_maps import Share, WholeMaps, takes_signal


def _cat(spelling: Spelling) -> CanonicalCall:
    return CanonicalCall("cat", spelling.function, counted_from_front(spelling))


def _axes(arguments: Mapping[str, Any], operand: Node, traced: tuple[int, ...]) -> SpatialAxes:
    return None if arguments["dim"] in spatial(operand) else aligned(arguments, operand, traced)


def _stacked(arguments: Mapping[str, Any], operand: Node, traced: tuple[int, ...]) -> SpatialAxes:
    """Axes from the new one on are one further back."""
    new = arguments.get("dim", 0) % len(traced)
    rows, columns = (axis + (axis >= new) for axis in spatial(operand))
    return rows, columns


def _top_down(_maps: WholeMaps, node: Node, signal: Tensor) -> list[Share]:
    axis = node.arguments["dim"]
    parts = torch.split(signal, [operand.traced[axis] for operand in node.operands], dim=axis)
    pairs = zip(node.operands, parts, strict=True)
    return [(operand, part) for operand, part in pairs if takes_signal(operand)]


def _windowed(_windows: NeuronWindows, node: Node, signal: Tensor) -> list[Share]:
    operands = node.operands
    parts = torch.split(signal, [operand.traced[1] for operand in operands], dim=1)
    return [(operand, part.clone()) for operand, part in zip(operands, parts, strict=True) if operand.varies]


def _joins_channels(node: Node) -> bool:
    alike = is_smooth(node) or len({item.dtype for item in (node, *node.operands)}) == 1
    return alike and node.arguments["dim"] == 1 and node.spatial == (2, 3)


def _change(batch: PlaceBatch, node: Node) -> Change:
    windows, first = batch.windows(node), 0
    delta = batch.empty(node, windows).zero_()
    for operand in node.operands:
        count = operand.traced[1]
        if operand.varies:
            batch.add(delta[:, first : first + count], operand, windows)
        first += count
    return Change(delta, windows)


OPERATIONS = (
    Operation(
        "cat",
        forms={"cat": _cat},
        linear="all",
        axes=_axes,
        tokens=joined_tokens,
        top_down=_top_down,
        windowed=WindowedRules(_windowed, joins=True),
        delta=DeltaRules(_change, _joins_channels, fresh=True),
    ),
    Operation("stack", ("stack",), linear="all", axes=_stacked),
)
