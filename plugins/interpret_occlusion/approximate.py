"""A map from coarse to fine: every fourth place is computed, then more where the map changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.graph.spans import Windows
from interpret.outputs import OutputKind, as_probabilities
from interpret_occlusion.engines import Answers, Engine

COARSE = 4
"""Places from one place of the first map to the next."""

SAMPLE = 16
"""Interpolated places that are computed too, to measure the error."""


class Found(NamedTuple):
    """The answers, what they cost, the share of places that is interpolated, and the error measured there."""

    answers: Answers
    multiply_adds: tuple[int, int]
    interpolated: float = 0.0
    error: float = 0.0


class Cell(NamedTuple):
    """A rectangle of places, its last row and column included; its corners are computed."""

    top: int
    bottom: int
    left: int
    right: int

    def split(self, step: int) -> Iterator[Cell]:
        """The cells of at most ``step`` x ``step`` in it."""
        for top, bottom in pairwise(lines(self.top, self.bottom, step)):
            for left, right in pairwise(lines(self.left, self.right, step)):
                yield Cell(top, bottom, left, right)


def lines(first: int, last: int, step: int) -> list[int]:
    """Every ``step``-th number from the first to the last, and the last."""
    return [*range(first, last, step), last]


def approximate(
    engine: Engine,
    rows: Windows,
    columns: Windows,
    target: int,
    *,
    tolerance: float,
    seed: int,
    kind: OutputKind = "logits",
) -> Found:
    """The answers at all places, many of them interpolated between computed ones.

    Args:
        engine: Computes places exactly.
        rows: All rows of places.
        columns: All columns of places.
        target: The class whose probability decides where the map changes.
        tolerance: Where computed places of a cell differ by more in this probability, it is computed finer.
        seed: Of the sample of interpolated places by which the error is measured.
        kind: What the network's outputs are.
    """
    sketch = Sketch(engine, rows, columns, target, kind)
    height, width = len(rows.starts) - 1, len(columns.starts) - 1
    sketch.compute(lines(0, height, COARSE), lines(0, width, COARSE))
    cells = list(Cell(0, height, 0, width).split(COARSE))
    step = COARSE
    while cells:
        for cell in cells:
            sketch.interpolate(cell)
        step //= 2
        cells = [part for cell in sketch.refine(cells, step, tolerance) for part in cell.split(step)]
    return sketch.measured(seed)


class Sketch:
    """A map that is filled step by step.

    Args:
        engine: Computes places exactly.
        rows: All rows of places.
        columns: All columns of places.
        target: The class that counts.
        kind: What the network's outputs are.
    """

    def __init__(
        self, engine: Engine, rows: Windows, columns: Windows, target: int, kind: OutputKind
    ) -> None:
        self.engine, self.rows, self.columns, self.target, self.kind = engine, rows, columns, target, kind
        self.known = torch.zeros(len(rows.starts), len(columns.starts), dtype=torch.bool)
        self.values: list[Tensor] = []
        self.layers: list[str] = []
        self.spent = 0

    def compute(self, rows: Sequence[int], columns: Sequence[int]) -> None:
        """Compute the places rows x columns, without lines that are known already."""
        missing = ~self.known[list(rows)][:, list(columns)]
        rows = [row for row, lacks in zip(rows, missing.any(1).tolist(), strict=True) if lacks]
        columns = [column for column, lacks in zip(columns, missing.any(0).tolist(), strict=True) if lacks]
        if not rows:
            return
        down, across = _some(self.rows, rows), _some(self.columns, columns)
        answers = self.engine.answers(down, across)
        self.spent += self.engine.cost(down, across)[0]
        parts = [answers.logits, *answers.sums.values()]
        if not self.values:
            self.layers = list(answers.sums)
            self.values = [part.new_zeros(*self.known.shape, part.shape[-1]) for part in parts]
        index = torch.tensor(rows)[:, None], torch.tensor(columns)
        for value, part in zip(self.values, parts, strict=True):
            value[index] = part
        self.known[index] = True

    def refine(self, cells: Sequence[Cell], step: int, tolerance: float) -> list[Cell]:
        """Compute every ``step``-th place of the cells in which the map changes, and return those cells.

        A place that is computed for one cell lies on the edge of its neighbour too: where it differs there,
        the neighbour follows, so that the border of a change is traced to its end.
        """
        found: list[Cell] = []
        while changing := [cell for cell in cells if step and self.change(cell) > tolerance]:
            for strip in sorted({(cell.top, cell.bottom) for cell in changing}):
                across = [cell for cell in changing if (cell.top, cell.bottom) == strip]
                columns = {place for cell in across for place in lines(cell.left, cell.right, step)}
                self.compute(lines(*strip, step), sorted(columns))
            found += changing
            cells = [cell for cell in cells if cell not in changing]
        return found

    def change(self, cell: Cell) -> float:
        """By how much the target's probability differs between the computed places of a cell."""
        where = (slice(cell.top, cell.bottom + 1), slice(cell.left, cell.right + 1))
        computed = self.probability[where][self.known[where]]
        return float(computed.max() - computed.min())

    @property
    def probability(self) -> Float[Tensor, "rows columns"]:
        """The target's probability as far as it is filled."""
        return as_probabilities(self.values[0], self.kind)[..., self.target]

    def interpolate(self, cell: Cell) -> None:
        """Fill what is not known in a cell, linearly along rows and columns between its corners."""
        down, across = _weights(cell.top, cell.bottom), _weights(cell.left, cell.right)
        where = (slice(cell.top, cell.bottom + 1), slice(cell.left, cell.right + 1))
        unknown = ~self.known[where]
        for value in self.values:
            corners = value[[cell.top, cell.bottom]][:, [cell.left, cell.right]]
            inside = torch.einsum("ra,cb,abk->rck", down.to(corners), across.to(corners), corners)
            value[where][unknown] = inside[unknown]

    def measured(self, seed: int) -> Found:
        """The map, with the error at a sample of its interpolated places, which are exact from then on."""
        unknown = (~self.known).nonzero()
        draw = torch.Generator().manual_seed(seed)
        sample = unknown[torch.randperm(len(unknown), generator=draw)[:SAMPLE]].tolist()
        before = self.probability
        for row, column in sample:
            self.compute([row], [column])
        after = self.probability
        error = max(
            (abs(float(before[row, column] - after[row, column])) for row, column in sample), default=0.0
        )
        logits, *sums = self.values
        full = self.engine.cost(self.rows, self.columns)[1]
        answers = Answers(logits, dict(zip(self.layers, sums, strict=True)))
        return Found(answers, (self.spent, full), 1 - float(self.known.float().mean()), error)


def _some(windows: Windows, places: Sequence[int]) -> Windows:
    return Windows(tuple(windows.starts[place] for place in places), windows.size)


def _weights(first: int, last: int) -> Float[Tensor, "places 2"]:
    """What each of two ends counts at the places from one to the other."""
    share = torch.linspace(0, 1, last - first + 1, dtype=torch.float64)
    return torch.stack([1 - share, share], 1)
