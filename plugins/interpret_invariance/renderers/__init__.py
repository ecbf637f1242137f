"""What draws an invariance: the paper's Figure 5, and a table of half-widths."""

from interpret_invariance.renderers.panels import InvariancePanels
from interpret_invariance.renderers.table import InvarianceTable

__all__ = ["InvariancePanels", "InvarianceTable"]
