"""The ten categories, each with the function that draws it part by part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from numpy.random import Generator

from interpret_scenes.artefacts import bicycle, boat, car, house
from interpret_scenes.canvas import Pen
from interpret_scenes.colours import Palette
from interpret_scenes.living import bird, butterfly, cat, face, fish, flower

Artist: TypeAlias = Callable[[Pen, Generator, Palette], None]

OBJECTS: Mapping[str, Artist] = MappingProxyType(
    {
        artist.__name__: artist
        for artist in (face, cat, fish, bird, butterfly, flower, car, bicycle, boat, house)
    }
)
"""Category to artist; the order is the order of the labels."""
