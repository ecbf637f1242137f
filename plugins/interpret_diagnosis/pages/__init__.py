"""The page of a gallery about a diagnosis.

- ``diagnosis``: findings, pictures and all numbers; ``charts``: how the numbers are drawn.
"""

from interpret_diagnosis.pages.diagnosis import DiagnosisPage

__all__ = ["DiagnosisPage"]
