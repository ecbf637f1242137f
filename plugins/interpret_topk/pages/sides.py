"""The layers of several steps beside each other: two networks, two checkpoints, learned and random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from interpret.plugin import PageContext, Sheet
from interpret_gallery import Chart, Series, Table, UnitTile, chart, render, step_names, table, units_source
from interpret_topk.pages.layers import mean_purity

__all__ = ["Side", "sides_sheet"]


@dataclass(frozen=True)
class Side:
    """What one step found.

    Attributes:
        context: The step.
        units: The units of its layers; those that have a page of their own.
        labels: The category of each image by its place as text.
    """

    context: PageContext
    units: Mapping[str, Sequence[UnitTile]]
    labels: Mapping[str, int]


def sides_sheet(title: str, sides: Sequence[Side]) -> Sheet:
    """A page with the units of any two layers beside each other, and the numbers of all.

    Args:
        title: What it is called.
        sides: The steps.
    """
    sources = [
        units_source(side.context, layer, f"{name}, {layer}")
        for layer in dict.fromkeys(layer for side in sides for layer in side.units)
        for name, side in zip(_names(sides), sides, strict=True)
        if layer in side.units
    ]
    body = render("interpret_topk", "sides.html", sources=sources, table=_table(sides), chart=_chart(sides))
    return Sheet(title, body, name=title, summary=", ".join(_names(sides)))


def _names(sides: Sequence[Side]) -> list[str]:
    return step_names([side.context for side in sides])


def _table(sides: Sequence[Side]) -> str:
    rows = [
        [
            name,
            layer,
            len(units),
            sum(not len(unit.values) for unit in units),
            mean_purity(units, side.labels),
        ]
        for name, side in zip(_names(sides), sides, strict=True)
        for layer, units in side.units.items()
    ]
    columns = ["step", "layer", "units", "never positive", "purity"]
    return table(Table(columns, rows, "Layers of all steps"))


def _quiet(units: Sequence[UnitTile]) -> int:
    return sum(not len(unit.values) for unit in units)


def _chart(sides: Sequence[Side]) -> str:
    """How pure the units of each layer are, in all steps; nothing where no categories are known."""
    layers = list(dict.fromkeys(layer for side in sides for layer in side.units))
    series = [
        Series(name, [mean_purity(side.units.get(layer, ()), side.labels) for layer in layers])
        for name, side in zip(_names(sides), sides, strict=True)
    ]
    if not any(value is not None for line in series for value in line.values):
        return ""
    return chart(
        Chart("Purity of categories, by layer", layers, series, "layer", "purity", low=0.0, high=1.0)
    )
