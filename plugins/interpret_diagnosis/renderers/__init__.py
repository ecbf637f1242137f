"""What draws a diagnosis: the paper's Figure 6 with numbers, and the findings."""

from interpret_diagnosis.renderers.figure import DiagnosisFigure
from interpret_diagnosis.renderers.report import DiagnosisReport

__all__ = ["DiagnosisFigure", "DiagnosisReport"]
