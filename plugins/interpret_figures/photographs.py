"""The photographs a result speaks of, as the network saw them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from jaxtyping import UInt8
from torch import Tensor

from interpret.errors import DatasetError
from interpret.images import Images, InputSpec, as_images
from interpret_figures.display import unit_pixels

__all__ = ["Photographs"]


MEMORY = 512 * 2**20
"""Bytes of photographs that are kept, so that one which many units share is read once."""


class Photographs:
    """Reads photographs by their place in the dataset, after checking that they are still the same.

    Args:
        images: The dataset.
        ids: The id of each photograph when the result was made, by its place as text.
        spec: What the network takes.
    """

    def __init__(self, images: Images, ids: Mapping[str, str], spec: InputSpec) -> None:
        self.images, self.ids, self.spec = as_images(images), ids, spec
        self._now = self.images.ids
        self._kept: OrderedDict[tuple[int, tuple[int, ...]], UInt8[Tensor, "h w 3"]] = OrderedDict()

    def read(self, index: int, channels: list[int]) -> UInt8[Tensor, "h w 3"]:
        """One photograph in the network's size; see ``display`` for the channels.

        Raises:
            DatasetError: If the dataset has it no more, has another in its place, or cannot read it.
        """
        key = (index, tuple(channels))
        if key not in self._kept:
            self._check(index)
            x = self.spec.denormalize(self.spec.preprocess(self.images[index].image).float())
            self._kept[key] = unit_pixels(x[None, channels].cpu())[0].contiguous()
        self._kept.move_to_end(key)
        while len(self._kept) > 1 and len(self._kept) * self._kept[key].nbytes > MEMORY:
            self._kept.popitem(last=False)
        return self._kept[key]

    def _check(self, index: int) -> None:
        then = self.ids.get(str(index))
        now = self._now[index] if 0 <= index < len(self._now) else None
        if then is None or now != then:
            found = f"the dataset has {now!r} there" if now else f"the dataset has {len(self._now)} images"
            raise DatasetError(
                f"Image {index} was {then!r} when the result was made, but now {found}. "
                "Draw with the dataset the result was made with, or run the step again."
            )
