"""The pages of mining in a gallery: the units of every layer, each with the patches that drive it most."""

from interpret_topk.pages.exemplars import ExemplarPages
from interpret_topk.pages.layers import LayerPage, layer_sheet, layers_sheet, purities
from interpret_topk.pages.sides import Side, sides_sheet

__all__ = ["ExemplarPages", "LayerPage", "Side", "layer_sheet", "layers_sheet", "purities", "sides_sheet"]
