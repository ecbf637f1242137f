"""The dataset: which scene stands at which place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, ClassVar, Literal

import numpy as np
from jaxtyping import Bool
from numpy.random import PCG64, Generator, SeedSequence
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field

from interpret.files import digest
from interpret.images import Images, Sample
from interpret.plugin import Dataset
from interpret_scenes.backgrounds import BACKGROUNDS
from interpret_scenes.drawing import Scene, draw_scene
from interpret_scenes.objects import OBJECTS

DRAWING = 1
"""Raised whenever any scene changes, so that results of older scenes are not taken for results of these."""

CATEGORIES = tuple(OBJECTS)
HOME = dict(
    zip(
        CATEGORIES,
        ("dots", "wood", "sea", "sky", "forest", "grass", "brick", "checker", "sand", "night"),
        strict=True,
    )
)
"""The background each category stands on where background and category are correlated."""

KEPT, SMALL = 2048, 128
"""So many scenes stay, of so many pixels on a side at most: figures show those again that were mined."""

_SPLITS = ("train", "val", "test")


class Scenes(Dataset):
    """Procedural scenes: ten categories of objects made of parts on ten kinds of background; no download.

    Scene i depends on the parameters and i, never on how many there are. Scenes 10n to 10n + 9 show every
    category once, in random order.
    """

    name: ClassVar[str] = "scenes"

    split: Literal["train", "val", "test"] = Field(
        "val", description="Which of three sets without common scenes."
    )
    limit: int = Field(2000, ge=1, le=1_000_000, description="Number of scenes.")
    size: int = Field(96, ge=16, le=1024, description="Height and width in pixels.")
    seed: int = Field(0, ge=0, lt=2**63, description="Another seed gives other scenes.")
    correlation: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of scenes on their category's own background (0: independent).",
    )
    clutter: float = Field(1.0, ge=0, le=3, description="How many small shapes lie around (0: none).")

    def open(self) -> SceneImages:
        """The scenes; each is drawn when it is asked for."""
        return SceneImages(self)


class SceneImages(Images):
    """Scenes drawn on demand, of which the last stay; safe to read from several threads, cheap to pickle."""

    categories = CATEGORIES

    def __init__(self, settings: Scenes) -> None:
        self.settings = settings

    @cached_property
    def ids(self) -> Sequence[str]:
        """The split and the place: ``val-000012``."""
        return [f"{self.settings.split}-{index:06d}" for index in range(self.settings.limit)]

    @cached_property
    def labels(self) -> Sequence[int]:
        """Every category once in each ten scenes."""
        blocks = range(-(-self.settings.limit // len(CATEGORIES)))
        order = [label for block in blocks for label in self._order(block)]
        return order[: self.settings.limit]

    @cached_property
    def _common(self) -> dict[str, Any]:
        return self.settings.model_dump(include={"split", "seed", "correlation", "size", "clutter"})

    def background(self, index: int) -> str:
        """The name of a scene's background."""
        return _ground(self._random(0, index), self.labels[index], self.settings.correlation)

    def __getitem__(self, index: int) -> Sample:
        """One scene, which belongs to who asks for it."""
        index = range(self.settings.limit)[index]
        asked = _Asked(index=index, label=self.labels[index], **self._common)
        scene = _kept(asked) if asked.size <= SMALL else asked.draw()
        parts = {name: list(middles) for name, middles in scene.parts.items()}
        picture, mask = Image.fromarray(scene.picture), scene.mask.copy()
        return Sample(self.ids[index], picture, self.labels[index], _box(mask), mask, parts)

    def fingerprint(self) -> str:
        """A hash of the settings and of the version of the drawing code."""
        return digest("scenes", DRAWING, self.settings.model_dump_json())

    def _order(self, block: int) -> list[int]:
        return [int(label) for label in self._random(1, block).permutation(len(CATEGORIES))]

    def _random(self, purpose: int, index: int) -> Generator:
        return _random(self.settings.split, self.settings.seed, purpose, index)


def _random(split: str, seed: int, purpose: int, index: int) -> Generator:
    return Generator(PCG64(SeedSequence([seed, _SPLITS.index(split), purpose, index])))


def _ground(rng: Generator, label: int, correlation: float) -> str:
    own, free = rng.random() < correlation, int(rng.integers(len(BACKGROUNDS)))
    return HOME[CATEGORIES[label]] if own else list(BACKGROUNDS)[free]


@dataclass(frozen=True)
class _Asked:
    """All that a scene depends on."""

    split: str
    seed: int
    index: int
    label: int
    correlation: float
    size: int
    clutter: float

    def draw(self) -> Scene:
        rng = _random(self.split, self.seed, 0, self.index)
        ground = _ground(rng, self.label, self.correlation)
        return draw_scene(rng, CATEGORIES[self.label], ground, self.size, self.clutter)


_kept = lru_cache(KEPT)(_Asked.draw)


def _box(mask: Bool[NDArray[np.bool_], "h w"]) -> tuple[int, int, int, int] | None:
    """The smallest (left, top, right, bottom) around the mask, half-open; None where it is empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
