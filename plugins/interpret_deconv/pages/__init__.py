"""The pages of projections in a gallery."""

from interpret_deconv.pages.projections import ProjectionPages

__all__ = ["ProjectionPages"]
