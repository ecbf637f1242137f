"""The page of a correspondence in a gallery."""

from interpret_correspondence.pages.correspondence import CorrespondencePage

__all__ = ["CorrespondencePage"]
