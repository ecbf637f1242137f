"""What draws filters."""

from interpret_filters.renderers.filter_grid import FilterGrid

__all__ = ["FilterGrid"]
