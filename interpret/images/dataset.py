"""Images in, ids and labels kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool
from PIL import Image
from torch import Tensor

from interpret.errors import DatasetError, clause
from interpret.files.contents import content_hashes, digest
from interpret.files.reading import printable
from interpret.images.arrays import as_picture
from interpret.images.columns import Columns
from interpret.images.inputs import InputSpec
from interpret.images.items import PICTURE_KEYS, item_hash, item_ids, path_of, split
from interpret.images.labels import as_categories, as_label, as_labels
from interpret.images.loaders import Collated, collates, require_indexed, yielded
from interpret.images.paths import whole_path
from interpret.images.pictures import MAX_PIXELS, Picture, open_image, turn_asked, upright
from interpret.images.turns import Turn
from interpret.wording import as_text, listed

__all__ = [
    "MAX_PIXELS",
    "Images",
    "InputSpec",
    "Object",
    "Picture",
    "Sample",
    "as_images",
    "content_hashes",
    "digest",
    "open_image",
    "require_unique",
    "upright",
]


@dataclass(frozen=True)
class Object:
    """One of the objects an image shows.

    Attributes:
        label: Index of its category.
        box: (left, top, right, bottom) in pixels of the image, half-open.
        difficult: Whether the annotators hold that it can hardly be recognised.
    """

    label: int
    box: tuple[int, int, int, int]
    difficult: bool = False


@dataclass(frozen=True)
class Sample:
    """One image of a dataset with everything that is known of it.

    A picture that its EXIF data ask to turn is turned, and box, mask, parts and objects along with it. Arrays
    and tensors of pixels become pictures.

    Attributes:
        id: A name that stays the same from run to run, unique in its dataset.
        image: The photograph, or a preprocessed tensor (c, h, w).
        label: Index of its category, or None.
        box: Object box (left, top, right, bottom) in pixels of ``image``, half-open.
        mask: True on the object, in pixels of ``image``.
        parts: Positions (x, y) in pixels of ``image``, by the name of the part.
        objects: Every object of an image that may show several categories; empty where they are not known.
    """

    id: str
    image: Picture
    label: int | None = None
    box: tuple[int, int, int, int] | None = None
    mask: Bool[np.ndarray, "h w"] | None = None
    parts: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)
    objects: tuple[Object, ...] = ()

    def __post_init__(self) -> None:
        image = as_picture(self.image)
        if isinstance(image, Image.Image) and (turn := turn_asked(image)).orientation != 1:
            for name, value in self._annotations(turn).items():
                object.__setattr__(self, name, value)
            image = upright(image)
        object.__setattr__(self, "image", image)

    def turned(self, turn: Turn) -> Sample:
        """The same picture, with annotations that counted pixels before it was turned."""
        return self if turn.orientation == 1 else replace(self, **self._annotations(turn))

    def _annotations(self, turn: Turn) -> dict[str, Any]:
        return {
            "box": None if self.box is None else turn.box(self.box),
            "mask": None if self.mask is None else turn.mask(self.mask),
            "parts": {name: tuple(turn.position(*at) for at in found) for name, found in self.parts.items()},
            "objects": tuple(replace(shown, box=turn.box(shown.box)) for shown in self.objects),
        }


class Images(ABC):
    """A sequence of samples that reads a picture only when it is asked for one.

    Indexing is safe from several threads, and the order never changes.
    """

    categories: tuple[str, ...] = ()

    @property
    @abstractmethod
    def ids(self) -> Sequence[str]:
        """The id of every image, unique, known without reading any picture."""

    @abstractmethod
    def __getitem__(self, index: int) -> Sample:
        """Read one sample; raises DatasetError with the file's name where that is impossible."""

    @abstractmethod
    def fingerprint(self) -> str:
        """A hash that changes when any image, label or setting of the dataset changes, and only then.

        Of files it takes what they hold, see `interpret.files.content_hashes`: copies are the same images.
        A run asks before it reads images and afterwards, to find what changed meanwhile.
        """

    @property
    def labels(self) -> Sequence[int | None]:
        """The category of every image, known without reading any picture."""
        return [None] * len(self)

    @property
    def present(self) -> Sequence[tuple[int, ...]]:
        """Every category each image certainly shows, in ascending order, known without reading any picture.

        The label alone, unless the dataset knows several categories of an image.
        """
        return [() if label is None else (label,) for label in self.labels]

    @property
    def unsure(self) -> Sequence[tuple[int, ...]]:
        """Categories each image shows only in difficult objects: neither positives nor negatives of these."""
        return [()] * len(self)

    @property
    def whole_paths(self) -> Sequence[str]:
        """Where the file of each image is, as `interpret.images.whole_path` writes it, or ""; or nothing.

        Results that speak of a list of paths find the same files in a folder by them.
        """
        return ()

    @property
    def indices(self) -> Sequence[int]:
        """The index of every image in the whole dataset (a subset keeps the places of its origin)."""
        return range(len(self))

    @property
    def whole(self) -> Images:
        """The whole dataset that ``indices`` are places of."""
        return self

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def __repr__(self) -> str:
        """Its class, how many images, their categories, and the first ids."""
        name = type(self).__name__
        return as_text("Images" if name.startswith("_") else name, _rows(self))

    def subset(self, places: Sequence[int]) -> Images:
        """The images at ``places``, in that order; they remember their place in this dataset.

        Raises:
            DatasetError: If a place lies outside the dataset.
        """
        outside = [index for index in places if not 0 <= index < len(self)]
        if outside:
            raise DatasetError(
                f"There is no image {outside[0]}: the dataset has {len(self)}, 0 to {len(self) - 1}."
            )
        return _Subset(self, places)


