"""What draws an occlusion: the paper's Figure 7, and the map over its image."""

from interpret_occlusion.renderers.overlay import OcclusionOverlay
from interpret_occlusion.renderers.panels import OcclusionPanels

__all__ = ["OcclusionOverlay", "OcclusionPanels"]
