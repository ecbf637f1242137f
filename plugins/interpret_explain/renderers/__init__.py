"""What draws predictions, and the strongest units of single images."""

from interpret_explain.renderers.prediction_table import PredictionTable
from interpret_explain.renderers.strongest_grid import StrongestGrid

__all__ = ["PredictionTable", "StrongestGrid"]
