"""What a nonlinear operation is to a signal on its way down: a nonlinearity of it, a gate of it, or neither.

The deconvnet's rule for a nonlinearity never looks at the value on the way up (Zeiler & Fergus 2014,
section 2.1), so that it is the same for all of them; a gate belongs to the way up, as switches do.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import torch
from torch import nn

from interpret.graph.operations.axes import is_pointwise
from interpret.graph.operations.operation import Gate
from interpret.graph.operations.table import is_linear, row_of
from interpret.graph.program.program import Graph, Node, apply, resolve

BROADCAST, POSITIVE, SIGNED = 3, 2, 1
"""How much an operand is a gate: one for many elements; never negative; of both signs. 0: not at all."""

GATE_WIDTH = 2.0
"""The bounds of a gate lie so close together at most: a tanh is one, a ReLU6 is a map."""


def pointwise(node: Node) -> bool:
    """Whether each element of a value is made of those at the same position in operands of the same shape."""
    alike = is_pointwise(node.target) or row_of(node).pointwise
    return alike and all(operand.traced == node.traced for operand in node.varying_operands)


# One nonlinearity of one signal.


def source_of(node: Node) -> Node | None:
    """The signal of which a node is one pointwise nonlinearity, however it is written; None if it is none.

    ``silu(x)``, ``x * sigmoid(x)`` and ``where(x > 0, x, 0.1 * x)`` are nonlinearities of x. A number that
    such a product is multiplied with or divided by belongs to it: ``x * relu6(x + 3) / 6``. A sum is one only
    as the whole of an activation of PyTorch (``nn.Tanhshrink``), since ``x + relu(x)`` is a skip.
    """
    if node.op == "detach" or not node.continuous or not pointwise(node):
        return None
    if is_linear(node) and not _whole_activation(node):
        return _scaled_source(node)
    source = None if _keeps_rule(node) else _common(node)
    return source if source is not None and source.continuous and source.dtype == node.dtype else None


def _keeps_rule(node: Node) -> bool:
    row = row_of(node)
    return row.save is not None or (row.top_down is not None and not is_linear(node))


def _scaled_source(node: Node) -> Node | None:
    """The source of a product of functions of one signal that a positive number scales."""
    factor = _factor(node)
    if factor is None or not factor > 0:
        return None
    (operand,) = node.varying_operands
    composed = len(operand.varying_operands) > 1 and not is_linear(operand)
    return source_of(operand) if composed and operand.traced == node.traced else None


def _factor(node: Node) -> float | None:
    """By what numbers alone scale the one operand of a linear pointwise operation; None if others do."""
    if len(node.operands) != 1 or not node.continuous or not is_pointwise(node.target):
        return None
    if node.dtype is not None and node.dtype.is_complex:
        return None
    start, end = _at(node, (0.0, 1.0))
    return end - start


def _at(node: Node, values: tuple[float, float]) -> list[float]:
    """What a pointwise operation with one operand makes of numbers."""
    numbers = torch.tensor(values, dtype=torch.float64)
    made: list[float] = apply(node, resolve(node.arguments, {node.operands[0]: numbers}, numbers)).tolist()
    return made


def _common(node: Node) -> Node | None:
    """The last value below a node that alone decides it, position by position."""
    known: dict[Node, list[Node]] = {}
    shared = _deciding(node, known)[1:]
    return shared[0] if shared else None


def _deciding(node: Node, known: dict[Node, list[Node]]) -> list[Node]:
    """A node, and the values below it each of which decides it position by position, the last one first."""
    if node not in known:
        lists = [_deciding(operand, known) for operand in node.varying_operands] if _opens(node) else []
        shared = [item for item in lists[0] if all(item in other for other in lists[1:])] if lists else []
        known[node] = [node, *shared]
    return known[node]


def _opens(node: Node) -> bool:
    return bool(node.operands) and node.op != "detach" and pointwise(node)


def _whole_activation(node: Node) -> bool:
    """Whether a sum of functions of one signal is what an activation of PyTorch makes."""
    return len(node.varying_operands) > 1 and is_activation(node.owner)


def is_activation(owner: str) -> bool:
    """Whether a class is an activation function of PyTorch, by its name in `Node.owner`."""
    name = owner.removeprefix("nn.")
    kind = getattr(nn.modules.activation, name, None) if owner != name else None
    return isinstance(kind, type) and kind is not nn.MultiheadAttention


def is_rectifier(node: Node) -> bool:
    """Whether a node is a ReLU, or a nonlinearity of one signal in its place: no gate, no squashing."""
    return _is_relu(node) or (source_of(node) is not None and not any(_ranks(node)))


def _is_relu(node: Node) -> bool:
    row = row_of(node)
    return pointwise(node) and row.save is not None and row.top_down is not None


def read_by_relus(graph: Graph, node: Node) -> bool:
    """Whether all that reads a node cuts off what is below zero."""
    readers = [reader for reader in graph.nodes if node in reader.operands]
    return bool(readers) and node is not graph.answer and all(map(_cuts_off, readers))


def _cuts_off(node: Node) -> bool:
    """Whether a node is a ReLU, or one with an upper end as ReLU6 has it."""
    bounds = row_of(node).bounds
    clamped = bounds(node) if bounds and node.op in {"relu6", "hardtanh", "clamp"} else None
    return _is_relu(node) or (clamped is not None and clamped[0] == 0)


# Gates.


def gate_of(node: Node) -> Gate | None:
    """What gates what in a node; None where no operand of it is a gate, or where both are alike."""
    rule = row_of(node).gate
    varying = all(operand.varies for operand in node.operands)
    return rule(node, rank) if rule and varying and not is_linear(node) else None


def rank(operand: Node, node: Node) -> int:
    """How much an operand is a gate of a node: more than another one is, or not at all (0)."""
    if not operand.continuous or _broadcast(operand, node):
        return BROADCAST
    return max(_ranks(operand), default=0)


def ends_in(node: Node) -> Node:
    """The operation that makes a gate what it is, above which values only move or are scaled."""
    below = None if row_of(node).bounds else _carried(node)
    return node if below is None else ends_in(below)


def _broadcast(operand: Node, node: Node) -> bool:
    """Whether an operand has one value for many elements of a node."""
    if _repeats(operand.traced, node.traced):
        return True
    below = _carried(operand)
    return below is not None and (_repeats(below.traced, operand.traced) or _broadcast(below, operand))


def _repeats(small: tuple[int, ...], large: tuple[int, ...]) -> bool:
    padded = (1,) * (len(large) - len(small)) + small
    fits = len(padded) == len(large) and all(a in (1, b) for a, b in zip(padded, large, strict=True))
    return fits and prod(padded) < prod(large)


def _ranks(node: Node) -> Iterator[int]:
    """What a node is as a gate, by the functions with bounds that it ends in."""
    if not node.continuous:
        yield POSITIVE
    bounds, below = _bounds(node), _carried(node)
    if bounds and bounds[1] - bounds[0] <= GATE_WIDTH:
        yield POSITIVE if bounds[0] >= 0 else SIGNED
    if below is not None:
        yield from _ranks(below)
    elif len(node.varying_operands) > 1 and (row_of(node).gate or row_of(node).linear == "all"):
        ranks = [max(_ranks(operand), default=0) for operand in node.varying_operands]
        yield min(ranks)  # gates that are multiplied, added or joined are one


def _bounds(node: Node) -> tuple[float, float] | None:
    """Between which numbers the values of a node stay, if a function with bounds says so."""
    row, below = row_of(node), _carried(node)
    if row.bounds or below is None:
        return row.bounds(node) if row.bounds else None
    bounds = _bounds(below)
    if bounds is None or _factor(node) is None:
        return bounds
    low, high = sorted(_at(node, bounds))
    return low, high


def _carried(node: Node) -> Node | None:
    """The operand of what only moves, repeats, scales or shifts values."""
    row = row_of(node)
    moves = is_linear(node) and len(node.varying_operands) == 1 and not (row.sums or row.weights)
    return node.varying_operands[0] if moves else None
