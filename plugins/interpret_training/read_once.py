"""Photographs that several trainings share: each is read and scaled once, and then held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from math import prod

from torch import Tensor

from interpret.images import Images, InputSpec, Sample, upright
from interpret_training.pixels import MEMORY


class ReadOnce(Images):
    """Images in the size from which views of a network's input are cropped, held once they are read.

    A training that takes them gets the same pixels as from ``images``: what has that size is cropped no more.

    Args:
        images: Where they come from.
        spec: The input of the networks that take them.
    """

    def __init__(self, images: Images, spec: InputSpec) -> None:
        self.images, self.categories = images, images.categories
        self.spec = spec.uncropped
        self.held: dict[int, Sample] = {}
        self._fingerprint = cache(images.fingerprint)

    @property
    def ids(self) -> Sequence[str]:
        """Those of the images."""
        return self.images.ids

    @property
    def labels(self) -> Sequence[int | None]:
        """Those of the images."""
        return self.images.labels

    @property
    def present(self) -> Sequence[tuple[int, ...]]:
        """Those of the images."""
        return self.images.present

    @property
    def unsure(self) -> Sequence[tuple[int, ...]]:
        """Those of the images."""
        return self.images.unsure

    @property
    def indices(self) -> Sequence[int]:
        """Those of the images."""
        return self.images.indices

    @property
    def whole(self) -> Images:
        """Where the images come from."""
        return self.images.whole

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Sample:
        """One image, scaled and cropped."""
        if index not in self.held:
            sample = self.images[index]
            if isinstance(sample.image, Tensor):
                return sample
            picture = self.spec.crop(upright(sample.image))
            self.held[index] = replace(sample, image=picture, box=None, mask=None, parts={}, objects=())
        return self.held[index]

    def fingerprint(self) -> str:
        """That of the images."""
        return self._fingerprint()


class Shared:
    """The same images for networks of several inputs, read once for each size.

    Args:
        images: Where they come from.
    """

    def __init__(self, images: Images) -> None:
        self.images = images
        self._held: dict[tuple[int, ...], ReadOnce] = {}

    def take(self, spec: InputSpec) -> Images:
        """The images for a network with this input; those that memory cannot hold are read each time."""
        shape = (len(spec.mean), *spec.whole)
        if len(self.images) * prod(shape) > MEMORY:
            return self.images
        return self._held.setdefault(shape, ReadOnce(self.images, spec))
