"""The page of an overlap in a gallery."""

from interpret_datasets.pages.overlap import OverlapPage

__all__ = ["OverlapPage"]