class _Subset(Images):
    """A view on some images of another dataset."""

    def __init__(self, origin: Images, indices: Sequence[int]) -> None:
        self.origin, self.places, self.categories = origin, indices, origin.categories

    def __len__(self) -> int:
        return len(self.places)

    @property
    def ids(self) -> Sequence[str]:
        ids = self.origin.ids
        return [ids[index] for index in self.places]

    @property
    def labels(self) -> Sequence[int | None]:
        labels = self.origin.labels
        return [labels[index] for index in self.places]

    @property
    def present(self) -> Sequence[tuple[int, ...]]:
        present = self.origin.present
        return [present[index] for index in self.places]

    @property
    def unsure(self) -> Sequence[tuple[int, ...]]:
        unsure = self.origin.unsure
        return [unsure[index] for index in self.places]

    @property
    def whole_paths(self) -> Sequence[str]:
        whole_paths = self.origin.whole_paths
        return [whole_paths[index] for index in self.places] if whole_paths else ()

    @property
    def indices(self) -> Sequence[int]:
        indices = self.origin.indices
        return [indices[index] for index in self.places]

    @property
    def whole(self) -> Images:
        return self.origin.whole

    def __getitem__(self, index: int) -> Sample:
        return self.origin[self.places[index]]

    def fingerprint(self) -> str:
        return digest(self.origin.fingerprint(), *self.places)


class _Given(Images):
    """Paths, pictures or tensors that the caller holds in a sequence, or a torch dataset of such."""

    def __init__(self, items: Any) -> None:
        self.items = items
        listed = isinstance(items, list | tuple)
        self._ids = item_ids(items) if listed else [str(place) for place in range(len(items))]
        require_unique(self._ids)
        self.columns = Columns.of(items)
        categories = self.columns.categories if self.columns else getattr(items, "classes", ())
        self.categories = as_categories(categories)

    @property
    def ids(self) -> Sequence[str]:
        return self._ids

    @cached_property
    def whole_paths(self) -> Sequence[str]:
        if not isinstance(self.items, list | tuple):
            return ()
        paths = [path_of(item) for item in self.items]
        return [whole_path(path) if path else "" for path in paths] if any(paths) else ()

    @cached_property
    def labels(self) -> Sequence[int | None]:
        """From pairs, or a dataset's ``targets`` if these are labels; else every item is read once.

        Of a dataset with columns, as those of Hugging Face, that of the labels alone is read.
        """
        if self.columns:
            return as_labels(self.columns.labels(len(self._ids)), self.categories)
        known = getattr(self.items, "targets", None)
        if isinstance(known, list | tuple | Tensor | np.ndarray) and len(known) == len(self._ids):
            return as_labels(known, self.categories)
        found = (self._parts(index)[1] for index in range(len(self._ids)))
        return [as_label(label, index, self.categories) for index, label in enumerate(found)]

    def __getitem__(self, index: int) -> Sample:
        item, label = self._parts(index)
        picture = open_image(item) if isinstance(item, str | Path) else item
        return Sample(self._ids[index], picture, as_label(label, index, self.categories))

    def _parts(self, index: int) -> tuple[Any, Any]:
        """The picture of an item, and its label."""
        item = self._item(index)
        return self.columns.parts(item) if self.columns else split(item)

    def _item(self, index: int) -> Any:
        """What the sequence holds; its own code can fail in any way, and steps may pass over what does."""
        try:
            return self.items[index]
        except DatasetError:
            raise
        except Exception as error:
            raise DatasetError(
                f"The {type(self.items).__name__} fails at its item {index}: {type(error).__name__}: "
                f"{clause(error)}."
            ) from error

    def fingerprint(self) -> str:
        return digest(*map(self._hash, range(len(self))))

    def _hash(self, index: int) -> str:
        try:
            return item_hash(self._parts(index))
        except DatasetError as error:
            return digest(error)


