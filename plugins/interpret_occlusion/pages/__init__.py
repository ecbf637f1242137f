"""The pages of occlusion in a gallery: photographs under an occluder that moves."""

from interpret_occlusion.pages.page import OcclusionPage

__all__ = ["OcclusionPage"]
