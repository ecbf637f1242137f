"""PyTorch's many spellings of a call, and the one form that the engines read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from torch._ops import OpOverload

from interpret.graph.program.program import Node

OPAQUE = "opaque"
"""The word of an operation without a row in the table."""


class CanonicalCall(NamedTuple):
    """One operation in the form the engines read.

    Attributes:
        op: Name of its row in the table, or ``opaque``.
        target: The function that computes it.
        arguments: Its arguments by name; a `CanonicalCall` stands where another operation is to come first.
        traced: Shape of its value, where that is not the shape of what the program calls.
    """

    op: str
    target: Callable[..., Any]
    arguments: Mapping[str, Any]
    traced: tuple[int, ...] | None = None


class Spelling(NamedTuple):
    """A call as the exported program has it.

    Attributes:
        target: What the program calls.
        item: Which of several results is meant; None if there is only one.
        arguments: All its arguments by name, with our nodes for the program's.
        traced: Shape of the value while tracing.
    """

    target: OpOverload
    item: int | None
    arguments: dict[str, Any]
    traced: tuple[int, ...]

    @property
    def name(self) -> str:
        """PyTorch's name, without the overload."""
        name: str = self.target.overloadpacket.__name__
        return name

    @property
    def first(self) -> Node:
        """The first argument."""
        node: Node = next(iter(self.arguments.values()))
        return node

    @property
    def function(self) -> Callable[..., Any]:
        """What is called; of several results the one that is meant, under the name of all."""
        if self.item is None:
            return self.target

        def picked(**arguments: Any) -> Any:
            return self.target(**arguments)[self.item]

        picked.__name__ = self.name
        return picked

    def as_it_stands(self, op: str) -> CanonicalCall:
        """The call under the name of a row, its arguments unchanged."""
        return CanonicalCall(op, self.function, self.arguments)


Form = Callable[[Spelling], "CanonicalCall | Node | None"]
"""The one form of a call; its operand where it changes nothing; None where it is something else."""


def counted_from_front(spelling: Spelling) -> dict[str, Any]:
    """The arguments with the axis ``dim`` counted from the front."""
    arguments = dict(spelling.arguments)
    arguments["dim"] %= len((arguments.get("self") or arguments["tensors"][0]).traced)
    return arguments
