"""Procedural scenes: objects made of parts on textured backgrounds, with the truth about every pixel."""

from interpret_datasets.scenes.dataset import CATEGORIES, HOME, SceneImages, Scenes

__all__ = ["CATEGORIES", "HOME", "SceneImages", "Scenes"]
