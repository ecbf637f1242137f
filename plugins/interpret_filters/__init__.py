"""The filters of the first layer, as they are (Zeiler & Fergus 2014, Figures 2 and 6)."""

from typing import Any

from interpret.plugin import Page, Probe, Renderer, hookimpl
from interpret_filters.filters import first_filters
from interpret_filters.probe import FirstLayerFilters
from interpret_filters.results import Filters

__all__ = ["Filters", "FirstLayerFilters", "first_filters"]


@hookimpl
def register_probes() -> list[type[Probe]]:
    """The probe ``filters``."""
    return [FirstLayerFilters]


@hookimpl
def register_renderers() -> list[type[Renderer[Any]]]:
    """What draws the result of ``filters``."""
    from interpret_filters.renderers import FilterGrid  # noqa: PLC0415 - matplotlib takes time

    return [FilterGrid]


@hookimpl
def register_pages() -> list[type[Page[Any]]]:
    """What shows the result of ``filters`` in a gallery."""
    from interpret_filters.pages import FiltersPage  # noqa: PLC0415 - matplotlib takes time

    return [FiltersPage]
