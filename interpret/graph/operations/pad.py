"""What stands around a map."""

from __future__ import annotations

import torch
from torch import Tensor

from interpret.graph.delta.changes import Change, PlaceBatch
from interpret.graph.operations.axes import first_aligned
from interpret.graph.operations.geometry import Geometry
from interpret.graph.operations.operation import DeltaRules, Operation, WindowedRules, WindowedValues
from interpret.graph.program.calls import CanonicalCall, Spelling
from interpret.graph.program.program import Node
from interpret.graph.topdown.neuron_windows import NeuronWindows
from interpret.graph.topdown.whole_maps import Share


def _constant(spelling: Spelling) -> CanonicalCall | Node | None:
    """A padding with one value; another mode repeats what the map holds, and is another operation."""
    given = spelling.arguments
    if given.get("mode", "constant") != "constant":
        return None
    if not any(given["pad"]):
        return spelling.first
    arguments = {"self": given["self"], "pad": given["pad"], "value": given["value"] or 0}
    return CanonicalCall("pad", torch.ops.aten.constant_pad_nd.default, arguments)


def _repeating(spelling: Spelling) -> CanonicalCall:
    return spelling.as_it_stands("edge_pad")


def _geometry(node: Node) -> Geometry | None:
    pads = node.arguments["pad"]
    left, _, top = (*pads, 0, 0)[:3]
    return None if any(pads[6:]) else Geometry(padding=(top, left))


def _stays(node: Node) -> bool:
    return not any(node.arguments["pad"][4:])


def _windowed(_windows: NeuronWindows, node: Node, signal: Tensor) -> list[Share]:
    return [(node.operands[0], signal)]


def _windowed_forward(windows: NeuronWindows, node: Node, values: WindowedValues) -> Tensor:
    return windows.read(node, values, float(node.arguments.get("value") or 0.0))


def _change(batch: PlaceBatch, node: Node) -> Change:
    operand = node.operands[0]
    inside = batch.windows(operand)  # what lies outside the operand's map must not come into this one
    left, _, top = (*node.arguments["pad"], 0, 0)[:3]
    return Change(batch.read(operand, inside), (inside[0].shifted(top), inside[1].shifted(left)))


OPERATIONS = (
    Operation(
        "pad",
        forms={
            "pad": lambda spelling: _constant(spelling) or _repeating(spelling),
            "constant_pad_nd": _constant,
        },
        linear="first",
        maps=True,
        axes=first_aligned,
        geometry=_geometry,
        stays=_stays,
        windowed=WindowedRules(_windowed, _windowed_forward),
        delta=DeltaRules(_change, of_masks=True),
    ),
    Operation("edge_pad", ("reflection_pad2d", "replication_pad2d"), linear="first", maps=True),
)
