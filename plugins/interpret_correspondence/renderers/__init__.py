"""What draws a correspondence: the paper's Figure 8 and Table 1."""

from interpret_correspondence.renderers.figure import CorrespondenceFigure
from interpret_correspondence.renderers.table import CorrespondenceTable

__all__ = ["CorrespondenceFigure", "CorrespondenceTable"]
