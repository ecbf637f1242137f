"""What is wrong with an architecture: the paper's Figure 6 in numbers, each with its threshold."""

from typing import Any

from interpret.plugin import Page, Probe, Renderer, hookimpl
from interpret_diagnosis.activity import Activity, activity
from interpret_diagnosis.aliasing import AliasEnergy, alias_energy
from interpret_diagnosis.diagnosing import diagnose
from interpret_diagnosis.filters import Pairs, duplicates, filter_rms, similarities
from interpret_diagnosis.probe import Diagnose
from interpret_diagnosis.results import (
    Aliasing,
    Diagnosis,
    Finding,
    FirstLayer,
    NetworkDiagnosis,
    Thresholds,
)
from interpret_diagnosis.shifts import ShiftError, shift_error
from interpret_diagnosis.spectrum import band_energy, flatness, likeness_to_noise

__all__ = [
    "Activity",
    "AliasEnergy",
    "Aliasing",
    "Diagnose",
    "Diagnosis",
    "Finding",
    "FirstLayer",
    "NetworkDiagnosis",
    "Pairs",
    "ShiftError",
    "Thresholds",
    "activity",
    "alias_energy",
    "band_energy",
    "diagnose",
    "duplicates",
    "filter_rms",
    "flatness",
    "likeness_to_noise",
    "shift_error",
    "similarities",
]


@hookimpl
def register_probes() -> list[type[Probe]]:
    """The probe ``diagnosis``."""
    return [Diagnose]


@hookimpl
def register_renderers() -> list[type[Renderer[Any]]]:
    """What draws the result of ``diagnosis``."""
    from interpret_diagnosis.renderers import DiagnosisFigure, DiagnosisReport  # noqa: PLC0415 - matplotlib takes time

    return [DiagnosisFigure, DiagnosisReport]


@hookimpl
def register_pages() -> list[type[Page[Any]]]:
    """The page of a gallery about ``diagnosis``."""
    from interpret_diagnosis.pages import DiagnosisPage  # noqa: PLC0415 - as above

    return [DiagnosisPage]
