"""What draws trainings, what forms in them (the paper's Figure 4), and ablations (its Table 3)."""

from interpret_training.renderers.ablation_figure import AblationFigure
from interpret_training.renderers.ablation_table import AblationTable
from interpret_training.renderers.evolution_curves import EvolutionCurves
from interpret_training.renderers.evolution_grid import EvolutionGrid
from interpret_training.renderers.evolution_table import EvolutionTable
from interpret_training.renderers.training_curves import TrainingCurves

__all__ = [
    "AblationFigure",
    "AblationTable",
    "EvolutionCurves",
    "EvolutionGrid",
    "EvolutionTable",
    "TrainingCurves",
]
