"""From a map to a larger one."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from interpret.graph.operations.geometry import takes_map
from interpret.graph.operations.operation import Operation
from interpret.graph.program.program import Node


def _nearest(node: Node, operand: Node, axis: int, position: Any) -> tuple[Any, Any, int] | None:
    """Where nearest upsampling reads: what it does to a map of positions; in proportion outside the map."""
    if not takes_map(node, operand):
        return None
    size, made = operand.extent[axis], node.extent[axis]
    positions = torch.arange(size, dtype=torch.float64).view((1, 1, -1, 1) if axis == 0 else (1, 1, 1, -1))
    given = {**node.arguments, next(iter(node.arguments)): positions.expand(1, 1, *operand.extent)}
    table = node.target(**given)[0, 0].select(1 - axis, 0).long().numpy()
    inside = np.clip(position, 0, made - 1)
    nearest = np.where(position == inside, table[inside], position * size // made)
    return nearest, nearest, 1


OPERATIONS = (
    Operation("upsample_nearest2d", ("upsample_nearest2d",), linear="first", maps=True, positions=_nearest),
    Operation("upsample", ("upsample_bilinear2d",), linear="first", maps=True),
    Operation("pixel_shuffle", ("pixel_shuffle",), linear="first", maps=True),
)
