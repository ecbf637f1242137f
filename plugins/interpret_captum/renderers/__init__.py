"""What draws a comparison of probes: a figure and a table."""

from interpret_captum.renderers.figure import ComparisonFigure
from interpret_captum.renderers.table import ComparisonTable

__all__ = ["ComparisonFigure", "ComparisonTable"]
