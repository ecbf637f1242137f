"""Drawn scenes: objects made of parts on textured backgrounds, with the truth about every pixel."""

from interpret.plugin import Dataset, hookimpl
from interpret_scenes.dataset import CATEGORIES, HOME, SceneImages, Scenes

__all__ = ["CATEGORIES", "HOME", "SceneImages", "Scenes"]


@hookimpl
def register_datasets() -> list[type[Dataset]]:
    """The dataset ``scenes``."""
    return [Scenes]
