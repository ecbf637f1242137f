"""The pages of ``compare`` in a gallery: the numbers of all methods, and their maps over each photograph."""

from interpret_captum.pages.comparison import ComparisonPage

__all__ = ["ComparisonPage"]
