"""Classifiers on one layer's features: trained and tested on every split, and kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.images import Images
from interpret.network import Network, OnError
from interpret.progress import track_long
from interpret.results import Result
from interpret.run import cached, cached_parts
from interpret_transfer.classifiers import STRENGTHS, Classifier, classify, learnable
from interpret_transfer.features import Crops, Features, extract
from interpret_transfer.folds import Fold
from interpret_transfer.gram import Scaling, gram
from interpret_transfer.results import LayerTransfer
from interpret_transfer.scores import average_precision, category_accuracy, mean_of_known
from interpret_transfer.tasks import Task


@dataclass(frozen=True)
class Method:
    """How features become numbers; what all layers have in common.

    Attributes:
        classifiers: Which are trained on every layer.
        scaling: What is done with the features first.
        crops: Views whose features are averaged.
        strengths: What c is chosen from by cross-validation, at vectors of variance 1.
        batch_size: Images in one forward pass.
        on_error: What to do with an image that cannot be read.
    """

    classifiers: tuple[Classifier, ...] = ("svm",)
    scaling: Scaling = "length"
    crops: Crops = 1
    strengths: tuple[float, ...] = STRENGTHS
    batch_size: int = 32
    on_error: OnError = "raise"

    def extract(self, network: Network, images: Images, layers: Sequence[str]) -> dict[str, Features]:
        """The features of all layers."""
        return extract(
            network, images, layers, crops=self.crops, batch_size=self.batch_size, on_error=self.on_error
        )


_Tested: TypeAlias = tuple[Float[Tensor, " category"], float]
"""The quality for every category, and the c that was chosen."""


@dataclass(frozen=True)
class _Rows(Result):
    """All classifiers on one layer."""

    rows: tuple[LayerTransfer, ...]


def judged(name: str, features: Features, task: Task, method: Method) -> tuple[LayerTransfer, ...]:
    """Every classifier on one layer, for every size and split; found again where it was judged before.

    Args:
        name: The layer.
        features: Its features of all images.
        task: Targets and splits.
        method: Classifiers, scaling, and what c is chosen from.
    """
    key = (name, features.key, task.digest(), method.classifiers, method.scaling, method.strengths)
    return cached(
        lambda: _judge(name, features, task, method), "judged", *key, torch.__version__, Method, kind=_Rows
    ).rows


@dataclass(frozen=True)
class _Judged(Result):
    """All classifiers on one layer, trained and tested on one split."""

    quality: Float[Tensor, "classifier category"]
    strength: Float[Tensor, " classifier"]
    seconds: Float[Tensor, " classifier"]


def _judge(name: str, features: Features, task: Task, method: Method) -> _Rows:
    """The products are shared by all classifiers, and their time counts for each; a stopped step goes on."""
    started, stages = perf_counter(), track_long(("products", "splits"))
    next(stages)
    products = None if method.scaling == "standard" else gram(features, scaling=method.scaling)
    shared = perf_counter() - started
    next(stages)
    found = cached_parts(
        lambda number: _split(features, products, task, task.folds[number], method),
        [(name, number) for number in range(len(task.folds))],
        kind=_Judged,
    )
    next(stages, None)
    return _Rows(
        tuple(
            _row(
                name,
                kind,
                [(one.quality[row], float(one.strength[row])) for one in found],
                dimension=features.dimension,
                sizes=len(task.splits),
                seconds=shared + sum(float(one.seconds[row]) for one in found),
            )
            for row, kind in enumerate(method.classifiers)
        )
    )


def _split(
    features: Features,
    products: Float[Tensor, "image image"] | None,
    task: Task,
    fold: Fold,
    method: Method,
) -> _Judged:
    """All classifiers on one split; without products, it has its own."""
    started = perf_counter()
    own = gram(features, scaling="standard", train=fold.train) if products is None else products
    shared = perf_counter() - started
    found, seconds = list[_Tested](), list[float]()
    for kind in method.classifiers:
        started = perf_counter()
        found.append(_tested(kind, own, task, fold, method))
        seconds.append(shared + perf_counter() - started)
    return _Judged(
        torch.stack([quality for quality, _ in found]),
        torch.tensor([strength for _, strength in found], dtype=torch.float64),
        torch.tensor(seconds, dtype=torch.float64),
    )


def _row(
    name: str,
    kind: Classifier,
    found: Sequence[_Tested],
    *,
    dimension: int,
    sizes: int,
    seconds: float,
) -> LayerTransfer:
    """What the splits of all sizes give, size by size."""
    qualities = torch.stack([quality for quality, _ in found])
    means = [mean_of_known(one) for one in qualities]
    return LayerTransfer(
        layer=name,
        classifier=kind,
        dimension=dimension,
        quality=torch.tensor(means, dtype=torch.float64).view(sizes, -1),
        by_category=qualities.view(sizes, -1, qualities.shape[1]).nanmean(1),
        strength=torch.tensor([c for _, c in found], dtype=torch.float64).view(sizes, -1),
        seconds=seconds,
    )


def _tested(
    kind: Classifier, products: Float[Tensor, "image image"], task: Task, fold: Fold, method: Method
) -> _Tested:
    """The quality of a classifier for every category on one split, and the c that was chosen."""
    known, test = learnable(task.targets[list(fold.train)]), list(fold.test)
    values, c = classify(
        kind, products, task.targets[:, known], fold.train, test,
        strengths=method.strengths, multiple=task.multiple,
    )  # fmt: skip
    if not task.multiple:  # then all categories can be learned
        return category_accuracy(values.argmax(1), task.labels[test], len(task.categories)), c
    quality = torch.full((len(task.categories),), torch.nan, dtype=torch.float64)
    for column, category in enumerate(known.tolist()):
        quality[category] = average_precision(values[:, column], task.targets[test, category].long())
    return quality, c
