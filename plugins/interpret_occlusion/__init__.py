"""Occlusion sensitivity: what the network answers when a part of the image is covered (section 4.2)."""

from typing import Any

from interpret.plugin import Page, Probe, Renderer, hookimpl
from interpret_occlusion.probe import Occlusion
from interpret_occlusion.results import Followed, OcclusionMaps, Occlusions, Sweep
from interpret_occlusion.sweeping import sweep

__all__ = ["Followed", "Occlusion", "OcclusionMaps", "Occlusions", "Sweep", "sweep"]


@hookimpl
def register_probes() -> list[type[Probe]]:
    """The probe ``occlusion``."""
    return [Occlusion]


@hookimpl
def register_renderers() -> list[type[Renderer[Any]]]:
    """What draws the result of ``occlusion``."""
    from interpret_occlusion.renderers import OcclusionOverlay, OcclusionPanels  # noqa: PLC0415 - matplotlib takes time

    return [OcclusionPanels, OcclusionOverlay]


@hookimpl
def register_pages() -> list[type[Page[Any]]]:
    """What shows the result of ``occlusion`` in a gallery."""
    from interpret_occlusion.pages import OcclusionPage  # noqa: PLC0415 - matplotlib takes time

    return [OcclusionPage]
