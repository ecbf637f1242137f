"""Bundled datasets: ``folder`` reads photographs, ``scenes`` draws its images."""

from interpret.hookspecs import hookimpl
from interpret.interfaces import Dataset
from interpret_datasets.folder import Folder
from interpret_datasets.scenes import Scenes

__all__ = ["Folder", "Scenes", "register_datasets"]


@hookimpl
def register_datasets() -> list[type[Dataset]]:
    """Folder and scenes."""
    return [Folder, Scenes]
