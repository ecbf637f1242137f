"""What draws an ablation (the paper's Table 3)."""

from interpret_training.ablation.renderers.figure import AblationFigure
from interpret_training.ablation.renderers.table import AblationTable

__all__ = ["AblationFigure", "AblationTable"]