def as_images(images: Any) -> Images:
    """What a dataset opens, or any sequence of paths, PIL images, arrays or tensors, as Images.

    Args:
        images: ``Images``; a list of paths, PIL images, arrays (h, w, c) or tensors (c, h, w), see
            ``interpret.images.arrays.as_picture``; one array (n, h, w, c) or tensor (n, c, h, w); a
            ``torch.utils.data.Dataset`` of such (with or without labels), or of mappings with ``image`` (or
            ``pixel_values``) and ``label``; a ``datasets.Dataset`` of Hugging Face; or a ``DataLoader`` over
            one. Of a loader those images that its samplers yield are taken, those in random order in the
            order of the dataset, each as its ``collate_fn`` makes it of one.

    Raises:
        DatasetError: If it is none of these, is empty, holds a path twice, or yields other images each time.
    """
    if isinstance(images, Images):
        return images
    if isinstance(images, torch.utils.data.DataLoader):
        return _of_loader(images)
    require_indexed(images)
    if isinstance(images, Tensor | np.ndarray):
        _require_several(images)
    if isinstance(images, str | Path):
        raise DatasetError(
            f"{str(images)!r} is one path, not a sequence. Give a list of paths, or open a folder "
            f'with interpret.load_dataset("folder", path={str(images)!r}).'
        )
    if not hasattr(images, "__len__") or not hasattr(images, "__getitem__"):
        raise DatasetError(
            f"Images must be a sequence of paths, PIL images or tensors. Got {type(images).__name__}."
        )
    if isinstance(images, Mapping):
        raise DatasetError(_of_mapping(images))
    if len(images) == 0:
        raise DatasetError("There are no images: the sequence is empty.")
    return _Given(images)


def _of_mapping(images: Mapping[Any, Any]) -> str:
    """What to do about several things by name: splits, or the columns of a batch."""
    if not images:
        return f"There are no images: the {type(images).__name__} is empty."
    columns = [key for key, held in images.items() if isinstance(held, list)]
    pictures = [key for key in columns if isinstance(next(iter(images[key]), None), Image.Image)]
    found = next((key for key in ("train", *PICTURE_KEYS, *pictures) if key in images), next(iter(images)))
    held = f"A {type(images).__name__} holds {', '.join(map(repr, [*images][:5]))}."
    cure = f"Give one sequence of images, such as images[{found!r}]."
    sliced = (
        "A part of a data set of Hugging Face has labels, too: data.select(range(5)) in place of data[:5]."
    )
    return f"{held} {cure} {sliced}" if found in columns else f"{held} {cure}"


def _of_loader(loader: torch.utils.data.DataLoader[Any]) -> Images:
    indices = yielded(loader)
    images = as_images(Collated(loader) if collates(loader) else loader.dataset)
    return images if indices is None else images.subset(indices)


def _require_several(x: Tensor | np.ndarray) -> None:
    """One image, or grey ones without their channel: which of them three axes are cannot be known."""
    if x.ndim == 3:
        channel = "x[:, None]" if isinstance(x, Tensor) else "x[..., None]"
        raise DatasetError(
            f"Images of shape {tuple(x.shape)} are one image or several grey ones. Give [x] for one image, "
            f"{channel} for several."
        )


def _rows(images: Images) -> dict[str, str]:
    """What a dataset is, for people; of one that is half made or fails, its class alone."""
    try:
        rows = {"images": f"{len(images):,}", "categories": listed(images.categories)}
        first = [images.ids[place] for place in range(min(len(images), 3))]
    except Exception:  # noqa: BLE001 - who looks at a thing must not get an error in its place
        return {}
    rows["ids"] = ", ".join(map(printable, first)) + (", …" if len(images) > len(first) else "")
    return {name: printable(text) for name, text in rows.items() if text}


def require_unique(ids: Sequence[str]) -> None:
    """Raise DatasetError if two images share an id: results could not tell them apart."""
    seen: set[str] = set()
    for name in ids:
        if name in seen:
            raise DatasetError(f"Two images have the id {name!r}. Every image needs an id of its own.")
        seen.add(name)
