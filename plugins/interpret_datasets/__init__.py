"""Bundled datasets: ``scenes`` draws its images."""

from interpret.hookspecs import hookimpl
from interpret.interfaces import Dataset
from interpret_datasets.scenes import Scenes

__all__ = ["Scenes", "register_datasets"]


@hookimpl
def register_datasets() -> list[type[Dataset]]:
    """The datasets of this plugin."""
    return [Scenes]
