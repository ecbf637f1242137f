"""The drawing kit, and the renderer of the core's own attributions. It knows no analysis.

- ``page``: pixels and text on white paper, as PNG, SVG or PDF.
- ``grid``: equal cells below a heading; ``pairs``: two pictures side by side.
- ``display``: signed values as pixels; ``photographs``: the images that a result speaks of.
- ``colours``: what stands for values, with bars and legends; ``text``: names, numbers, and lines that fit.
- ``charts``: numbers with axes.
- ``tables``: Markdown, CSV and LaTeX, in which ``escaping`` keeps names what they are.
"""

from typing import TYPE_CHECKING, Any

from interpret.moved import elsewhere
from interpret.plugin import Renderer, hookimpl

__all__ = ["register_renderers"]

_MOVED = {
    "interpret_captum.renderers": "ComparisonFigure ComparisonTable",
    "interpret_correspondence.renderers": "CorrespondenceFigure CorrespondenceTable",
    "interpret_datasets.renderers": "OverlapPairs",
    "interpret_deconv.renderers": "FeatureGrid",
    "interpret_diagnosis.renderers": "DiagnosisFigure DiagnosisReport",
    "interpret_figures.attribution_grid": "AttributionGrid",
    "interpret_filters": "Filters FirstLayerFilters first_filters",
    "interpret_filters.renderers": "FilterGrid",
    "interpret_invariance.renderers": "InvariancePanels InvarianceTable",
    "interpret_occlusion.renderers": "OcclusionOverlay OcclusionPanels",
    "interpret_training.ablation.renderers": "AblationFigure AblationTable",
    "interpret_training.evolution.renderers": "EvolutionCurves EvolutionGrid EvolutionTable",
    "interpret_training.renderers": "TrainingCurves",
    "interpret_transfer.renderers": "TransferCategories TransferCurve TransferLayers TransferTable",
}
"""What this package offered before, by the module that has it now."""


if not TYPE_CHECKING:  # or type checkers would believe any name
    _homes = {name: f"{module}.{name}" for module, names in _MOVED.items() for name in names.split()}
    __getattr__ = elsewhere(__name__, _homes)


@hookimpl
def register_renderers() -> list[type[Renderer[Any]]]:
    """What draws `Attributions`, which are the core's, from whichever plugin they come."""
    from interpret_figures.attribution_grid import AttributionGrid  # noqa: PLC0415 - matplotlib takes time

    return [AttributionGrid]
