"""One operation alone, on drawn operands of which some rows or columns are replaced: what changes?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool
from torch import Generator, Tensor

from interpret.graph.operations.axes import spatial
from interpret.graph.program.program import Node, apply, resolve

MAX_AT_ONCE = 2**23
"""Numbers in the operand and the value, of the images that are computed together."""

Sets = Bool[np.ndarray, "sets size"]
"""Sets of positions along one axis, one in each row."""

Draw = Callable[[Tensor, Generator], Tensor]
"""Numbers of the shape of a recorded operand."""


def _normal(like: Tensor, chance: Generator) -> Tensor:
    return torch.randn(like.shape, generator=chance, dtype=torch.float64)


def _wide(like: Tensor, chance: Generator) -> Tensor:
    """Numbers of both signs and of every magnitude from 0.0001 to 10 000."""
    exponents = torch.rand(like.shape, generator=chance, dtype=torch.float64) * 8 - 4
    return _normal(like, chance).sign() * 10**exponents


def _around_one(like: Tensor, chance: Generator) -> Tensor:
    return 0.5 + torch.rand(like.shape, generator=chance, dtype=torch.float64)


DRAWS: dict[str, Draw] = {
    "recorded": lambda like, _: like,
    "zeros": lambda like, _: torch.zeros_like(like),
    "ones": lambda like, _: torch.ones_like(like),
    "nan": lambda like, _: torch.full_like(like, torch.nan),
    "infinity": lambda like, _: torch.full_like(like, torch.inf),
    "minus infinity": lambda like, _: torch.full_like(like, -torch.inf),
    "normal": _normal,
    "around one": _around_one,
    "large": lambda like, chance: 100 * _normal(like, chance),
    "positive": lambda like, chance: 100 * _normal(like, chance).abs(),
    "negative": lambda like, chance: -100 * _normal(like, chance).abs(),
    "huge": lambda like, chance: 1e8 * _normal(like, chance),
    "wide": _wide,
}
"""Kinds of operands, by name."""


class Kind(NamedTuple):
    """What the operands of an experiment hold, what replaces a part of one, and whether weights are drawn."""

    before: str
    replacement: str
    drawn_weights: bool = False


@dataclass(frozen=True)
class Experiment:
    """An operation on one image, and other values for one of its operands.

    Attributes:
        kind: What the values are.
        node: The operation.
        operand: The operand of which a part is replaced.
        values: All operands, for one image.
        replacement: The values that replace it.
    """

    kind: Kind
    node: Node
    operand: Node
    values: Mapping[Node, Tensor]
    replacement: Tensor

    @property
    def numbers(self) -> int:
        """How many the operand and the value have."""
        return torch.Size(self.node.shape).numel() + torch.Size(self.operand.shape).numel()

    @property
    def images(self) -> int:
        """How many are computed together."""
        return min(max(MAX_AT_ONCE // self.numbers, 1), 32)

    def extents(self, axis: int) -> tuple[int, int]:
        """Rows (or columns) of the operand and of the value."""
        return self.operand.extent[axis], self.node.extent[axis]


def experiment(node: Node, operand: Node, recorded: Mapping[Node, Tensor], kind: Kind) -> Experiment:
    """The experiment of a kind; the same numbers every time."""
    chance = torch.Generator().manual_seed(20)

    def drawn(name: str, like: Tensor) -> Tensor:
        return DRAWS[name](like, chance).to(like)

    def value(item: Node) -> Tensor:
        if item.varies:
            return drawn(kind.before, recorded[item])
        weight = kind.drawn_weights and item.op == "parameter" and item.continuous
        return drawn("around one", recorded[item]) if weight else recorded[item]

    values = {item: value(item) for item in dict.fromkeys(node.operands)}
    return Experiment(kind, node, operand, values, drawn(kind.replacement, recorded[operand]))


def changes(trial: Experiment, axis: int, sets: Sets) -> Iterator[Sets]:
    """The rows (or columns) of the value that change when sets of them are replaced in the operand.

    As many sets are computed in one run as there are images at once; each run is compared with one without
    replacements image by image, so that what a place in a batch does to last bits is in both.
    """
    nothing = np.zeros((trial.images, sets.shape[1]), dtype=bool)
    before = _run(trial, axis, nothing)
    for start in range(0, len(sets), trial.images):
        some = sets[start : start + trial.images]
        after = _run(trial, axis, np.concatenate([some, nothing[len(some) :]]))
        same = (after == before) | ((after != after) & (before != before))  # noqa: PLR0124 - NaN
        kept = spatial(trial.node)[axis]
        others = [at for at in range(1, same.dim()) if at != kept]
        yield (~same).sum(others)[: len(some)].bool().cpu().numpy()


def is_telling(trial: Experiment) -> bool:
    """Whether the value is finite everywhere and the same in a second run, so that a change shows."""
    first, second = (_run(trial, 0, np.zeros((1, trial.operand.extent[0]), dtype=bool)) for _ in range(2))
    return bool(first.isfinite().all()) and torch.equal(first, second)


def _run(trial: Experiment, axis: int, sets: Sets) -> Tensor:
    """The value for an image for each set."""
    values = {item: _repeated(item, value, len(sets)) for item, value in trial.values.items()}
    operand = values[trial.operand]
    shape = [1] * operand.dim()
    shape[0], shape[spatial(trial.operand)[axis]] = sets.shape
    replaced = torch.from_numpy(sets).view(shape).to(operand.device)
    values[trial.operand] = torch.where(replaced, trial.replacement, operand)
    made: Tensor = apply(trial.node, resolve(trial.node.arguments, values, operand))
    return made


def _repeated(item: Node, value: Tensor, images: int) -> Tensor:
    return value.expand(images, *value.shape[1:]).clone() if item.varies else value.clone()
