"""The image patches of neurons, and what each is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from interpret_figures import display
from interpret_figures.photographs import Photographs

__all__ = ["Names", "Neurons", "Patches"]


class Neurons(Protocol):
    """Neurons of one layer, ordered by unit and then by rank.

    Attributes:
        unit: The channel of each neuron.
        rank: Its place among the strongest neurons of its unit, from 0.
        image: The place in the dataset of its image.
        position: Where it stands in the layer's map, (y, x).
        value: Its activation.
        box: What is shown of the image, (top, left, bottom, right), not cut at the borders; equally large.
        own: The part to outline, in the form of ``box``; None: nothing.
    """

    @property
    def unit(self) -> Int[Tensor, " neuron"]: ...  # noqa: D102 - see above
    @property
    def rank(self) -> Int[Tensor, " neuron"]: ...  # noqa: D102
    @property
    def image(self) -> Int[Tensor, " neuron"]: ...  # noqa: D102
    @property
    def position(self) -> Int[Tensor, "neuron 2"]: ...  # noqa: D102
    @property
    def value(self) -> Float[Tensor, " neuron"]: ...  # noqa: D102
    @property
    def box(self) -> Int[Tensor, "neuron 4"]: ...  # noqa: D102
    @property
    def own(self) -> Int[Tensor, "neuron 4"] | None: ...  # noqa: D102


@dataclass(frozen=True)
class Patches:
    """Draws the part of its photograph that each neuron sees.

    Attributes:
        neurons: The neurons.
        photographs: Where the patches come from.
        channels: The channels that are shown.
        size: Height and width of a tile in pixels.
        smooth: Whether patches are enlarged smoothly.
    """

    neurons: Neurons
    photographs: Photographs
    channels: list[int]
    size: tuple[int, int]
    smooth: bool

    @property
    def beyond(self) -> bool:
        """Whether any tile shows something that lies outside its image."""
        box, size = self.neurons.box, torch.tensor(self.photographs.spec.size)
        return bool((box[:, :2] < 0).any() or (box[:, 2:] > size).any())

    def patches(self, which: Sequence[int]) -> UInt8[np.ndarray, "n h w 3"]:
        """The patches of some neurons."""
        images, boxes = self.neurons.image.tolist(), self.neurons.box.tolist()
        photographs = self.photographs.read_all([images[n] for n in which], self.channels)
        crops = [display.crop(found, boxes[n]) for n, found in zip(which, photographs, strict=True)]
        return self.finish(torch.stack(crops), which)

    def finish(
        self, tiles: UInt8[torch.Tensor, "n ph pw 3"], which: Sequence[int]
    ) -> UInt8[np.ndarray, "n h w 3"]:
        """Tiles in their size: pale outside the images, with what is to be outlined."""
        box = self.neurons.box[list(which)]
        beyond = display.outside(box, (tiles.shape[1], tiles.shape[2]), self.photographs.spec.size)
        shown = display.resize(display.mark(tiles, beyond).numpy(), self.size, smooth=self.smooth)
        if self.neurons.own is None:
            return shown
        return display.outlined(shown, self.neurons.own[list(which)], box)


@dataclass(frozen=True)
class Names:
    """What the photographs of a result are called.

    Attributes:
        ids: The id of each, by its place as text.
        labels: The category of each, where it is known.
        categories: The names of the categories.
    """

    ids: Mapping[str, str]
    labels: Mapping[str, int]
    categories: Sequence[str]

    def photograph(self, image: int) -> str:
        """The id of a photograph; empty where there is none."""
        return self.ids.get(str(image), "")

    def category(self, image: int) -> str:
        """The name of its category, or its number; empty where it is not known."""
        label = self.labels.get(str(image))
        if label is None:
            return ""
        return self.categories[label] if 0 <= label < len(self.categories) else f"class {label}"

    def short(self, image: int) -> str:
        """Its category, or else the name of its file."""
        return self.category(image) or self.photograph(image).rpartition("/")[2]
