"""Whether a network knows that a part is the same in several images (Zeiler & Fergus 2014, section 4.4)."""

from typing import Any

from interpret.plugin import Page, Probe, Renderer, hookimpl
from interpret_correspondence.comparing import correspondence, default_layers
from interpret_correspondence.distances import Distances, Zeros, hamming, signs
from interpret_correspondence.permutation import permutation_test, rank_test
from interpret_correspondence.probe import MaskedParts
from interpret_correspondence.results import RANDOM, Correspondence, LayerDistances

__all__ = [
    "RANDOM",
    "Correspondence",
    "Distances",
    "LayerDistances",
    "MaskedParts",
    "Zeros",
    "correspondence",
    "default_layers",
    "hamming",
    "permutation_test",
    "rank_test",
    "signs",
]


@hookimpl
def register_probes() -> list[type[Probe]]:
    """The probe ``correspondence``."""
    return [MaskedParts]


@hookimpl
def register_renderers() -> list[type[Renderer[Any]]]:
    """What draws the result of ``correspondence``."""
    from interpret_correspondence.renderers import CorrespondenceFigure, CorrespondenceTable  # noqa: PLC0415 - matplotlib takes time

    return [CorrespondenceFigure, CorrespondenceTable]


@hookimpl
def register_pages() -> list[type[Page[Any]]]:
    """What shows the result of ``correspondence`` in a gallery."""
    from interpret_correspondence.pages import CorrespondencePage  # noqa: PLC0415 - matplotlib takes time

    return [CorrespondencePage]
