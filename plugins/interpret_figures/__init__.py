"""Figures for print: the paper's Figure 2 and the filters of the first layer, drawn with matplotlib."""

from __future__ import annotations

from typing import Any

from interpret.hookspecs import hookimpl
from interpret.interfaces import Probe, Renderer
from interpret_figures.comparison import ComparisonFigure
from interpret_figures.comparison_table import ComparisonTable
from interpret_figures.feature_grid import FeatureGrid
from interpret_figures.filters import FilterGrid, Filters, FirstLayerFilters, first_filters

__all__ = [
    "ComparisonFigure",
    "ComparisonTable",
    "FeatureGrid",
    "FilterGrid",
    "Filters",
    "FirstLayerFilters",
    "first_filters",
]


@hookimpl
def register_probes() -> list[type[Probe]]:
    """The probe for the filters of the first layer."""
    return [FirstLayerFilters]


@hookimpl
def register_renderers() -> list[type[Renderer[Any]]]:
    """The grids of features and of filters, and probes compared."""
    return [FeatureGrid, FilterGrid, ComparisonTable, ComparisonFigure]
