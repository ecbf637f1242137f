"""Changes of operations that weigh the positions of a map, rows and columns apart, alike in every channel.

Such an operation is one matrix for rows and one for columns. Interpolation is, and a padding that repeats the
map; the part of a matrix between two windows says what one makes of the other.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.graph.delta.changes import Change, PlaceBatch, laid_out
from interpret.graph.delta.intervals import Slices
from interpret.graph.operations.operation import DeltaRules
from interpret.graph.program.program import Node

Weights = Callable[[Node, int, torch.dtype], Float[Tensor, "made size"]]
"""From a node, 0 (rows) or 1 (columns) and a type of numbers: what each position weighs in the value."""


def by_weights(weights: Weights) -> DeltaRules:
    """The rule of a change, from the matrices of an operation."""
    return DeltaRules(partial(_change, weights), fresh=True)


def _change(weights: Weights, batch: PlaceBatch, node: Node) -> Change:
    operand = node.operands[0]
    sources, windows = batch.windows(operand), batch.windows(node)
    delta = batch.read(operand, sources).permute(0, 2, 3, 1)
    down, across = (_between(weights, batch, node, axis) for axis in (0, 1))
    channels, (rows, columns) = delta.shape[3], (sources[0].size, sources[1].size)
    grid = delta.reshape(len(down), len(across), rows, columns * channels)
    grid = (down[:, None] @ grid).view(len(down), len(across), -1, columns, channels)
    made = (across[None, :, None] @ grid).view(-1, windows[0].size, windows[1].size, channels)
    return Change(laid_out(made.permute(0, 3, 1, 2)), windows)


def _between(weights: Weights, batch: PlaceBatch, node: Node, axis: int) -> Float[Tensor, "place made size"]:
    """What the windows of the operand weigh in those of the value, place by place."""
    reference, operand = batch.reference, node.operands[0]
    like = reference.values[operand]
    whole = reference.prepared(
        f"weights {axis}", node, lambda: weights(node, axis, like.dtype).to(like.device)
    )
    made, read = (_positions(batch.windows(item)[axis], like.device) for item in (node, operand))
    return whole[made[:, :, None], read[:, None]]


def _positions(slices: Slices, device: torch.device) -> Tensor:
    starts = torch.tensor(slices.starts, device=device)
    return starts[:, None] + torch.arange(slices.size, device=device)
