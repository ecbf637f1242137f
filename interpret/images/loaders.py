"""Which items a ``DataLoader`` yields, and what its ``collate_fn`` makes of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, islice
from typing import Any

import torch
from torch.utils.data import (
    DataLoader,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    default_collate,
    default_convert,
)

from interpret.errors import DatasetError
from interpret.images.items import label_key, picture_key


def yielded(loader: DataLoader[Any]) -> list[int] | None:
    """The places of the items that a loader yields; None for all of them in their order.

    A sampler that draws its order anew each time gives the order of the data set, since results name images.

    Raises:
        DatasetError: If it yields other items each time, an item twice, or none.
    """
    require_indexed(loader.dataset)
    if _takes_all(loader):
        return None
    everything = range(len(loader.dataset))  # type: ignore[arg-type]
    first, second = _drawn_twice(loader, len(everything))
    if sorted(first) != sorted(second) or len(set(first)) < len(first):
        source = "loader.sampler" if _samples(loader) else "itertools.chain(*loader.batch_sampler)"
        raise DatasetError(
            "The loader yields other images each time, or one twice, and results name each image once. Draw "
            f"them once: give torch.utils.data.Subset(loader.dataset, sorted(set({source})))."
        )
    if not first or not set(first) <= set(everything):
        found = "no image" if not first else "places that its dataset has not"
        raise DatasetError(f"The loader yields {found}. Give its dataset, or a Subset of it.")
    random = first != second or isinstance(loader.sampler, RandomSampler | SubsetRandomSampler)
    return sorted(first) if random else first


def require_indexed(dataset: Any) -> None:
    """Raise DatasetError if a data set can only be iterated over."""
    if isinstance(dataset, IterableDataset):
        raise DatasetError(
            f"A {type(dataset).__name__} can only be iterated over, and images are asked for by their place. "
            "Give a list of its items, such as list(itertools.islice(dataset, 1000))."
        )


class Collated(Sequence[Any]):
    """The items of a data set as a loader's ``collate_fn`` makes them, which is given one at a time.

    Args:
        loader: Whose they are.
    """

    def __init__(self, loader: DataLoader[Any]) -> None:
        self.items, self.collate = loader.dataset, loader.collate_fn
        self.classes = getattr(self.items, "classes", ())

    def __len__(self) -> int:
        return len(self.items)  # type: ignore[arg-type]

    def __getitem__(self, index: Any) -> Any:
        batch = self.collate([self.items[index]])
        if isinstance(batch, Mapping):
            return {key: _only(batch[key]) for key in (picture_key(batch), label_key(batch)) if key}
        if isinstance(batch, tuple | list) and len(batch) == 2:
            return _only(batch[0]), _only(batch[1])
        return _only(batch)


def collates(loader: DataLoader[Any]) -> bool:
    """Whether a loader has a ``collate_fn`` of its own."""
    return loader.collate_fn not in {default_collate, default_convert}


def _only(batch: Any) -> Any:
    """The one element of a batch of one."""
    if isinstance(batch, str | bytes) or not hasattr(batch, "__getitem__") or len(batch) != 1:
        raise DatasetError(
            f"The loader's collate_fn makes a {type(batch).__name__} of one item, where a batch of one is "
            "expected: (images, labels), or images. Do its work in the dataset's __getitem__, and give the "
            "dataset."
        )
    return batch[0]


def _takes_all(loader: DataLoader[Any]) -> bool:
    """Whether that is certain without drawing: the usual samplers, with no batch left out."""
    usual = type(loader.sampler) is SequentialSampler or (
        type(loader.sampler) is RandomSampler
        and not loader.sampler.replacement
        and loader.sampler.num_samples == len(loader.dataset)  # type: ignore[arg-type]
    )
    return usual and not loader.drop_last and _samples(loader)


def _samples(loader: DataLoader[Any]) -> bool:
    """Whether the loader's sampler says which items come, and not batches of its user's."""
    return loader.batch_size is not None or loader.batch_sampler is None


def _drawn_twice(loader: DataLoader[Any], count: int) -> tuple[list[int], list[int]]:
    """What the samplers yield twice in turn, not much more than there are items; no generator moves on."""
    own = getattr(loader.sampler, "generator", None)
    state = None if own is None else own.get_state()
    with torch.random.fork_rng(devices=[]):
        drawn = _drawn(loader, count), _drawn(loader, count)
    if own is not None:
        own.set_state(state)
    return drawn


def _drawn(loader: DataLoader[Any], count: int) -> list[int]:
    found = loader.sampler if loader.batch_sampler is None else chain.from_iterable(loader.batch_sampler)
    return [int(index) for index in islice(found, count + 1)]
