"""What draws a training."""

from interpret_training.renderers.curves import TrainingCurves

__all__ = ["TrainingCurves"]
