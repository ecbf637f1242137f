"""Whole maps on their way down: what a rule is given to carry a signal through one operation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jaxtyping import Int
from torch import Tensor

from interpret.graph.program.program import TRACED_BATCH, Node
from interpret.graph.topdown.rules import Rules

Share = tuple[Node, Tensor]
"""An operand, and the part of the signal that goes down to it."""


@dataclass(frozen=True)
class WholeMaps:
    """What the rules need to know beside the signal.

    Attributes:
        rules: The choices made.
        images: For each signal, the image by whose forward pass it goes down; None: signal i by that of image
            i, where images are on other axes than the first, too.
        start: The signals where they start, (k, ...): as many as images where each has its own.
        fixed: Values of the nodes that do not depend on the input: weights and constants.
        saved: What was saved of the way up, per node.
    """

    rules: Rules
    images: Int[Tensor, " k"] | None
    start: Tensor
    fixed: Mapping[Node, Tensor]
    saved: Mapping[Node, Any]

    def recall(self, saved: Tensor) -> Tensor:
        """What was saved of each image, for each signal."""
        if self.images is None:
            return saved
        first = self.images[:1]
        if bool((self.images == first).all()):  # no copies when all signals belong to one image
            return saved[first].expand(len(self.images), *saved.shape[1:])
        return saved[self.images]

    def constant(self, node: Node) -> Tensor:
        """The value of a node that does not depend on the input, for each signal if it has an image axis."""
        made = node.op not in ("parameter", "constant")
        counted = made and node.traced[:1] == (TRACED_BATCH,)
        return self.recall(self.fixed[node]) if counted else self.fixed[node]


def takes_signal(operand: Node) -> bool:
    """Whether a signal goes down to an operand: masks, indices and constants take none."""
    return operand.varies and operand.continuous
