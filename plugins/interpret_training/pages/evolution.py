"""How features form: curves over the checkpoints, and what drives some units at each of them (Figure 4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan
from typing import ClassVar

from markupsafe import Markup

from interpret.plugin import Page, PageContext, Sheet
from interpret_gallery import Chart, Link, Quantity, Series, Table, chart, from_file, render, table
from interpret_training.evolution.renderers.table import Row, notes, rows, settling
from interpret_training.evolution.results import Evolution, LayerEvolution
from interpret_training.pages.formed import UnitRow, formed

__all__ = ["EvolutionPage"]

DRAWN = 7
"""Layers in one chart: each has a mark of its own."""


@dataclass(frozen=True)
class Measure:
    """A number of every layer at every epoch.

    Attributes:
        name: What it is.
        field: The field of `Row` it is in; its quartiles are beside it if they are known.
        last: Whether it says something at the last epoch.
    """

    name: str
    field: str
    last: bool = True

    def value(self, row: Row, epochs: Sequence[int]) -> float | None:
        """The number of a layer at an epoch; None where nothing can be said."""
        found: float = getattr(row, self.field)
        return None if isnan(found) or (row.epoch == epochs[-1] and not self.last) else found

    def band(self, row: Row, epochs: Sequence[int]) -> tuple[float, float] | None:
        """Its quartiles over the units."""
        if not hasattr(row, f"{self.field}_q1") or self.value(row, epochs) is None:
            return None
        return getattr(row, f"{self.field}_q1"), getattr(row, f"{self.field}_q3")


class EvolutionPage(Page[Evolution]):
    """When the units of each layer settle, and the strongest projection of some at every checkpoint."""

    name: ClassVar[str] = "evolution"

    def compose(self, result: Evolution, context: PageContext) -> Iterable[Sheet]:
        """Curves of all layers first, then a page for each layer."""
        found = rows(result)
        layers = [_layer_sheet(result, name, found, context) for name in result.layers]
        covers = [sheet.cover for sheet in layers if sheet.cover]
        yield _front(result, found, context, covers[len(covers) // 2] if covers else "")
        yield from layers


def _front(result: Evolution, found: Sequence[Row], context: PageContext, cover: str) -> Sheet:
    """Medians of all layers at every epoch, and when their units settle."""
    names = _spaced(list(result.layers))
    body = render(
        "interpret_training",
        "evolution.html",
        facts=result.summary(),
        warnings=result.warnings(),
        measures=[
            (
                measure.name,
                chart(_all_layers(result, measure, found, names)),
                table(_by_epoch(result, measure, found)),
            )
            for measure in measures(result)
        ],
        left_out=len(result.layers) - len(names),
        settling=table(_linked(from_file(settling(result), "When units settle"), context)),
        notes=notes(result),
    )
    summary = f"When features form, from epoch {result.epochs[0]} to {result.epochs[-1]}."
    return Sheet(context.step, body, summary=summary, cover=cover)


def _linked(shown: Table, context: PageContext) -> Table:
    """The table with its layers as links to their pages."""
    rows = [[Link(str(name), context.sheet_url(str(name))), *others] for name, *others in shown.rows]
    return replace(shown, rows=rows)


def measures(result: Evolution) -> list[Measure]:
    """What is drawn, in the order in which it is read."""
    return [
        Measure(f"Of each unit's final top {result.k}, found already", "overlap", last=False),
        Measure(f"New in the top {result.k} since the checkpoint before", "turnover"),
        Measure("Units that have settled", "settled", last=False),
    ]


def _spaced(names: Sequence[str]) -> list[str]:
    """At most so many layers as a chart can tell apart, evenly from the first to the last."""
    if len(names) <= DRAWN:
        return list(names)
    return [names[round(place * (len(names) - 1) / (DRAWN - 1))] for place in range(DRAWN)]


def _all_layers(result: Evolution, measure: Measure, found: Sequence[Row], names: Sequence[str]) -> Chart:
    """The median of each layer over the epochs."""
    series = [
        Series(name, [measure.value(row, result.epochs) for row in found if row.layer == name])
        for name in names
    ]
    limits = [(result.chance, "by chance")] if measure.field == "overlap" and result.chance >= 0.01 else []
    return _over_epochs(result, measure.name, series, limits)


def _over_epochs(
    result: Evolution, title: str, series: Sequence[Series], limits: Sequence[tuple[float, str]] = ()
) -> Chart:
    """Shares over the epochs, of which the first ones have more room."""
    return Chart(
        title, result.epochs, series, "epoch", "share", low=0.0, high=1.0, x_scale="log", limits=limits
    )


def _by_epoch(result: Evolution, measure: Measure, found: Sequence[Row]) -> Table:
    """A row for each layer, a column for each epoch at which something can be said."""
    values = {
        epoch: [measure.value(row, result.epochs) for row in found if row.epoch == epoch]
        for epoch in result.epochs
    }
    there = {epoch: column for epoch, column in values.items() if any(v is not None for v in column)}
    lines = [
        [name, *(_share(column[place]) for column in there.values())]
        for place, name in enumerate(result.layers)
    ]
    return Table(["layer, by epoch", *map(str, there)], lines, f"{measure.name}, by epoch")


def _share(value: float | None) -> Quantity | None:
    return None if value is None else Quantity(value, f"{value:.2f}")


def _layer_sheet(result: Evolution, name: str, found: Sequence[Row], context: PageContext) -> Sheet:
    """One layer: its curves with their spread over the units, and its projections by checkpoint."""
    layer, own = result[name], [row for row in found if row.layer == name]
    units = formed(result, name, context)
    body = render(
        "interpret_training",
        "evolution_layer.html",
        layer=name,
        units=units,
        frames=_frames(result, units.rows),
        epochs=result.epochs,
        settled=f"keep {result.threshold:.0%} of their final top {result.k} from then on",
        chart=chart(_one_layer(result, own)),
        numbers=table(_numbers(layer, own)),
    )
    return Sheet(
        name,
        body,
        name=name,
        summary=f"{len(layer.unit)} of {len(layer.values)} units, checkpoint by checkpoint.",
        layer=name,
        units=layer.unit.tolist(),
        cover=units.cover,
    )


def _one_layer(result: Evolution, own: Sequence[Row]) -> Chart:
    """All measures of one layer, with their quartiles over the units."""
    series = [
        Series(
            measure.name,
            [measure.value(row, result.epochs) for row in own],
            band=[measure.band(row, result.epochs) for row in own],
        )
        for measure in measures(result)
    ]
    return _over_epochs(result, "Median and quartiles over the units", series)


def _numbers(layer: LayerEvolution, own: Sequence[Row]) -> Table:
    """A row for each epoch."""
    head = [
        "epoch", "never positive" if layer.signed else "dead", "found already", "new", "settled",
        "other strongest image", "cosine with the projection before",
    ]  # fmt: skip

    def shares(row: Row) -> tuple[float, ...]:
        return row.overlap, row.turnover, row.settled, row.jumps, row.similarity

    lines = [[row.epoch, row.dead, *map(_known, shares(row))] for row in own]
    return Table(head, lines, "Every checkpoint")


def _known(value: float) -> Quantity | None:
    return _share(None if isnan(value) else value)


def _frames(result: Evolution, units: Sequence[UnitRow]) -> list[tuple[str, Markup]]:
    """What the slider shows at each checkpoint."""
    frames = []
    for column, epoch in enumerate(result.epochs):
        shown: list[Mapping[str, object]] = [
            {"number": unit.number, "cell": unit.cells[column]} for unit in units
        ]
        content = render("interpret_training", "evolution_frame.html", units=shown, epoch=epoch)
        frames.append((f"epoch {epoch}", content))
    return frames
