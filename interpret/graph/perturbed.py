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

MAX_AT_ONCE = 2**20
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
        node: The operation.
        operand: The operand of which a part is replaced.
        values: All operands, for one image.
        replacement: The values that replace it.
    """

    node: Node
    operand: Node
    values: Mapping[Node, Tensor]
    replacement: Tensor

    @property
    def images(self) -> int:
        """How many are computed together."""
        return min(max(MAX_AT_ONCE // numbers(self.node, self.operand), 1), 32)


def numbers(*nodes: Node) -> int:
    """How many numbers some values have for one image."""
    return sum(torch.Size(node.shape).numel() for node in nodes)


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
    return Experiment(node, operand, values, drawn(kind.replacement, recorded[operand]))


def changes(trial: Experiment, axis: int, sets: Sets) -> Iterator[Sets]:
    """The rows (or columns) of the value that change when sets of them are replaced in the operand.

    As many sets are computed in one run as there are images at once; each run is compared with one without
    replacements image by image, so that what a place in a batch does to last bits is in both.
    """
    nothing = np.zeros((trial.images, sets.shape[1]), dtype=bool)
    before = _run(trial, axis, nothing)
    unclear = before.isnan() if before.isnan().any() else None
    others = {*range(1, before.dim())} - {spatial(trial.node)[axis]}
    for start in range(0, len(sets), trial.images):
        some = sets[start : start + trial.images]
        after = _run(trial, axis, np.concatenate([some, nothing[len(some) :]]))
        changed = after != before
        if unclear is not None:
            changed &= ~(unclear & after.isnan())
        marks = changed.view(torch.uint8)
        for other in others:  # one after the other: PyTorch is many times faster at that
            marks = marks.amax(other, keepdim=True)
        yield marks.flatten(1)[: len(some)].bool().cpu().numpy()


def is_telling(trial: Experiment) -> bool:
    """Whether the value is finite everywhere and the same in a second run, so that a change shows."""
    first, second = (_run(trial, 0, np.zeros((1, trial.operand.extent[0]), dtype=bool)) for _ in range(2))
    return bool(first.isfinite().all()) and torch.equal(first, second)


def _run(trial: Experiment, axis: int, sets: Sets) -> Tensor:
    """The value for an image for each set."""
    operand = trial.values[trial.operand]
    shape = [1] * operand.dim()
    shape[0], shape[spatial(trial.operand)[axis]] = sets.shape
    replaced = torch.from_numpy(sets).view(shape).to(operand.device)
    values = {item: _copies(item, trial, len(sets)) for item in trial.values if item is not trial.operand}
    values[trial.operand] = torch.where(replaced, trial.replacement, operand)
    made: Tensor = apply(trial.node, resolve(trial.node.arguments, values, values[trial.operand]))
    return made


def _copies(item: Node, trial: Experiment, images: int) -> Tensor:
    """An operand for so many images, in memory of its own: the operation may write into it."""
    value = trial.values[item]
    return value.expand(images, *value.shape[1:]).clone() if item.varies else value.clone()
