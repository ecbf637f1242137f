"""What draws how features form (the paper's Figure 4)."""

from interpret_training.evolution.renderers.curves import EvolutionCurves
from interpret_training.evolution.renderers.grid import EvolutionGrid
from interpret_training.evolution.renderers.table import EvolutionTable

__all__ = ["EvolutionCurves", "EvolutionGrid", "EvolutionTable"]
