"""The numbers of an evolution by layer and epoch: as Markdown for people, as CSV for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path
from typing import ClassVar, Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from interpret.images import Images
from interpret.plugin import Renderer
from interpret_figures.escaping import MISSING
from interpret_figures.tables import Block, Document, Paragraph, Table, Title, records
from interpret_training.evolution.numbers import quartiles
from interpret_training.evolution.results import Evolution, LayerEvolution


class EvolutionTable(Renderer[Evolution]):
    """Overlap with the end, turnover, settled units and likeness of projections, by layer and epoch."""

    name: ClassVar[str] = "evolution_table"

    formats: tuple[Literal["markdown", "csv"], ...] = Field(
        ("markdown", "csv"), min_length=1, description="Kinds of files: markdown, csv."
    )

    def render(self, result: Evolution, images: Images, folder: Path) -> Sequence[Path]:  # noqa: ARG002
        """Write ``evolution.md`` and ``evolution.csv``; no image is read."""
        return document(result).save(folder / "evolution", self.formats)


@dataclass(frozen=True)
class Row:
    """The numbers of one layer at one epoch; shares are from 0 to 1, NaN where nothing can be said.

    Attributes:
        layer: The layer.
        epoch: The epoch.
        units: How many units the layer has.
        dead: How many of them are dead at this epoch.
        overlap_q1: Share of a unit's final images that are found: lower quartile over the units.
        overlap: Its median.
        overlap_q3: Its upper quartile.
        turnover_q1: Share of a unit's images that were not there a checkpoint before: lower quartile.
        turnover: Its median.
        turnover_q3: Its upper quartile.
        settled: Share of the units that live at the end which have settled by now.
        jumps: Share of the units whose strongest image is another one than before, of those alive at both.
        projected: How many projections can be compared with those before.
        similarity: Median cosine of these.
        same_neuron: How many of them come from the same neuron, image and position, as before.
        similarity_same_neuron: Median cosine of those.
    """

    layer: str
    epoch: int
    units: int
    dead: int
    overlap_q1: float
    overlap: float
    overlap_q3: float
    turnover_q1: float
    turnover: float
    turnover_q3: float
    settled: float
    jumps: float
    projected: int
    similarity: float
    same_neuron: int
    similarity_same_neuron: float


def rows(result: Evolution) -> list[Row]:
    """The numbers of every layer at every epoch."""
    return [
        _row(name, layer, column, epoch)
        for name, layer in result.layers.items()
        for column, epoch in enumerate(result.epochs)
    ]


def _row(name: str, layer: LayerEvolution, column: int, epoch: int) -> Row:
    kept, new = quartiles(layer.overlap).tolist(), quartiles(layer.turnover).tolist()
    both = ~layer.dead[:, column] & ~layer.dead[:, max(column - 1, 0)]
    alike = layer.similarity[:, column]
    there = ~alike.isnan()
    same = there & layer.stays[layer.unit, column]
    return Row(
        layer=name,
        epoch=epoch,
        units=len(layer.dead),
        dead=int(layer.dead[:, column].sum()),
        overlap_q1=kept[0][column],
        overlap=kept[1][column],
        overlap_q3=kept[2][column],
        turnover_q1=new[0][column],
        turnover=new[1][column],
        turnover_q3=new[2][column],
        settled=_mean((layer.settled <= epoch)[layer.settled >= 0]),
        jumps=_mean(layer.jump[both, column]) if column else nan,
        projected=int(there.sum()),
        similarity=_median(alike[there]),
        same_neuron=int(same.sum()),
        similarity_same_neuron=_median(alike[same]),
    )


def _mean(flags: Bool[Tensor, " unit"]) -> float:
    return float(flags.double().mean()) if len(flags) else nan


def _median(values: Float[Tensor, " row"]) -> float:
    return float(values.double().quantile(0.5)) if len(values) else nan


def document(result: Evolution) -> Document:
    """When units settle, then a table for each measure with a row for each layer.

    Its bare numbers have a line for each layer and epoch; empty where nothing can be said.
    """
    found = rows(result)
    return Document(
        [settling(result), *_measures(result, found), Paragraph(notes(result))], *records(Row, found)
    )


def _measures(result: Evolution, found: Sequence[Row]) -> list[Block]:
    """A title and a table for each measure."""
    overlap = {(row.layer, row.epoch): _spread(row.overlap, row.overlap_q1, row.overlap_q3) for row in found}
    turnover = {
        (row.layer, row.epoch): _spread(row.turnover, row.turnover_q1, row.turnover_q3) for row in found
    }
    jumps = {(row.layer, row.epoch): _shown(row.jumps) for row in found}
    similarity = {
        (row.layer, row.epoch): f"{_shown(row.similarity)} ({row.projected})"
        f" / {_shown(row.similarity_same_neuron)} ({row.same_neuron})"
        for row in found
    }
    return [
        *_by_epoch(result, f"Final top {result.k} found: median (quartiles) over the units", overlap),
        *_by_epoch(
            result, f"New in the top {result.k} since the checkpoint before: median (quartiles)", turnover
        ),
        *_by_epoch(result, "Units whose strongest image is another one than before", jumps),
        *_by_epoch(
            result,
            "Cosine of a projection with the one before: median (count) / where the neuron stayed",
            similarity,
        ),
    ]


def settling(result: Evolution) -> Table:
    """A line for each layer: how many units, and when they settle."""
    last = result.epochs[-1]
    head = [
        "layer",
        "units",
        _dead_head(result),
        "settled at epoch: median (quartiles)",
        f"not before {last}",
    ]
    lines = []
    for name, layer in result.layers.items():
        alive = layer.settled[layer.settled >= 0].double()
        spread = MISSING
        if len(alive):
            levels = torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)
            q1, middle, q3 = alive.quantile(levels, interpolation="nearest").tolist()
            spread = f"{middle:g} ({q1:g}{MISSING}{q3:g})"
        late = _shown(_mean(alive == last))
        lines.append([name, str(len(layer.settled)), str(int((layer.settled < 0).sum())), spread, late])
    return Table(head, lines)


def _dead_head(result: Evolution) -> str:
    """Of layers without a ReLU: values below zero go on there, and nothing is dead."""
    signed = any(layer.signed for layer in result.layers.values())
    return "never positive at the end" if signed else "dead at the end"


def _by_epoch(result: Evolution, title: str, cells: dict[tuple[str, int], str]) -> list[Block]:
    head = ["layer", *(f"epoch {epoch}" for epoch in result.epochs)]
    lines = [[name, *(cells[name, epoch] for epoch in result.epochs)] for name in result.layers]
    return [Title(title), Table(head, lines)]


def notes(result: Evolution) -> str:
    """How to read the numbers."""
    return (
        f"{result.count} images; two random sets of {result.k} share {result.chance:.2%}. "
        f"A unit has settled when it keeps {result.threshold:.0%} of its final top {result.k} from then on. "
        f"At the last epoch all is found by definition: settled at {result.epochs[-1]} means not before. "
        f"{_left_out(result)} {MISSING}: nothing can be said."
    )


def _left_out(result: Evolution) -> str:
    signed = ", ".join(name for name, layer in result.layers.items() if layer.signed)
    if not signed:
        return "Dead units (never positive) are left out."
    return f"Units that are never positive are left out; in {signed}, without a ReLU, they are not dead."


def _spread(middle: float, low: float, high: float) -> str:
    return MISSING if isnan(middle) else f"{_shown(middle)} ({_shown(low)}{MISSING}{_shown(high)})"


def _shown(value: float) -> str:
    return MISSING if isnan(value) else f"{value:.2f}".replace("-0.00", "0.00")
