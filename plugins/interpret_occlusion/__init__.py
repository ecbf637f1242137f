"""Occlusion sensitivity: what the network answers when a part of the image is covered (section 4.2)."""

from interpret.plugin import Probe, hookimpl
from interpret_occlusion.probe import Occlusion
from interpret_occlusion.results import Followed, OcclusionMaps, Occlusions, Sweep
from interpret_occlusion.sweeping import sweep

__all__ = ["Followed", "Occlusion", "OcclusionMaps", "Occlusions", "Sweep", "sweep"]


@hookimpl
def register_probes() -> list[type[Probe]]:
    """The probe ``occlusion``."""
    return [Occlusion]
