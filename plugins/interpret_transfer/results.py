"""What layers are worth on another data set."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.errors import UnknownNameError
from interpret.records import Record
from interpret.results import Result
from interpret.wording import listed, percent, value


@dataclass(frozen=True)
class LayerTransfer(Record):
    """How well a classifier on one layer does.

    Attributes:
        layer: The layer, by the name that was asked for; empty for a network trained from scratch.
        classifier: ``svm``, ``softmax``, or ``scratch``.
        dimension: Numbers of each feature vector.
        quality: Mean over the categories of accuracy or average precision, 0 to 1; NaN where it is not known.
        by_category: The same of each category, mean over the folds; NaN where it has no image
            to test, or none to train with.
        strength: The c that was chosen.
        seconds: Time of the classifier, over all folds and choices.
    """

    layer: str
    classifier: str
    dimension: int
    quality: Float[Tensor, "size fold"]
    by_category: Float[Tensor, "size category"]
    strength: Float[Tensor, "size fold"]
    seconds: float

    @property
    def mean(self) -> Float[Tensor, " size"]:
        """The mean over the folds."""
        return self.quality.mean(1)

    @property
    def spread(self) -> Float[Tensor, " size"]:
        """The sample standard deviation over the folds; NaN for one fold."""
        return self.quality.std(1) if self.quality.shape[1] > 1 else torch.full_like(self.mean, torch.nan)


@dataclass(frozen=True)
class NetworkTransfer(Record):
    """One network's layers.

    Attributes:
        label: Its name in tables.
        layers: Layer by layer, classifier by classifier.
        seconds: Time of the pass over the images; nearly none where features were there already.
    """

    label: str
    layers: tuple[LayerTransfer, ...]
    seconds: float


@dataclass(frozen=True)
class Transfer(Result):
    """What the layers of one or more networks are worth on a data set (the paper's Tables 4 to 7, Figure 9).

    Attributes:
        networks: The networks, in the order in which they were asked.
        measure: ``accuracy``, or ``average precision``.
        categories: Names of the categories that took part.
        sizes: Training images of each category; of all images where the split was given.
        tested: Test images of the first fold.
        folds: Random splits.
        crops: Views whose features are averaged.
        scaling: What was done with the features.
        without: Categories without a positive test image: they are left out of the means, as are those
            that have nothing to train with.
        skipped: The id of each image that could not be read, and the reason.
    """

    networks: tuple[NetworkTransfer, ...]
    measure: str
    categories: tuple[str, ...]
    sizes: tuple[int, ...]
    tested: int
    folds: int
    crops: int
    scaling: str
    without: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]

    def summary(self) -> dict[str, str]:
        """What was asked, and the best layer of each network with the most training images."""
        rows = {
            "measure": self.measure,
            "categories": value(len(self.categories)),
            "training images": listed(self.sizes),
            "test images": value(self.tested),
            "folds": value(self.folds),
        }
        for network in self.networks:
            known = [row for row in network.layers if not row.mean[-1].isnan()]
            best = max(known, key=lambda row: float(row.mean[-1]), default=None)
            if best is not None:
                name = " ".join(filter(None, [best.layer, best.classifier]))
                rows[f"best of {network.label or 'the network'}"] = f"{name}, {percent(float(best.mean[-1]))}"
        return rows

    def warnings(self) -> tuple[str, ...]:
        """Images that could not be read, and categories without a positive test image."""
        told = f"Without a positive test image, and left out of the means: {listed(self.without)}."
        return (*super().warnings(), *([told] if self.without else []))

    def __getitem__(self, layer: str) -> LayerTransfer:
        """The first network's SVM on a layer, or whatever classifier comes first there."""
        rows = {row.layer: row for row in reversed(self.networks[0].layers)}
        if layer not in rows:
            raise UnknownNameError("layer of the result", layer, rows)
        return rows[layer]


def same_task(one: Transfer, other: Transfer) -> bool:
    """Whether two results can stand in one table."""
    return (one.measure, one.categories, one.sizes, one.tested, one.folds) == (
        other.measure, other.categories, other.sizes, other.tested, other.folds,
    )  # fmt: skip
