"""What is to be learned: which images, which categories, which splits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.errors import DatasetError, InterpretError
from interpret.files import digest
from interpret.images import Images
from interpret_transfer.classifiers import learnable, one_against_rest
from interpret_transfer.folds import Fold, draw_folds


@dataclass(frozen=True)
class Task:
    """A data set as classifiers take it; rows are images that can be read.

    Attributes:
        categories: Names of the categories that are there.
        targets: 1, -1, or 0 for images that do not count for a category.
        splits: The splits for each number of training images.
        multiple: Whether an image can show several categories.
    """

    categories: tuple[str, ...]
    targets: Float[Tensor, "image category"]
    splits: Mapping[int, Sequence[Fold]]
    multiple: bool = False

    @property
    def labels(self) -> Tensor:
        """The category of each image, where it has one."""
        return self.targets.argmax(1)

    @property
    def folds(self) -> list[Fold]:
        """The splits of all sizes in turn."""
        return [fold for splits in self.splits.values() for fold in splits]

    def digest(self) -> str:
        """A hash of everything that is asked."""
        targets = hashlib.sha256(self.targets.contiguous().numpy().tobytes()).hexdigest()
        return digest(*self.categories, targets, self.multiple, *self.splits, *self.folds)


def single_task(
    images: Images,
    places: Sequence[int],
    sizes: Sequence[int],
    test: int | None,
    *,
    folds: int = 5,
    seed: int = 0,
) -> Task:
    """The protocol of Caltech-101 and Caltech-256: one category an image, random splits.

    Args:
        images: Labelled images.
        places: The place of each row: those that could be read.
        sizes: Training images of each category, one table column or point of a curve each.
        test: Test images of each category, at most; None: all that are left.
        folds: Random splits.
        seed: Start of chance.

    Raises:
        DatasetError: If a label is missing, there is one category only, or one has too few images that can be
            read.
        InterpretError: If no number of training images is given, or one of the numbers is less than 1.
    """
    if not sizes:
        raise InterpretError("No number of training images is given: train needs one or more, such as (15,).")
    labels = known_labels(images, places)
    present = sorted(set(labels))
    lost = sorted({label for label in images.labels if label is not None} - set(present))
    if lost:
        raise DatasetError(
            f"None of the images of category {name_of(images, lost[0])!r} can be read ({len(lost)} such "
            "categories). Mend the files, or leave the category out of the dataset."
        )
    names = tuple(name_of(images, label) for label in present)
    own = [present.index(label) for label in labels]
    splits = {size: draw_folds(own, size, test, folds=folds, seed=seed, categories=names) for size in sizes}
    return Task(names, one_against_rest(torch.tensor(own), len(present)), splits)


def known_labels(images: Images, places: Sequence[int]) -> list[int]:
    """The label of each row.

    Raises:
        DatasetError: If an image has none.
    """
    labels = images.labels
    nameless = [index for index in places if labels[index] is None]
    if nameless:
        raise DatasetError(
            f"Image {images.ids[nameless[0]]!r} has no label ({len(nameless)} of {len(places)} have none): "
            "transfer needs the category of every image. Put the photographs of each into a folder."
        )
    return [int(labels[index] or 0) for index in places]


def split_task(parts: Sequence[Images], rows: Sequence[Sequence[int]], *, exclusive: bool = False) -> Task:
    """The protocol of PASCAL VOC: several categories an image, one part trains and the other tests.

    Args:
        parts: The images to train on and those to test on, with the same categories.
        rows: The places of those that could be read, in each part.
        exclusive: One category an image while training, its label, as the paper's softmax wants it; images
            without a label then do not train.

    Raises:
        DatasetError: If the parts have different categories, or none can be learnt.
    """
    names = parts[0].categories
    if tuple(parts[1].categories) != tuple(names):
        raise DatasetError(
            f"The images to test on have other categories than those to train on: "
            f"{list(parts[1].categories)[:3]} and {list(names)[:3]}, …. Give two parts of one data set."
        )
    targets = torch.cat([presence(part, own) for part, own in zip(parts, rows, strict=True)])
    count = len(rows[0])
    train = list(range(count))
    if exclusive:
        labels = [parts[0].labels[index] for index in rows[0]]
        train = [row for row, label in enumerate(labels) if label is not None]
        chosen = torch.tensor([int(label) for label in labels if label is not None])
        targets[train] = one_against_rest(chosen, len(names))
    if not (targets[train] > 0).any():
        raise DatasetError(f"None of the {count} images to train on shows a category.")
    if not len(learnable(targets[train])):
        raise DatasetError(
            f"Every category is in all of the {len(train)} images to train on or in none: a classifier needs "
            "some that show it and some that do not. Give images of other categories, too."
        )
    fold = Fold(tuple(train), tuple(range(count, len(targets))))
    return Task(tuple(names), targets, {len(train): [fold]}, multiple=True)


def presence(images: Images, places: Sequence[int]) -> Float[Tensor, "image category"]:
    """1 for the categories an image shows, 0 for those that do not count there, -1 for the others."""
    targets = -torch.ones(len(places), len(images.categories), dtype=torch.float64)
    present, unsure = images.present, images.unsure
    for row, index in enumerate(places):
        targets[row, list(unsure[index])] = 0
        targets[row, list(present[index])] = 1
    return targets


def name_of(images: Images, label: int) -> str:
    """The name of a category, or its number."""
    return images.categories[label] if label < len(images.categories) else str(label)
