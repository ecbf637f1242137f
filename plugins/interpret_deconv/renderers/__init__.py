"""What draws projections: the paper's Figure 2, and what other figures of projections take from it."""

from interpret_deconv.renderers.feature_grid import FeatureGrid

__all__ = ["FeatureGrid"]
