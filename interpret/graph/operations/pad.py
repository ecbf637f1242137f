"""What stands around a map."""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from interpret.graph.delta.changes import Change, PlaceBatch
from interpret.graph.operations.axes import first_aligned, spatial
from interpret.graph.operations.geometry import Geometry, takes_map
from interpret.graph.operations.operation import DeltaRules, Operation, WindowedRules, WindowedValues
from interpret.graph.operations.resampling import by_weights
from interpret.graph.operations.sampling import Positions, Sampling, by_index
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
    """What is before the rows and the columns; PyTorch counts the axes from the last."""
    pads, axes = node.arguments["pad"], spatial(node)
    before = [*pads[::2], *[0] * len(node.traced)]
    top, left = (before[len(node.traced) - 1 - axis] for axis in axes)
    return None if any(pads[2 * len(node.traced) - 2 :]) else Geometry(padding=(top, left))


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


# A padding that repeats what the map holds: in a mirror, the last row again, or from the other side.


@lru_cache(256)
def _sources(size: int, before: int, behind: int, mode: str) -> Positions:
    """Where each position of the larger map comes from: what the padding makes of a row of numbers."""
    numbers = torch.arange(size, dtype=torch.float64).view(1, 1, size)
    found: Positions = F.pad(numbers, (before, behind), mode)[0, 0].long().numpy()
    return found


def _index(node: Node, axis: int) -> tuple[Positions, int]:
    """Where each row (or column) comes from, and how many are before the map's own."""
    given = node.arguments
    before, behind = (given.get("pad") or given["padding"])[2 - 2 * axis :][:2]
    mode = given.get("mode") or MODES[node.operation]
    return _sources(node.operands[0].extent[axis], before, behind, mode), before


def _weights(node: Node, axis: int, dtype: torch.dtype) -> Float[Tensor, "made size"]:
    index, _ = _index(node, axis)
    return F.one_hot(torch.from_numpy(index), node.operands[0].extent[axis]).to(dtype)


def _repeated(node: Node, operand: Node, axis: int) -> Sampling | None:
    if not takes_map(node, operand):
        return None
    index, before = _index(node, axis)
    return by_index(index, operand.extent[axis], lambda first, last: (first - before, last - before))


MODES = {"reflection_pad2d": "reflect", "replication_pad2d": "replicate"}


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
    Operation(
        "edge_pad",
        tuple(MODES),
        linear="first",
        maps=True,
        axes=first_aligned,
        positions=_repeated,
        delta=by_weights(_weights),
    ),
)
