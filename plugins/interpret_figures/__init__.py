"""Figures for print: the paper's Figures 2, 4 and 7, attributions, and the filters of the first layer."""

from __future__ import annotations

from typing import Any

from interpret.plugin import Probe, Renderer, hookimpl
from interpret_figures.ablation_figure import AblationFigure
from interpret_figures.ablation_table import AblationTable
from interpret_figures.attribution_grid import AttributionGrid
from interpret_figures.comparison import ComparisonFigure
from interpret_figures.comparison_table import ComparisonTable
from interpret_figures.correspondence_figure import CorrespondenceFigure
from interpret_figures.correspondence_table import CorrespondenceTable
from interpret_figures.diagnosis_figure import DiagnosisFigure
from interpret_figures.diagnosis_report import DiagnosisReport
from interpret_figures.evolution_curves import EvolutionCurves
from interpret_figures.evolution_grid import EvolutionGrid
from interpret_figures.evolution_table import EvolutionTable
from interpret_figures.feature_grid import FeatureGrid
from interpret_figures.filter_grid import FilterGrid
from interpret_figures.filters import Filters, FirstLayerFilters, first_filters
from interpret_figures.invariance_panels import InvariancePanels
from interpret_figures.invariance_table import InvarianceTable
from interpret_figures.occlusion_overlay import OcclusionOverlay
from interpret_figures.occlusion_panels import OcclusionPanels
from interpret_figures.overlap_pairs import OverlapPairs
from interpret_figures.training_curves import TrainingCurves
from interpret_figures.transfer_categories import TransferCategories
from interpret_figures.transfer_curve import TransferCurve
from interpret_figures.transfer_layers import TransferLayers
from interpret_figures.transfer_table import TransferTable

__all__ = [
    "AblationFigure",
    "AblationTable",
    "AttributionGrid",
    "ComparisonFigure",
    "ComparisonTable",
    "CorrespondenceFigure",
    "CorrespondenceTable",
    "DiagnosisFigure",
    "DiagnosisReport",
    "EvolutionCurves",
    "EvolutionGrid",
    "EvolutionTable",
    "FeatureGrid",
    "FilterGrid",
    "Filters",
    "FirstLayerFilters",
    "InvariancePanels",
    "InvarianceTable",
    "OcclusionOverlay",
    "OcclusionPanels",
    "OverlapPairs",
    "TrainingCurves",
    "TransferCategories",
    "TransferCurve",
    "TransferLayers",
    "TransferTable",
    "first_filters",
]


@hookimpl
def register_probes() -> list[type[Probe]]:
    """The probe for the filters of the first layer."""
    return [FirstLayerFilters]


@hookimpl
def register_renderers() -> list[type[Renderer[Any]]]:
    """What draws and tabulates the results of the bundled probes."""
    return [
        FeatureGrid,
        TrainingCurves,
        AblationTable,
        AblationFigure,
        FilterGrid,
        OcclusionPanels,
        OcclusionOverlay,
        AttributionGrid,
        ComparisonTable,
        ComparisonFigure,
        EvolutionGrid,
        EvolutionCurves,
        EvolutionTable,
        DiagnosisFigure,
        DiagnosisReport,
        TransferTable,
        TransferCategories,
        TransferLayers,
        TransferCurve,
        CorrespondenceTable,
        CorrespondenceFigure,
        InvariancePanels,
        InvarianceTable,
        OverlapPairs,
    ]
