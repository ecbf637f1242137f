"""The pixels of labelled photographs, scaled and cropped to one size, in memory or read again each time."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from math import prod

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from interpret.errors import DatasetError
from interpret.images import Images, InputSpec, match_labels, upright
from interpret.network import READERS, Network, OnError
from interpret.progress import track

__all__ = ["output_names", "read_pixels"]

MEMORY = 4 * 2**30
"""Bytes of pixels that are held in memory; more are read again from their files in every epoch."""

READ_AT_ONCE = 256


@dataclass(frozen=True)
class Pixels:
    """Labelled photographs as a training takes them.

    Attributes:
        images: Where they come from.
        spec: Their common size, scaled so that the shorter side fits and the centre is cropped.
        places: The place of each in ``images``: those that could be read.
        labels: The output of the network that stands for the category of each.
        held: All pixels, or None where they are read when they are needed.
        skipped: The id of every image that could not be read, and the reason.
    """

    images: Images
    spec: InputSpec
    places: Int[Tensor, " n"]
    labels: Int[Tensor, " n"]
    held: UInt8[Tensor, "n c h w"] | None
    skipped: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.places)

    def take(self, chosen: Int[Tensor, " b"]) -> UInt8[Tensor, "b c h w"]:
        """The pixels of some of them."""
        if self.held is not None:
            return self.held[chosen]
        with ThreadPoolExecutor(READERS, thread_name_prefix="interpret-reader") as pool:
            read = partial(_try, self.images, spec=self.spec)
            return torch.stack([_or_raise(found) for found in pool.map(read, self.places[chosen].tolist())])

    def some(self, chosen: Sequence[int]) -> Pixels:
        """Some of them."""
        at = torch.tensor(chosen)
        held = None if self.held is None else self.held[at]
        return replace(self, places=self.places[at], labels=self.labels[at], held=held)

    def mean(self) -> Float[Tensor, "c h w"]:
        """The mean image, in pixel units [0, 1]."""
        total = torch.zeros(self.spec.shape, dtype=torch.float64)
        for chosen in torch.split(torch.arange(len(self)), READ_AT_ONCE):
            total += self.take(chosen).sum(0, dtype=torch.int64)
        return (total / (255 * len(self))).float()


def read_pixels(
    images: Images,
    spec: InputSpec,
    *,
    classes: int,
    categories: Sequence[str] = (),
    on_error: OnError = "raise",
    several: bool = True,
    hold: bool = True,
) -> Pixels:
    """Read labelled photographs, in the size from which views of a network's input are cropped.

    Args:
        images: The photographs; each needs a label.
        spec: The network's input: its ``shorter_side`` is the size, its ``size`` that of the views.
        classes: Outputs of the network.
        categories: Their names, by which labels are matched to them; empty where they have none.
        on_error: What to do with an image that cannot be read: ``raise``, or ``skip`` and list it.
        several: Whether there must be images of every category, as for training.
        hold: Whether they are needed more than once; if not, they are read when they are, unless those that
            cannot be read are to be listed.

    Raises:
        DatasetError: If a label is missing or no output has it, or an image cannot be read or is a tensor.
    """
    size = spec.uncropped
    lost = _lost(images, size) if on_error == "skip" else {}
    rest = torch.tensor([index for index in range(len(images)) if index not in lost], dtype=torch.int64)
    labels = torch.zeros(len(images), dtype=torch.int64)
    if len(rest):
        known = images.subset(rest.tolist()) if lost else images
        labels[rest] = check_labels(known, classes, categories, several=several)
    room = len(images) * prod(size.shape)
    if (room > MEMORY or not hold) and on_error == "raise":
        return Pixels(images, size, torch.arange(len(images)), labels, None)
    held, skipped = _read_all(images, size, on_error, hold=room <= MEMORY)
    good = torch.tensor([index for index in range(len(images)) if index not in skipped])
    told = tuple((images.ids[index], reason) for index, reason in skipped.items())
    if not len(good):
        raise DatasetError(f"None of the {len(images)} images can be read. The first: {told[0][1]}")
    return Pixels(
        images, size, good, labels[good], held[good] if held is not None and skipped else held, told
    )


def output_names(network: Network, images: Images) -> tuple[str, ...]:
    """The names of a network's outputs; where it has none, those of the images it is trained on."""
    return network.categories or tuple(images.categories)


