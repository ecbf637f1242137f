"""Linear layers and products of matrices. They take no parts of maps: changes go on as whole maps."""

from __future__ import annotations

from torch import Tensor

from interpret.graph.operations.axes import lastwise
from interpret.graph.operations.operation import Operation
from interpret.graph.program.program import Node
from interpret.graph.topdown.whole_maps import Share, WholeMaps


def _top_down(maps: WholeMaps, node: Node, signal: Tensor) -> list[Share]:
    return [(node.operands[0], signal @ maps.fixed[node.arguments["weight"]])]


OPERATIONS = (
    Operation(
        "linear",
        ("linear",),
        linear="first",
        weights=True,
        filters=True,
        sums=True,
        axes=lastwise,
        top_down=_top_down,
    ),
    Operation("matmul", ("mm", "matmul"), linear="either", sums=True),
    Operation("addmm", ("addmm",), linear="either"),
)
