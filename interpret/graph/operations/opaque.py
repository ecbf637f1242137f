"""What needs no row: whole maps by autograd, and PyTorch's own pointwise functions position by position.

An operation without a row reads the whole of its operand, takes autograd's vector-Jacobian product on whole
maps, and lets changes go on as whole maps. A pointwise one, as PyTorch's tags say, keeps its positions: its
changes go on in windows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from interpret.errors import ModelError
from interpret.graph.delta.changes import Change, PlaceBatch, WindowPair, laid_out
from interpret.graph.operations.axes import spatial
from interpret.graph.operations.operation import Operation
from interpret.graph.program.calls import OPAQUE
from interpret.graph.program.program import Node, apply, resolve
from interpret.graph.topdown.whole_maps import Share, WholeMaps, takes_signal

NO_ROW = Operation(OPAQUE)
"""The row of what has none."""


def save_operands(node: Node, arguments: Mapping[str, Any]) -> tuple[Any, dict[Node, Tensor]]:
    """The value of a node, and the values of the operands that depend on the input."""
    operands = dict(_varying_operands(list(node.arguments.values()), list(arguments.values())))
    return apply(node, arguments), operands


def _varying_operands(given: Any, resolved: Any) -> Iterator[tuple[Node, Tensor]]:
    """Each operand that depends on the input, with its value."""
    if isinstance(given, Node) and given.varies:
        yield given, resolved
    elif isinstance(given, (list, tuple)):
        for item, value in zip(given, resolved, strict=True):
            yield from _varying_operands(item, value)


def vector_jacobian(maps: WholeMaps, node: Node, signal: Tensor) -> list[Share]:
    """The gradient of one operation, at what was saved; a linear one is asked at zero."""
    values = {operand: _value(maps, node, operand, signal) for operand in node.operands}
    leaves = {operand: values[operand].requires_grad_() for operand in values if takes_signal(operand)}
    with torch.enable_grad():
        made = apply(node, resolve(node.arguments, values, maps.start))
        if not made.requires_grad:  # a step function: no signal goes through
            return []
        try:
            # contiguous: PyTorch 2.14 reads a batch norm's gradient of one image in the order of its axes
            parts = torch.autograd.grad(made, list(leaves.values()), signal.contiguous(), allow_unused=True)
        except (RuntimeError, NotImplementedError) as error:
            raise ModelError(f"{node.origin} has no gradient in PyTorch: {error}") from error
    return [(operand, part) for operand, part in zip(leaves, parts, strict=True) if part is not None]


def _value(maps: WholeMaps, node: Node, operand: Node, signal: Tensor) -> Tensor:
    """An operand for autograd: what it was on the way up, or zero where it does not matter."""
    if not operand.varies:
        return maps.constant(operand)
    if node in maps.saved:
        return maps.recall(maps.saved[node][operand]).detach()
    kept = operand.dtype is None or operand.dtype == node.dtype
    zero = signal.new_zeros((), dtype=signal.dtype if kept else operand.dtype)
    return zero.expand(len(signal), *operand.shape)


def change_by_value(batch: PlaceBatch, node: Node, *, weights: bool = False, **changed: Any) -> Change:
    """The change of what treats every position alike: its value with the change less the one without.

    Args:
        batch: The places.
        node: The node.
        weights: Whether its constants are weights, the same at every position.
        changed: Arguments that are others on windows than on whole maps.
    """
    windows = batch.windows(node)
    values = {
        item: batch.changed_value(item, windows)
        if item.varies
        else batch.reference.values[item]
        if weights
        else local_constant(batch, node, item, windows)
        for item in node.operands
    }
    arguments = resolve(node.arguments, values, values[node.varying_operands[0]]) | changed
    return batch.change_to(node, apply(node, arguments))


def local_constant(batch: PlaceBatch, node: Node, item: Node, windows: WindowPair) -> Tensor:
    """What does not depend on the image, for windows of a node: cut to them where it differs along a map."""
    value = batch.reference.values[item]
    if not differs(value, node):
        return value
    everywhere = batch.reference.prepared(
        f"for {node.name}", item, lambda: laid_out(value.expand(1, *node.shape))
    )
    made = batch.empty(node, windows, everywhere)
    for mine, unchanged in batch.beside(made, node, windows, everywhere):
        mine.copy_(unchanged)
    return made


def differs(value: Tensor, node: Node) -> bool:
    """Whether a constant that a node reads is not the same at all its positions."""
    shift = value.dim() - 1 - len(node.shape)
    sizes = [value.shape[axis + shift] for axis in spatial(node) if axis + shift >= 0]
    return max(sizes, default=1) > 1