def check_labels(
    images: Images, classes: int, categories: Sequence[str] = (), *, several: bool = True
) -> Int[Tensor, " n"]:
    """The output of a network that stands for the label of each image; see `interpret.images.match_labels`.

    Args:
        images: The images.
        classes: Outputs of the network.
        categories: Their names; empty where they have none.
        several: Whether there must be images of every category.

    Raises:
        DatasetError: If an image has none, one is no output of the network, or a category has no images.
    """
    labels = images.labels
    nameless = [index for index, label in enumerate(labels) if label is None]
    if nameless:
        raise DatasetError(
            f"Image {images.ids[nameless[0]]!r} has no label ({len(nameless)} of {len(labels)} have none): "
            "training needs the category of every image. Put the photographs of each into a folder."
        )
    known = torch.tensor([int(label or 0) for label in labels])
    if int(known.min()) < 0:
        raise DatasetError(
            f"Image {images.ids[int(known.argmin())]!r} has the label {int(known.min())}; "
            "categories count from 0."
        )
    by_index = not images.categories or tuple(categories) in {(), tuple(images.categories)}
    if by_index and int(known.max()) >= classes:
        raise DatasetError(
            f"The images have {int(known.max()) + 1} categories, but the network has {classes} outputs. "
            f"Give the model categories: {int(known.max()) + 1}."
        )
    matched = match_labels(images.categories, categories, classes)
    found = torch.tensor(matched.required(labels, images.ids))
    if several:
        _check_classes(known, images.categories)
    matched.tell()
    return found


def _check_classes(labels: Int[Tensor, " n"], categories: Sequence[str]) -> None:
    """Refuse a single category, and categories without images."""
    present = set(labels.tolist())
    if len(present) < 2:
        only = categories[next(iter(present))] if categories else next(iter(present))
        raise DatasetError(
            f"All images have the category {only!r}: there is nothing to tell apart. Give two or more."
        )
    empty = [name for label, name in enumerate(categories) if label not in present]
    if empty:
        raise DatasetError(
            f"The category {empty[0]!r} has no images ({len(empty)} of {len(categories)} have none). "
            "Add photographs of it, or leave the category out (folder: classes)."
        )


def _lost(images: Images, spec: InputSpec) -> dict[int, str]:
    """Images that have no label and cannot be read, as what a shard that is cut short has lost."""
    found: dict[int, str] = {}
    for index in (index for index, label in enumerate(images.labels) if label is None):
        error = _try(images, index, spec)
        if not isinstance(error, DatasetError):
            break  # its label is missing indeed
        found[index] = str(error)
    return found


def _read_all(
    images: Images, spec: InputSpec, on_error: OnError, *, hold: bool
) -> tuple[UInt8[Tensor, "n c h w"] | None, dict[int, str]]:
    """All pixels, if they are to be held, and why the places that are bad cannot be read."""
    held = torch.zeros(len(images), *spec.shape, dtype=torch.uint8) if hold else None
    skipped: dict[int, str] = {}
    with ThreadPoolExecutor(READERS, thread_name_prefix="interpret-reader") as pool:
        for start in track(range(0, len(images), READ_AT_ONCE)):
            indices = range(start, min(start + READ_AT_ONCE, len(images)))
            for index, found in zip(
                indices, pool.map(lambda at: _try(images, at, spec), indices), strict=True
            ):
                if isinstance(found, DatasetError) and on_error == "skip":
                    skipped[index] = str(found)
                elif held is not None:
                    held[index] = _or_raise(found)
    return held, skipped


def _try(images: Images, index: int, spec: InputSpec) -> UInt8[Tensor, "c h w"] | DatasetError:
    try:
        return _read(images, index, spec)
    except DatasetError as error:
        return DatasetError(
            f"Image {images.ids[index]!r} cannot be used. {error} "
            "To leave out such images and list them, use on_error: skip."
        )


def _or_raise(found: UInt8[Tensor, "c h w"] | DatasetError) -> UInt8[Tensor, "c h w"]:
    if isinstance(found, DatasetError):
        raise found
    return found


def _read(images: Images, index: int, spec: InputSpec) -> UInt8[Tensor, "c h w"]:
    picture = images[index].image
    if isinstance(picture, Tensor):
        raise DatasetError("It is a tensor that is preprocessed already: training crops photographs.")
    pixels = np.array(spec.crop(upright(picture))).reshape(*spec.size, -1)
    return torch.from_numpy(pixels).permute(2, 0, 1)
