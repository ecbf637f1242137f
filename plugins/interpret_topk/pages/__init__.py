"""The pages of mining in a gallery: the units of every layer, each with the patches that drive it most."""

from interpret_topk.pages.beside import StepUnits, units_beside
from interpret_topk.pages.exemplars import ExemplarPages
from interpret_topk.pages.layers import LayerPage, layer_sheet, layers_sheet, purities

__all__ = [
    "ExemplarPages",
    "LayerPage",
    "StepUnits",
    "layer_sheet",
    "layers_sheet",
    "purities",
    "units_beside",
]
