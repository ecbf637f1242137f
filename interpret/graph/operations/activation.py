"""Nonlinearities of which something must be known; other pointwise functions of PyTorch need no row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from interpret.graph.delta.changes import Change, PlaceBatch
from interpret.graph.operations.axes import (
    AxesRule,
    aligned,
    channelwise,
    first_aligned,
    named_axes,
    surviving,
)
from interpret.graph.operations.opaque import change_by_value
from interpret.graph.operations.operation import (
    DeltaRules,
    Gate,
    Linear,
    Operation,
    SaveRule,
    WindowedRules,
    WindowedSave,
    WindowedValues,
    is_smooth,
)
from interpret.graph.program.calls import CanonicalCall, Spelling
from interpret.graph.program.program import Node, apply
from interpret.graph.topdown.neuron_windows import NeuronWindows
from interpret.graph.topdown.rules import Rules
from interpret.graph.topdown.whole_maps import Share, WholeMaps


def _relu(spelling: Spelling) -> CanonicalCall | None:
    """A ReLU; a clamp or a threshold may be one, too."""
    given, name = spelling.arguments, spelling.name
    if name in ("clamp", "clamp_min") and not (given["min"] == 0 and given.get("max") is None):
        return spelling.as_it_stands("clamp") if name == "clamp" else None
    if name == "threshold" and not given["threshold"] == 0 == given["value"]:
        return None
    return CanonicalCall("relu", torch.ops.aten.relu.default, {"self": given["self"]})


def rectified(signal: Tensor, rule: str, active: Tensor | None) -> Tensor:
    """What a ReLU lets through; ``active`` is where it was active on the way up, None for anywhere."""
    if rule != "gradient":
        signal = signal.clamp_min(0)
    return signal if active is None else signal * active


def _active(value: Tensor) -> Tensor:
    """Where a ReLU lets a gradient through, as in autograd: also where it is NaN."""
    return (value <= 0).logical_not_()


def _save_signs(node: Node, arguments: Mapping[str, Any]) -> tuple[Any, Tensor]:
    value = apply(node, arguments)
    return value, _active(value)


def _save(rules: Rules) -> SaveRule | None:
    return None if rules.relu == "deconvnet" else _save_signs


def _top_down(maps: WholeMaps, node: Node, signal: Tensor) -> list[Share]:
    active = maps.recall(maps.saved[node]) if node in maps.saved else None
    return [(node.operands[0], rectified(signal, maps.rules.relu, active))]


def _windowed(windows: NeuronWindows, node: Node, signal: Tensor) -> list[Share]:
    return [(node.operands[0], rectified(signal, windows.rules.relu, windows.saved.get(node)))]


def _one_channel(windows: NeuronWindows, node: Node, signal: Tensor, channel: Tensor) -> Tensor:
    neurons, active = torch.arange(len(channel), device=channel.device), windows.saved.get(node)
    kept = None if active is None else active[neurons, channel][:, None]
    return rectified(signal, windows.rules.relu, kept)


def _saved(windows: NeuronWindows, node: Node, values: WindowedValues) -> tuple[Tensor, Tensor]:
    value = windows.plain(node, values)
    return value, _active(value)


def _saved_of_maps(windows: NeuronWindows, node: Node, maps: Tensor) -> Tensor:
    return windows.cut(_active(maps), windows.frames[node])


def _change(batch: PlaceBatch, node: Node) -> Change:
    """max(b + d, 0) - max(b, 0), as max(d + min(b, 0), -max(b, 0)): two passes, and nothing cancels."""
    operand, windows, reference = node.operands[0], batch.windows(node), batch.reference
    below = reference.prepared("below", operand, lambda: reference.values[operand].clamp_max(0))
    above = reference.prepared("above", operand, lambda: reference.values[operand].clamp_min(0).neg_())
    spare = operand in reference.spare
    delta = batch.read(operand, windows) if spare else batch.moved(operand, windows)
    for mine, unchanged in batch.beside(delta, node, windows, below):
        mine.add_(unchanged)
    for mine, unchanged in batch.beside(delta, node, windows, above):
        torch.maximum(mine, unchanged, out=mine)
    return Change(delta, windows)


def _untagged(name: str, axes: AxesRule, linear: Linear = "never") -> Operation:
    """A pointwise function that PyTorch does not tag as one."""
    by_value = DeltaRules(change_by_value, keeps_bits=True)
    return Operation(name, (name,), linear=linear, pointwise=True, axes=axes, delta=by_value)


# Functions with bounds: what they make gates the map that it is multiplied with.


def _squashing(name: str, low: float, high: float, *spellings: str, pointwise: bool = True) -> Operation:
    """A function whose values stay between two numbers."""
    axes = first_aligned if pointwise else None
    return Operation(
        name, (name, *spellings), pointwise=pointwise, axes=axes, bounds=lambda _node: (low, high)
    )


def _clamped(node: Node) -> tuple[float, float] | None:
    """The numbers that a clamp is given."""
    low, high = (node.arguments.get(f"{end}_val", node.arguments.get(end)) for end in ("min", "max"))
    return (low, high) if isinstance(low, int | float) and isinstance(high, int | float) else None


# Gated linear units: one half of the channels is scaled by the sigmoid of the other.


def _mixed(arguments: Mapping[str, Any], count: int) -> Sequence[int]:
    """Every axis but the one that is halved."""
    halved = named_axes(arguments, count)
    return [-1 if axis in halved else axis for axis in range(count)]


def _linear_unit(node: Node, _rank: Any) -> Gate:
    axis = node.arguments["dim"] % len(node.traced)

    def factor(value: Tensor) -> Tensor:
        return value.chunk(2, axis)[1].sigmoid()

    def down(signal: Tensor, factor: Tensor) -> Tensor:
        return torch.cat([signal * factor, torch.zeros_like(signal)], axis)

    return Gate(node.operands[0], node.operands[0], factor, down)


OPERATIONS = (
    _squashing("sigmoid", 0, 1, "special_expit"),
    _squashing("hardsigmoid", 0, 1),
    _squashing("softmax", 0, 1, "_softmax", pointwise=False),
    _squashing("tanh", -1, 1),
    _squashing("relu6", 0, 6),
    Operation("hardtanh", ("hardtanh",), bounds=_clamped),
    Operation("clamp", bounds=_clamped),
    Operation(
        "glu",
        ("glu",),
        gate=_linear_unit,
        axes=surviving(_mixed),
        delta=DeltaRules(change_by_value, keeps_bits=True),
    ),
    _untagged("hardswish", first_aligned),
    _untagged("log_sigmoid", first_aligned),
    _untagged("where", aligned, "values"),
    Operation(
        "relu",
        forms={"relu": _relu, "clamp": _relu, "clamp_min": _relu, "threshold": _relu},
        save=_save,
        top_down=_top_down,
        windowed=WindowedRules(
            _windowed,
            save=WindowedSave(_saved, _saved_of_maps),
            one_channel=_one_channel,
        ),
        delta=DeltaRules(_change, is_smooth),
    ),
    Operation(
        "prelu",
        ("prelu",),
        weights=True,
        pointwise=True,
        axes=channelwise,
        delta=DeltaRules(partial(change_by_value, weights=True)),
    ),
)
