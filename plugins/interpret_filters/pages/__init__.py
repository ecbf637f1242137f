"""The page of filters in a gallery."""

from interpret_filters.pages.filters import FiltersPage

__all__ = ["FiltersPage"]
