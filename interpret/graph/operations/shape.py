"""Operations that leave every number as it is: other shapes, other types, copies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from interpret.graph.delta.changes import Change, PlaceBatch
from interpret.graph.operations.axes import aligned, channelwise, first_aligned, reshaped, spatial, surviving
from interpret.graph.operations.geometry import Axis
from interpret.graph.operations.opaque import change_by_value
from interpret.graph.operations.operation import DeltaRules, Operation, WindowedRules, always
from interpret.graph.operations.sampling import Sampling, by_kernel
from interpret.graph.operations.tokens import reshaped_tokens
from interpret.graph.program.calls import CanonicalCall, Spelling
from interpret.graph.program.program import Node
from interpret.graph.topdown.neuron_windows import NeuronWindows
from interpret.graph.topdown.whole_maps import Share, WholeMaps

aten = torch.ops.aten

# Nothing at all.


def _operand(spelling: Spelling) -> Node:
    return spelling.first


def _unless_training(spelling: Spelling) -> Node | None:
    return None if spelling.arguments["train"] else spelling.first


# Other shapes.


def _reshape(spelling: Spelling) -> CanonicalCall | Node | None:
    """Flattened, squeezed or viewed: the shape says it all."""
    if "dtype" in spelling.arguments:  # the bits under another type
        return None
    if spelling.first.traced == spelling.traced:
        return spelling.first
    arguments = {"self": spelling.first, "shape": list(spelling.traced)}
    return CanonicalCall("reshape", aten.reshape.default, arguments)


def _split_positions(node: Node, operand: Node, axis: int) -> Sampling | None:
    """The rows (or columns) of which each becomes one, where they are split: (2 * rows) to (rows, 2)."""
    if node.spatial is None or operand.spatial is None:
        return None
    size, made = operand.extent[axis], node.extent[axis]
    if size <= made or reshaped(node.arguments, operand, node.traced) != node.spatial:
        return None
    return by_kernel(Axis(kernel=size // made, stride=size // made))


def _reshape_top_down(_maps: WholeMaps, node: Node, signal: Tensor) -> list[Share]:
    return [(node.operands[0], signal.reshape(len(signal), *node.operands[0].shape))]


def _reshape_change(batch: PlaceBatch, node: Node) -> Change:
    shape = [-1, *node.shape]
    for axis, slices in zip(spatial(node), batch.windows(node), strict=True):
        shape[axis] = slices.size
    return change_by_value(batch, node, shape=shape)


def _transpose(spelling: Spelling) -> CanonicalCall:
    operand, first, second = spelling.first, spelling.arguments["dim0"], spelling.arguments["dim1"]
    order = list(range(len(operand.traced)))
    order[first], order[second] = order[second], order[first]
    return CanonicalCall("permute", aten.permute.default, {"self": operand, "dims": order})


def _order(arguments: Mapping[str, Any], count: int) -> Sequence[int]:
    return [axis % count for axis in arguments["dims"]]


def _expand(spelling: Spelling) -> CanonicalCall | Node:
    same = spelling.first.traced == spelling.traced
    return spelling.first if same else spelling.as_it_stands("expand")


def _written_over(spelling: Spelling) -> CanonicalCall | Node | None:
    """What is copied, in the shape and the type of what is written over."""
    over, source = spelling.arguments["self"], spelling.arguments["src"]
    if source.dtype != over.dtype:
        given = {"self": source, "dtype": over.dtype}
        return CanonicalCall("cast", aten.to.dtype, given) if source.traced == over.traced else None
    if source.traced == spelling.traced:
        same: Node = source
        return same
    return CanonicalCall("expand", aten.expand.default, {"self": source, "size": list(over.traced)})


def _channels_back(_windows: NeuronWindows, node: Node, signal: Tensor) -> list[Share]:
    """Shuffled once more, with as many groups as each had channels, they are in order."""
    return [(node.operands[0], F.channel_shuffle(signal, signal.shape[1] // node.arguments["groups"]))]


BY_VALUE = DeltaRules(change_by_value, keeps_bits=True)

OPERATIONS = (
    Operation(
        "identity",
        forms=dict.fromkeys(("clone", "alias", "contiguous", "lift_fresh_copy"), _operand)
        | dict.fromkeys(
            ("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout"), _unless_training
        ),
    ),
    Operation(
        "reshape",
        forms=dict.fromkeys(
            ("view", "unflatten", "reshape", "_unsafe_view", "flatten", "squeeze", "unsqueeze"), _reshape
        ),
        linear="first",
        axes=reshaped,
        tokens=reshaped_tokens,
        positions=_split_positions,
        keeps_images=always,
        top_down=_reshape_top_down,
        delta=DeltaRules(_reshape_change, keeps_bits=True),
    ),
    Operation(
        "permute",
        ("permute",),
        forms={"transpose": _transpose},
        linear="first",
        axes=surviving(_order),
        keeps_images=lambda node: bool(node.arguments["dims"][0] == 0),
        delta=BY_VALUE,
    ),
    Operation(
        "channel_shuffle",
        ("channel_shuffle", "native_channel_shuffle"),
        linear="first",
        axes=channelwise,
        windowed=WindowedRules(_channels_back),
        delta=BY_VALUE,
    ),
    Operation("expand", forms={"expand": _expand, "copy": _written_over}, linear="first", axes=aligned),
    Operation("repeat", ("repeat",), linear="first"),
    Operation(
        "cast", ("_to_copy",), linear="first", casts=True, pointwise=True, axes=first_aligned, delta=BY_VALUE
    ),
    Operation("detach", ("detach",), axes=first_aligned, delta=BY_VALUE),
)
