"""Which way a signal goes down through what is not linear, by the rules that a user chose.

A ReLU, a pool and a response norm have rules of their own, in their rows. What has none is *rectified* as a
ReLU is, *gated*, or passes its *gradient*.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from interpret.graph.operations.activation import rectified
from interpret.graph.operations.operation import Gate
from interpret.graph.operations.signals import gate_of, source_of
from interpret.graph.program.program import Graph, Node, apply, resolve
from interpret.graph.topdown.rules import Rules
from interpret.graph.topdown.whole_maps import takes_signal

Constant = Callable[[Node], Tensor]
"""From a node that depends on no image to its value."""


@dataclass(frozen=True)
class Way(ABC):
    """The way down through a node, to one value below it; alike on whole maps and in windows.

    Attributes:
        node: The node.
        rules: What is done on the way down.
    """

    node: Node
    rules: Rules

    @property
    @abstractmethod
    def taker(self) -> Node:
        """The node that the signal goes down to."""

    @property
    @abstractmethod
    def recorded(self) -> Node | None:
        """The node of whose value on the way up something must be known, if any."""

    @property
    def constants(self) -> tuple[Node, ...]:
        """The nodes that depend on no image and without which nothing can be known of that value."""
        return ()

    @abstractmethod
    def record(self, value: Tensor, constant: Constant) -> Tensor:
        """What must be known of the value of `recorded`."""

    @abstractmethod
    def down(self, signal: Tensor, known: Tensor | None) -> Tensor:
        """The signal below, from the one above and from what is known."""


class Pointwise(Way):
    """A nonlinearity of one signal: it treats the signal as a ReLU does, or passes its derivative."""

    @property
    def taker(self) -> Node:
        """The signal of which the node is a function."""
        return _source(self.node)

    @property
    def recorded(self) -> Node | None:
        """That signal, where derivatives are asked for."""
        return None if self.rules.rectifies and self.rules.relu == "deconvnet" else self.taker

    @property
    def constants(self) -> tuple[Node, ...]:
        """What the function reads besides, where derivatives are asked for."""
        return tuple(_constants(self.node, self.taker)) if self.recorded else ()

    def record(self, value: Tensor, constant: Constant) -> Tensor:
        """The derivative, element by element."""
        return slope(self.node, self.taker, value, constant)

    def down(self, signal: Tensor, known: Tensor | None) -> Tensor:
        """Rectified unless a gradient is asked for, and times the derivative unless that is not."""
        if self.rules.rectifies:
            return rectified(signal, self.rules.relu, known)
        return signal if known is None else signal * known


@dataclass(frozen=True)
class Gated(Way):
    """A map that is scaled by a gate: as it was on the way up."""

    gate: Gate

    @property
    def taker(self) -> Node:
        """What is scaled; no signal goes down to the gate."""
        return self.gate.gated

    @property
    def recorded(self) -> Node | None:
        """The gate."""
        return self.gate.recorded

    def record(self, value: Tensor, constant: Constant) -> Tensor:  # noqa: ARG002 - a gate needs none
        """The factors."""
        return self.gate.factor(value)

    def down(self, signal: Tensor, known: Tensor | None) -> Tensor:
        """The signal, scaled."""
        return signal if known is None else self.gate.down(signal, known.to(signal.dtype))


def way_of(node: Node, rules: Rules) -> Way | None:
    """The way down through a nonlinearity of one signal or a gate; None where a row or autograd says it."""
    if rules.rectifies:
        if source_of(node) is not None:
            return Pointwise(node, rules)
        gate = gate_of(node)
        return Gated(node, rules, gate) if gate else None
    source = source_of(node) if rules.takes_gradients else None
    alone = rules.relu == "gradient" or node.varying_operands == (source,)  # else a ReLU may stand between
    return Pointwise(node, rules) if source is not None and alone else None


def takers(node: Node, rules: Rules) -> tuple[Node, ...]:
    """The operands, or values further below, that a signal at a node goes down to."""
    if node.op == "detach" or not node.varies:
        return ()
    way = way_of(node, rules)
    return (way.taker,) if way else tuple(filter(takes_signal, node.varying_operands))


def signal_path(graph: Graph, layers: Sequence[Node], rules: Rules) -> list[Node]:
    """The nodes through which a signal goes from layers to the input, in order, both ends included.

    Masks and indices have no gradient, ``detach`` lets none through, and gates belong to the way up: what
    lies below them alone has no part in it.

    Args:
        graph: The network.
        layers: The nodes of the layers.
        rules: What is done on the way down.
    """
    wanted = set(layers)
    for node in reversed(graph.nodes):
        if node in wanted:
            wanted.update(takers(node, rules))
    return [node for node in graph.nodes if node in wanted]


def _source(node: Node) -> Node:
    source = source_of(node)
    if source is None:
        raise ValueError(f"{node.origin} is no nonlinearity of one signal")
    return source


def between(node: Node, source: Node) -> Iterator[Node]:
    """A node and those below it that it is computed from, above the value that alone decides it."""
    if node is not source and node.varies:
        yield node
        for operand in node.varying_operands:
            yield from between(operand, source)


def _constants(node: Node, source: Node) -> Iterator[Node]:
    for item in dict.fromkeys(between(node, source)):
        yield from (operand for operand in item.operands if not operand.varies)


def slope(node: Node, source: Node, value: Tensor, constant: Constant) -> Tensor:
    """The derivative of a pointwise function of one signal, element by element; 0 of a step.

    Args:
        node: The node.
        source: The signal.
        value: What that is.
        constant: From what the function reads besides to its value.
    """
    with torch.enable_grad():
        leaf = value.detach().requires_grad_()
        made = evaluate(node, {source: leaf}, constant)
        if not made.requires_grad:
            return torch.zeros_like(value)
        (found,) = torch.autograd.grad(made, leaf, torch.ones_like(made), allow_unused=True)
    return torch.zeros_like(value) if found is None else found


def evaluate(node: Node, known: Mapping[Node, Tensor], constant: Constant) -> Tensor:
    """The value of a node from values below it."""
    if node in known or not node.varies:
        return known[node] if node in known else constant(node)
    values = {operand: evaluate(operand, known, constant) for operand in node.operands}
    made: Tensor = apply(node, resolve(node.arguments, values, next(iter(known.values()))))
    return made
