"""Two exact engines that answer for every place of an occluder: full forward passes, and changes only."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interpret.errors import InterpretError, ModelError, clause
from interpret.graph import Incremental, Keep, Slices, Wanted, multiply_adds
from interpret.network import Network
from interpret.progress import track
from interpret.results import Result
from interpret.run import cached_pieces

__all__ = ["FAILURES", "SweepTask", "answer_everywhere", "pick_engine"]

FAILURES = (RuntimeError, ValueError, TypeError, LookupError)
"""What an engine raises that does not fit a network."""

WORTH = 1.2
"""The incremental engine is chosen where full forward passes take so many times its multiply-adds."""


ROUNDING = 20_000
"""Multiples of the last bit of the largest answer by which engines may differ; less than a map can show."""


class Answers(NamedTuple):
    """What the network answers at rows x columns places: outputs, and sums of units by layer."""

    logits: Float[Tensor, "rows columns classes"]
    sums: dict[str, Float[Tensor, "rows columns unit"]]


@dataclass(frozen=True)
class SweepTask:
    """One sweep that is to be computed.

    Attributes:
        network: The network.
        x: The image.
        filled: What the occluder shows wherever it stands.
        units: Whose maps to sum, by layer.
        batch_size: Occluded images in one full forward pass.
    """

    network: Network
    x: Float[Tensor, "c h w"]
    filled: Float[Tensor, "c h w"]
    units: Mapping[str, Int[Tensor, " unit"]]
    batch_size: int = 32

    def keep(self, engine: str, rows: Slices, columns: Slices) -> Keep:
        """Stores what an engine has done of a sweep, for a step that is stopped."""
        pixels = torch.stack([self.x, self.filled]).detach().to("cpu", torch.float64)
        image = hashlib.sha256(pixels.numpy().tobytes()).hexdigest()
        units = {layer: unit.tolist() for layer, unit in self.units.items()}
        about = (engine, image, rows, columns, units, self.batch_size)
        return partial(_kept_answers, self.x.device, about)


@dataclass(frozen=True)
class PlaceAnswers(Result):
    """What a network answers at some consecutive places: outputs, and sums of units, by their order."""

    values: dict[str, Tensor]


def _kept_answers(
    device: torch.device,
    about: tuple[object, ...],
    compute: Callable[[range], list[Tensor]],
    batches: int,
) -> list[Tensor]:
    def some(piece: range) -> PlaceAnswers:
        return PlaceAnswers({str(number): values.cpu() for number, values in enumerate(compute(piece))})

    pieces = cached_pieces(some, range(batches), 1, *about, batches, kind=PlaceAnswers)
    return [torch.cat([piece.values[name] for piece in pieces]).to(device) for name in pieces[0].values]


class Full:
    """One forward pass for every place; works on any network."""

    name = "full"

    def __init__(self, task: SweepTask) -> None:
        self.task = task

    def answers(self, rows: Slices, columns: Slices) -> Answers:
        """The answers with the occluder at every place of rows x columns."""
        task, corners = self.task, list(product(rows.starts, columns.starts))
        batches = [corners[i : i + task.batch_size] for i in range(0, len(corners), task.batch_size)]

        def compute(some: range) -> list[Tensor]:
            found = [
                answer(task.network, self._occluded(batch, rows.size, columns.size), task.units)
                for batch in track(batches[some.start : some.stop])
            ]
            columns_of = zip(*([logits, *sums.values()] for logits, sums in found), strict=True)
            return [torch.cat(parts) for parts in columns_of]

        logits, *sums = task.keep(self.name, rows, columns)(compute, len(batches))
        shape = (len(rows.starts), len(columns.starts), -1)
        followed = zip(task.units, sums, strict=True)
        return Answers(logits.view(shape), {layer: values.view(shape) for layer, values in followed})

    def cost(self, rows: Slices, columns: Slices) -> tuple[int, int]:
        """Multiply-adds of full forward passes, where the network can be traced."""
        try:
            graph = self.task.network.graph
        except ModelError:
            return 0, 0
        full = len(rows.starts) * len(columns.starts) * sum(map(multiply_adds, graph.path(graph.output)))
        return full, full

    def _occluded(self, corners: Sequence[tuple[int, int]], height: int, width: int) -> Tensor:
        x = self.task.x.repeat(len(corners), 1, 1, 1)
        for image, (top, left) in zip(x, corners, strict=True):
            where = (slice(None), slice(top, top + height), slice(left, left + width))
            image[where] = self.task.filled[where]
        return x


class Changes:
    """Computes only what the occluder changes, exactly; see `interpret.graph.Incremental`."""

    name = "incremental"

    def __init__(self, task: SweepTask) -> None:
        self.task, graph, self.layers = task, task.network.graph, list(task.units)
        nodes = [graph.layer(task.network.layer(layer)) for layer in self.layers]
        units = (task.units[layer] for layer in self.layers)
        wanted = [Wanted(node, unit) for node, unit in zip(nodes, units, strict=True)]
        self.filled = task.filled
        self.engine = Incremental(graph, task.x, [Wanted(graph.output), *wanted])

    def answers(self, rows: Slices, columns: Slices) -> Answers:
        """The answers with the occluder at every place of rows x columns."""
        keep = self.task.keep(self.name, rows, columns)
        logits, *sums = self.engine.run(self.filled, rows, columns, keep)
        logits = logits.reshape(len(rows.starts), len(columns.starts), -1)
        return Answers(logits, dict(zip(self.layers, sums, strict=True)))

    def cost(self, rows: Slices, columns: Slices) -> tuple[int, int]:
        """Multiply-adds on the windows, and those of full forward passes."""
        return self.engine.multiply_adds(rows, columns)


def pick_engine(choice: str, task: SweepTask, rows: Slices, columns: Slices) -> Full | Changes:
    """The engine of that name; ``auto``: the incremental one where it works and saves something.

    The incremental engine is compared with a full pass at one place before it is believed.

    Raises:
        InterpretError: If there is no such engine.
        ModelError: If ``incremental`` is asked for, and the network cannot be traced or the engine is wrong.
    """
    if choice == "full":
        return Full(task)
    if choice == "incremental":
        engine = Changes(task)
        if problem := _problem(engine, task, rows, columns):
            raise ModelError(problem)
        return engine
    if choice != "auto":
        raise InterpretError(f"engine is {choice!r}; it must be one of 'auto', 'incremental', 'full'.")
    try:
        engine = Changes(task)
    except (ModelError, *FAILURES):
        return Full(task)
    ours, full = engine.cost(rows, columns)
    pays = full > WORTH * ours
    return engine if pays and not _problem(engine, task, rows, columns) else Full(task)


def answer_everywhere(
    choice: str, engine: Full | Changes, task: SweepTask, rows: Slices, columns: Slices
) -> tuple[Full | Changes, Answers]:
    """The answers at every place, and the engine they are from: ``auto`` turns to full passes at a failure.

    Raises:
        ModelError: If ``incremental`` is asked for and fails at a place.
    """
    try:
        return engine, engine.answers(rows, columns)
    except FAILURES as error:
        if isinstance(engine, Full) or isinstance(error, torch.OutOfMemoryError):
            raise
        if choice == "incremental":
            raise ModelError(_cannot(error)) from error
    full = Full(task)
    return full, full.answers(rows, columns)


def _cannot(error: Exception) -> str:
    return f"The incremental engine cannot compute this network ({clause(error)}). Use engine='full'."


def _problem(engine: Changes, task: SweepTask, rows: Slices, columns: Slices) -> str:
    """What the incremental engine gets wrong at one place; nothing if it agrees with a full pass there."""
    place = rows.starts[len(rows.starts) // 3], columns.starts[2 * len(columns.starts) // 3]
    one = Slices(place[:1], rows.size), Slices(place[1:], columns.size)
    right = Full(task).answers(*one)
    try:
        found = engine.answers(*one)
    except FAILURES as error:
        return _cannot(error)
    pairs = [(found.logits, right.logits), *((found.sums[name], right.sums[name]) for name in right.sums)]
    if all(_agree(mine, true) for mine, true in pairs):
        return ""
    return (
        f"The incremental engine is wrong with the occluder at {place}, where a full pass gives another "
        "answer. Use engine='full', and report the network."
    )


def _agree(found: Tensor, right: Tensor) -> bool:
    """Whether two answers differ by rounding at most."""
    if not right.is_floating_point():
        return torch.equal(found, right)
    scale = right.nan_to_num(0, 0, 0).abs().max()
    bound = ROUNDING * torch.finfo(right.dtype).eps * float(scale)
    return torch.allclose(found, right, rtol=0, atol=bound, equal_nan=True)


def answer(
    network: Network, x: Float[Tensor, "n c h w"], units: Mapping[str, Int[Tensor, " unit"]]
) -> tuple[Float[Tensor, "n classes"], dict[str, Float[Tensor, "n unit"]]]:
    """The outputs and the sums of some units' maps, from one forward pass."""
    taps = {layer: partial(sums, units=unit) for layer, unit in units.items()}
    return network.forward(x, taps)


def sums(value: Float[Tensor, "n c *map"], units: Int[Tensor, " unit"]) -> Float[Tensor, "n unit"]:
    """The sum of some units over all positions."""
    chosen = value[:, units.to(value.device)]
    return chosen.reshape(*chosen.shape[:2], -1).sum(2)
