"""What draws a transfer: the paper's Tables 4 to 7 and its Figure 9."""

from interpret_transfer.renderers.categories import TransferCategories
from interpret_transfer.renderers.curve import TransferCurve
from interpret_transfer.renderers.layers import TransferLayers
from interpret_transfer.renderers.table import TransferTable

__all__ = ["TransferCategories", "TransferCurve", "TransferLayers", "TransferTable"]
