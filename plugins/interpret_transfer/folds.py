"""Which images train a classifier and which test it: the protocols of Caltech-101 and Caltech-256."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from interpret.errors import DatasetError, InterpretError
from interpret.files import digest


@dataclass(frozen=True)
class Fold:
    """One split; no image is in both parts.

    Attributes:
        train: Rows that train, category by category.
        test: Rows that test.
    """

    train: tuple[int, ...]
    test: tuple[int, ...]


def draw_folds(
    labels: Sequence[int],
    train: int,
    test: int | None = None,
    *,
    folds: int = 5,
    seed: int = 0,
    categories: Sequence[str] = (),
) -> list[Fold]:
    """Random splits with equally many training images of each category (paper section 5.2, Tables 4 and 5).

    Each fold shuffles every category anew. The first images train and those after them test, so that the
    splits with more training images contain those with fewer.

    Args:
        labels: The category of every image.
        train: Training images of each category.
        test: Test images of each, at most; None: all that are left. The paper: 50 for Caltech-101.
        folds: How many splits.
        seed: Start of chance.
        categories: Names, for messages.

    Raises:
        DatasetError: If there is one category only, or one has too few images to train and test.
        InterpretError: If there is nothing to train, to test or to split.
    """
    if min(train, folds, 1 if test is None else test) < 1:
        raise InterpretError(
            f"train, test and folds must be at least 1. Got train {train}, test {test}, folds {folds}."
        )
    known = torch.tensor(list(labels))
    present = sorted(set(labels))
    _check(known, present, train, categories)
    return [_fold(known, present, train, test, (seed, number)) for number in range(folds)]


def _fold(
    labels: Int[Tensor, " image"], present: Sequence[int], train: int, test: int | None, seed: tuple[int, int]
) -> Fold:
    learn, check = list[int](), list[int]()
    for label in present:
        own = (labels == label).nonzero()[:, 0]
        draw = torch.Generator().manual_seed(int(digest("fold", *seed, label)[:15], 16))
        mixed = own[torch.randperm(len(own), generator=draw)].tolist()
        learn += mixed[:train]
        check += mixed[train:] if test is None else mixed[train : train + test]
    return Fold(tuple(learn), tuple(check))


def inner_folds(
    labels: Int[Tensor, " image"], count: int = 3
) -> list[tuple[Int[Tensor, " train"], Int[Tensor, " rest"]]]:
    """Splits of a training part, for the choice of a parameter: each image is held out once.

    Images of a category take turns; where it has fewer than ``count`` some splits hold none of it out.

    Args:
        labels: The category of every training image; the images of each take turns in this order.
        count: How many splits.
    """
    turn = torch.zeros(len(labels), dtype=torch.int64)
    for label in set(labels.tolist()):
        own = (labels == label).nonzero()[:, 0]
        turn[own] = torch.arange(len(own)) % count
    everything = torch.arange(len(labels))
    return [(everything[turn != part], everything[turn == part]) for part in range(count)]


def _check(
    labels: Int[Tensor, " image"], present: Sequence[int], train: int, categories: Sequence[str]
) -> None:
    def name(label: int) -> str:
        return repr(categories[label]) if label < len(categories) else str(label)

    if len(present) < 2:
        only = name(present[0]) if present else "none"
        raise DatasetError(f"There is one category only ({only}): a classifier needs two or more.")
    counts = {label: int((labels == label).sum()) for label in present}
    few = {label: count for label, count in counts.items() if count <= train}
    if few:
        label = min(few, key=lambda one: few[one])
        raise DatasetError(
            f"The category {name(label)} has {few[label]} images, too few to train with {train} and test "
            f"with one ({len(few)} of {len(present)} categories have too few). Train with fewer, or leave "
            "such categories out."
        )
