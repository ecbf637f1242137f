"""The photographs a result speaks of, as the network saw them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from jaxtyping import Float, UInt8
from torch import Tensor

from interpret.images import Images, InputSpec, Matching, as_images
from interpret.network import READERS
from interpret_figures.display import unit_pixels

__all__ = ["Photographs"]


MEMORY = 512 * 2**20
"""Bytes of photographs that are kept, so that one which many units share is read once."""


class Photographs:
    """Reads photographs by their place in the dataset a result was made with, in this one: see `Matching`.

    Args:
        images: The dataset, or any sequence of paths, pictures or tensors.
        ids: The id of each photograph when the result was made, by its place as text.
        spec: What the network takes.
    """

    def __init__(self, images: Images | Sequence[Any], ids: Mapping[str, str], spec: InputSpec) -> None:
        self.images, self.spec = as_images(images), spec
        self._matching = Matching(self.images, ids)
        self._kept: OrderedDict[tuple[int, tuple[int, ...]], UInt8[Tensor, "h w 3"]] = OrderedDict()

    def read(self, index: int, channels: list[int]) -> UInt8[Tensor, "h w 3"]:
        """One photograph in the network's size; see ``display`` for the channels.

        Raises:
            DatasetError: If the dataset does not have it, or cannot read it.
        """
        return self.read_all([index], channels)[0]

    def read_all(self, indices: Sequence[int], channels: list[int]) -> list[UInt8[Tensor, "h w 3"]]:
        """Some photographs as `read` gives them; several threads read them.

        Raises:
            DatasetError: As `read` does.
        """
        keys = [(index, tuple(channels)) for index in indices]
        missing = [key for key in dict.fromkeys(keys) if key not in self._kept]
        if len(missing) > 1:
            with ThreadPoolExecutor(READERS, thread_name_prefix="interpret-reader") as threads:
                read = list(threads.map(self._pixels, missing))
        else:
            read = [self._pixels(key) for key in missing]
        self._kept.update(zip(missing, read, strict=True))
        found = [self._kept[key] for key in keys]
        for key in keys:
            self._kept.move_to_end(key)
        while found and len(self._kept) > 1 and len(self._kept) * found[-1].nbytes > MEMORY:
            self._kept.popitem(last=False)
        return found

    def _pixels(self, key: tuple[int, tuple[int, ...]]) -> UInt8[Tensor, "h w 3"]:
        index, channels = key
        x = self.spec.denormalize(self.preprocessed(index))
        return unit_pixels(x[None, list(channels)].cpu())[0].contiguous()

    def forget(self) -> None:
        """Free the memory that photographs take; they are read anew when they are asked for."""
        self._kept.clear()

    def preprocessed(self, index: int) -> Float[Tensor, "c h w"]:
        """One photograph as the network took it.

        Raises:
            DatasetError: As `read` does.
        """
        return self.spec.preprocess(self.images[self._matching.place(index)].image).float()
