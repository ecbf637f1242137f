"""Norms, in eval mode."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from interpret.graph.delta.changes import Change, PlaceBatch
from interpret.graph.operations.axes import channelwise, lastwise
from interpret.graph.operations.opaque import change_by_value, save_operands, vector_jacobian
from interpret.graph.operations.operation import (
    DeltaRules,
    Operation,
    SaveRule,
    WindowedRules,
    WindowedSave,
    WindowedValues,
    is_smooth,
)
from interpret.graph.program.calls import CanonicalCall, Spelling
from interpret.graph.program.program import Node
from interpret.graph.topdown.neuron_windows import NeuronWindows
from interpret.graph.topdown.rules import Rules
from interpret.graph.topdown.whole_maps import Share, WholeMaps

# Batch norm: by the statistics that the network has learned, a scale and a shift for each channel.


def batch_norm(**arguments: Any) -> Tensor:
    """Batch norm in eval mode: by the statistics the network has learned."""
    return F.batch_norm(**arguments, training=False)


def _learned(spelling: Spelling) -> CanonicalCall | None:
    """Batch norm in eval mode; by the statistics of the batch it is none of our words."""
    arguments = dict(spelling.arguments)
    learned = not arguments.pop("training")
    del arguments["cudnn_enabled"]
    return CanonicalCall("batch_norm", batch_norm, arguments) if learned else None


def _without_training(spelling: Spelling) -> CanonicalCall | None:
    return CanonicalCall("batch_norm", batch_norm, spelling.arguments) if spelling.item == 0 else None


def norm_factor(node: Node, value: Callable[[Any], Any]) -> Float[Tensor, " c"]:
    """The factor of each channel in a batch norm: its linear part.

    Args:
        node: The batch norm.
        value: From its arguments to their values.
    """
    scale = torch.rsqrt(value(node.arguments["running_var"]) + node.arguments["eps"])
    weight = node.arguments["weight"]
    return scale if weight is None else scale * value(weight)


def _norm_top_down(maps: WholeMaps, node: Node, signal: Tensor) -> list[Share]:
    factor = norm_factor(node, maps.fixed.__getitem__)
    return [(node.operands[0], signal * factor.view(-1, *[1] * (signal.ndim - 2)))]


def _norm_windowed(windows: NeuronWindows, node: Node, signal: Tensor) -> list[Share]:
    return [(node.operands[0], signal * norm_factor(node, windows.tensor)[:, None, None])]


def _norm_one_channel(windows: NeuronWindows, node: Node, signal: Tensor, channel: Tensor) -> Tensor:
    return signal * norm_factor(node, windows.tensor)[channel][:, None, None, None]


def _norm_change(batch: PlaceBatch, node: Node) -> Change:
    operand, reference = node.operands[0], batch.reference
    delta, windows, _ = batch.changes[operand]
    if reference.folded.get(operand) is node:
        return Change(delta, windows)
    factor = reference.prepared("factor", node, lambda: norm_factor(node, reference.constant))
    return Change(delta * factor.view(-1, *[1] * (delta.dim() - 2)), windows)


# Local response norm: by default the way down passes the signal.


def norm_scale(value: Float[Tensor, "n c *map"], size: int, alpha: float, beta: float, k: float) -> Tensor:
    """What a local response norm divides by."""
    squares = F.pad(value.square().flatten(2)[:, None], (0, 0, size // 2, (size - 1) // 2))
    mean = F.avg_pool2d(squares, (size, 1), stride=1)[:, 0].reshape_as(value)
    scale: Tensor = (mean * alpha + k).pow(beta)
    return scale


def _given(node: Node) -> Mapping[str, Any]:
    return {key: node.arguments[key] for key in ("size", "alpha", "beta", "k")}


def _one_operation(spelling: Spelling) -> CanonicalCall:
    return CanonicalCall("local_response_norm", F.local_response_norm, spelling.arguments)


def _save_lrn(rules: Rules) -> SaveRule | None:
    return None if rules.norm == "identity" else save_operands


def _lrn_top_down(maps: WholeMaps, node: Node, signal: Tensor) -> list[Share]:
    if maps.rules.norm == "identity":
        return [(node.operands[0], signal)]
    if maps.rules.norm == "gradient":
        return vector_jacobian(maps, node, signal)
    value = maps.recall(maps.saved[node][node.operands[0]])
    return [(node.operands[0], signal / norm_scale(value, **_given(node)))]


def _lrn_windowed(windows: NeuronWindows, node: Node, signal: Tensor) -> list[Share]:
    operand, value = node.operands[0], windows.saved.get(node)
    if value is None:
        return [(operand, signal)]
    if windows.rules.norm == "scale":
        return [(operand, signal / norm_scale(value, **_given(node)))]
    with torch.enable_grad():
        leaf = value.detach().requires_grad_()
        (back,) = torch.autograd.grad(F.local_response_norm(leaf, **_given(node)), leaf, signal)
    return [(operand, back)]


def _lrn_one_channel(windows: NeuronWindows, node: Node, signal: Tensor, _channel: Tensor) -> Tensor | None:
    return None if node in windows.saved else signal


def _lrn_saved(windows: NeuronWindows, node: Node, values: WindowedValues) -> tuple[Tensor, Tensor]:
    return windows.plain(node, values), windows.read(node, values)


def _lrn_saved_of_maps(windows: NeuronWindows, node: Node, maps: Tensor) -> Tensor:
    return windows.cut(maps, windows.reads[node])


OPERATIONS = (
    Operation(
        "batch_norm",
        forms={"batch_norm": _learned, "_native_batch_norm_legit_no_training": _without_training},
        linear="first",
        weights=True,
        sums=True,
        axes=channelwise,
        top_down=_norm_top_down,
        windowed=WindowedRules(_norm_windowed, one_channel=_norm_one_channel),
        delta=DeltaRules(_norm_change, is_smooth, fresh=True, folds_into="conv2d"),
    ),
    Operation(
        "local_response_norm",
        forms={"local_response_norm": _one_operation},
        axes=channelwise,
        save=_save_lrn,
        top_down=_lrn_top_down,
        windowed=WindowedRules(
            _lrn_windowed,
            save=WindowedSave(_lrn_saved, _lrn_saved_of_maps),
            one_channel=_lrn_one_channel,
        ),
        delta=DeltaRules(change_by_value),
    ),
    # No rule for changes on purpose: a layer norm divides by a deviation that is next to zero under a plain
    # occluder, where a difference has lost its digits.
    Operation("layer_norm", ("layer_norm",), axes=lastwise),
)
