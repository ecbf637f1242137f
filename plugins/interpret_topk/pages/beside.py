"""The layers of several steps beside each other: two networks, two checkpoints, learned and random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from interpret.plugin import PageContext, Sheet
from interpret_gallery import Chart, Series, Table, UnitTile, chart, render, step_names, table, units_source
from interpret_topk.pages.layers import mean_purity

__all__ = ["StepUnits", "units_beside"]


@dataclass(frozen=True)
class StepUnits:
    """What one step found.

    Attributes:
        context: The step.
        units: The units of its layers; those that have a page of their own.
        labels: The category of each image by its place as text.
    """

    context: PageContext
    units: Mapping[str, Sequence[UnitTile]]
    labels: Mapping[str, int]


def units_beside(title: str, steps: Sequence[StepUnits]) -> Sheet:
    """A page with the units of any two layers beside each other, and the numbers of all.

    Args:
        title: What it is called.
        steps: The steps.
    """
    sources = [
        units_source(step.context, layer, f"{name}, {layer}")
        for layer in dict.fromkeys(layer for step in steps for layer in step.units)
        for name, step in zip(_names(steps), steps, strict=True)
        if layer in step.units
    ]
    body = render("interpret_topk", "beside.html", sources=sources, table=_table(steps), chart=_chart(steps))
    return Sheet(title, body, name=title, summary=", ".join(_names(steps)))


def _names(steps: Sequence[StepUnits]) -> list[str]:
    return step_names([step.context for step in steps])


def _table(steps: Sequence[StepUnits]) -> str:
    rows = [
        [
            name,
            layer,
            len(units),
            _quiet(units),
            mean_purity(units, step.labels),
        ]
        for name, step in zip(_names(steps), steps, strict=True)
        for layer, units in step.units.items()
    ]
    columns = ["step", "layer", "units", "never positive", "purity"]
    return table(Table(columns, rows, "Layers of all steps"))


def _quiet(units: Sequence[UnitTile]) -> int:
    return sum(not len(unit.values) for unit in units)


def _chart(steps: Sequence[StepUnits]) -> str:
    """How pure the units of each layer are, in all steps; nothing where no categories are known."""
    layers = list(dict.fromkeys(layer for step in steps for layer in step.units))
    series = [
        Series(name, [mean_purity(step.units.get(layer, ()), step.labels) for layer in layers])
        for name, step in zip(_names(steps), steps, strict=True)
    ]
    if not any(value is not None for line in series for value in line.values):
        return ""
    return chart(
        Chart("Purity of categories, by layer", layers, series, "layer", "purity", low=0.0, high=1.0)
    )
