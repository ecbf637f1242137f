"""How features change when the image is moved, scaled or turned (the paper's Figure 5)."""

from typing import Any

from interpret.plugin import Page, Probe, Renderer, hookimpl
from interpret_invariance.halves import half_widths, linearity
from interpret_invariance.layers import first_and_last
from interpret_invariance.measuring import invariance
from interpret_invariance.probe import Invariance
from interpret_invariance.results import Curves, Invariances
from interpret_invariance.transforms import TRANSFORMATIONS, amounts_in, transform

__all__ = [
    "TRANSFORMATIONS",
    "Curves",
    "Invariance",
    "Invariances",
    "amounts_in",
    "first_and_last",
    "half_widths",
    "invariance",
    "linearity",
    "transform",
]


@hookimpl
def register_probes() -> list[type[Probe]]:
    """The probe ``invariance``."""
    return [Invariance]


@hookimpl
def register_renderers() -> list[type[Renderer[Any]]]:
    """What draws the result of ``invariance``."""
    from interpret_invariance.renderers import InvariancePanels, InvarianceTable  # noqa: PLC0415 - matplotlib takes time

    return [InvariancePanels, InvarianceTable]


@hookimpl
def register_pages() -> list[type[Page[Any]]]:
    """The page of a gallery about ``invariance``."""
    from interpret_invariance.pages import InvariancePage  # noqa: PLC0415 - as above

    return [InvariancePage]
