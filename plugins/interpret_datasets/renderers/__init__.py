"""What shows the photographs that two data sets share."""

from interpret_datasets.renderers.overlap_pairs import OverlapPairs

__all__ = ["OverlapPairs"]
