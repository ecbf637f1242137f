"""Sums, differences, products (gates among them) and quotients."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from interpret.graph.delta.changes import Change, PlaceBatch
from interpret.graph.operations.opaque import differs, local_constant, vector_jacobian
from interpret.graph.operations.operation import (
    DeltaRules,
    Gate,
    GateRule,
    Linear,
    Operation,
    WindowedRules,
    WindowedValues,
    is_smooth,
    linear_in,
)
from interpret.graph.program.calls import CanonicalCall, Form, Spelling
from interpret.graph.program.program import Node, apply, resolve
from interpret.graph.topdown.neuron_windows import NeuronWindows
from interpret.graph.topdown.whole_maps import Share, WholeMaps, takes_signal


def _terms(node: Node) -> list[tuple[Node, float]]:
    """The terms of a sum or a difference that depend on the input, each with its factor."""
    second = node.arguments.get("alpha", 1) * (-1 if node.op == "sub" else 1)
    terms = ((node.arguments["self"], 1), (node.arguments["other"], second))
    return [(term, factor) for term, factor in terms if isinstance(term, Node) and term.varies]


def _sum_top_down(maps: WholeMaps, node: Node, signal: Tensor) -> list[Share]:
    if any(operand.varies and operand.shape != node.shape for operand in node.operands):
        return vector_jacobian(maps, node, signal)
    terms = (item for item in _terms(node) if takes_signal(item[0]))
    return [(term, signal if factor == 1 else signal * factor) for term, factor in terms]


def _sum_windowed(_windows: NeuronWindows, node: Node, signal: Tensor) -> list[Share]:
    return [(term, signal * factor) for term, factor in _terms(node)]


def _sum_forward(windows: NeuronWindows, node: Node, values: WindowedValues) -> Tensor:
    return windows.plain(node, values, local=True)


def _sum_change(batch: PlaceBatch, node: Node) -> Change:
    windows = batch.windows(node)
    delta = batch.empty(node, windows).zero_()
    for term, factor in _terms(node):
        batch.add(delta, term, windows, factor)
    return Change(delta, windows)


def _sums_maps(node: Node) -> bool:
    return is_smooth(node) and all(operand.shape == node.shape for operand in node.varying_operands)


def _scaled_windowed(windows: NeuronWindows, node: Node, signal: Tensor) -> list[Share]:
    (operand,) = node.varying_operands
    if node.op == "neg":
        return [(operand, -signal)]
    if node.op == "div":
        return [(operand, signal / windows.tensor(node.arguments["other"]))]
    first, second = node.arguments["self"], node.arguments["other"]
    return [(operand, signal * windows.tensor(second if first is operand else first))]


def _scaled_change(batch: PlaceBatch, node: Node) -> Change:
    """A product with, or a quotient by, what does not depend on the image."""
    (operand,) = node.varying_operands
    delta, windows, _ = batch.changes[operand]
    if any(not item.varies and differs(batch.reference.values[item], node) for item in node.operands):
        windows = batch.windows(node)
        delta = batch.read(operand, windows)
    values = {
        item: delta if item is operand else local_constant(batch, node, item, windows)
        for item in node.operands
    }
    return Change(apply(node, resolve(node.arguments, values, delta)), windows)


def _product_gate(node: Node, rank: Callable[[Node, Node], int]) -> Gate | None:
    """A product with a gate: the operand that is one, or more of one than the other is."""
    first, second = node.arguments["self"], node.arguments["other"]
    pair = (first, second) if rank(first, node) < rank(second, node) else (second, first)
    return _scaled_by(node, *pair, torch.mul) if rank(first, node) != rank(second, node) else None


def _quotient_gate(node: Node, rank: Callable[[Node, Node], int]) -> Gate | None:
    """A quotient by what is the same for many elements: a norm."""
    first, second = node.arguments["self"], node.arguments["other"]
    return _scaled_by(node, first, second, torch.div) if rank(second, node) > rank(first, node) else None


def _scaled_by(node: Node, gated: Node, gate: Node, down: Callable[[Tensor, Tensor], Tensor]) -> Gate | None:
    whole = gated.traced == node.traced and gated.dtype == node.dtype
    return Gate(gated, gate, lambda value: value, down) if whole and gate.varies else None


def _scaling(name: str, linear: Linear, gate: GateRule | None = None) -> Operation:
    """A product with, or a quotient by, what does not depend on the image; else it is nonlinear."""
    return Operation(
        name,
        (name,),
        forms=dict.fromkeys(OTHER_NAMES.get(name, ()), _same_as(name)),
        linear=linear,
        gate=gate,
        windowed=WindowedRules(_scaled_windowed),
        delta=DeltaRules(_scaled_change, lambda node: is_smooth(node) and linear_in(linear, node)),
    )


def _summing(name: str) -> Operation:
    return Operation(
        name,
        (name,),
        forms=dict.fromkeys(OTHER_NAMES.get(name, ()), _same_as(name)),
        linear="all",
        top_down=_sum_top_down,
        windowed=WindowedRules(_sum_windowed, _sum_forward, local_constants=True),
        delta=DeltaRules(_sum_change, _sums_maps, fresh=True),
    )


def _same_as(name: str) -> Form:
    """PyTorch's other name of an operation."""

    def form(spelling: Spelling) -> CanonicalCall:
        target = getattr(getattr(torch.ops.aten, name), spelling.target._overloadname)
        return CanonicalCall(name, target, spelling.arguments)

    return form


OTHER_NAMES = {
    "sub": ("subtract",),
    "mul": ("multiply",),
    "div": ("divide", "true_divide"),
    "neg": ("negative",),
}
"""By operation; none is decomposed, or tagged as pointwise."""

OPERATIONS = (
    _summing("add"),
    _summing("sub"),
    Operation("rsub", ("rsub",), linear="all"),
    _scaling("mul", "either", _product_gate),
    _scaling("div", "first", _quotient_gate),
    _scaling("neg", "first"),
)
