"""Linear classifiers on inner products: an SVM for each category, and a softmax over all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from math import isnan
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interpret.errors import InterpretError
from interpret_transfer.folds import inner_folds
from interpret_transfer.scores import average_precision, category_accuracy, mean_of_known
from interpret_transfer.svm import ROUGH, TOLERANCE, check_sides, decide, fit_svm

Classifier = Literal["svm", "softmax"]

STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0)
"""The weights c that cross-validation chooses from, at vectors of variance 1."""

FAINT = 1e-6
"""Directions with a smaller share of the variance are left out: inner products are summed up from 32 bits,
and rounding makes some of these negative."""

SAME = 1e-12
"""Vectors whose variance is a smaller share of their mean squared length differ by rounding alone."""

GRADIENT = 1e-6
"""Largest slope at the softmax's optimum; at scikit-learn's own 1e-4 strong c are not nearly there."""

Decide = Callable[[Tensor], Tensor]
"""From the inner products of other images with those that trained to decision values."""

Fit = Callable[[Tensor, Tensor, Sequence[float]], Iterator[Decide]]
"""From training products and targets to what decides, for each c in turn."""


def one_against_rest(labels: Int[Tensor, " image"], categories: int) -> Float[Tensor, "image category"]:
    """1 for the category of each image, -1 for the others."""
    return torch.where(labels[:, None] == torch.arange(categories), 1.0, -1.0).double()


def classify(
    kind: Classifier,
    products: Float[Tensor, "image image"],
    targets: Float[Tensor, "image category"],
    train: Sequence[int],
    test: Sequence[int],
    *,
    strengths: Sequence[float] = STRENGTHS,
    multiple: bool = False,
) -> tuple[Float[Tensor, "test category"], float]:
    """Train on some images and give the decision values of others, and the c that was chosen.

    c is chosen on the training images alone: by the mean accuracy of the categories, or with ``multiple`` by
    their mean average precision, over three splits. It counts at vectors of variance 1, the mean squared
    distance of the training vectors from their mean: so one range serves features of any length, and those
    that hardly differ, as of the upper layers of random networks.

    Args:
        kind: ``svm``, one against the rest, or ``softmax``, over exclusive categories.
        products: Inner products of all vectors.
        targets: 1, -1 or 0 (does not count) for each category.
        train: Rows that train.
        test: Rows whose decision values are wanted.
        strengths: What c is chosen from, at vectors of variance 1. One: no choice.
        multiple: Whether an image can show several categories.

    Raises:
        InterpretError: If a category has no image to train with, or none without it; if all vectors are one.
    """
    rows, others = torch.tensor(list(train)), torch.tensor(list(test))
    own, goals = products[rows[:, None], rows], targets[rows]
    unit = variance(own)
    if not unit > SAME * own.diagonal().mean():
        raise InterpretError("All feature vectors are the same: there is nothing to classify by.")
    check_sides(goals)
    fit, own = FITS[kind], own / unit
    c = _choose(fit, own, goals, sorted(set(strengths)), multiple=multiple)
    (decided,) = fit(own, goals, [c])
    return decided(products[others[:, None], rows] / unit), c


def variance(products: Float[Tensor, "image image"]) -> float:
    """The mean squared distance of vectors from their mean, from their inner products."""
    return float(products.diagonal().mean() - products.mean())


def _choose(
    fit: Fit,
    products: Float[Tensor, "image image"],
    targets: Float[Tensor, "image category"],
    strengths: Sequence[float],
    *,
    multiple: bool,
) -> float:
    """The c that does best on images held out, the smallest of equals; the middle one without a choice."""
    if len(strengths) == 1:
        return strengths[0]
    groups = torch.zeros(len(targets), dtype=torch.int64) if multiple else targets.argmax(1)
    quality = {c: list[float]() for c in strengths}
    for rows, held in inner_folds(groups):
        known = learnable(targets[rows])
        if len(known) and len(held):
            decided = fit(products[rows[:, None], rows], targets[rows][:, known], strengths)
            for c, decide_ in zip(strengths, decided, strict=True):
                found = decide_(products[held[:, None], rows])
                quality[c].append(_quality(found, targets[held][:, known], multiple=multiple))
    mean = {c: round(mean_of_known(values), 9) for c, values in quality.items()}
    if isnan(mean[strengths[0]]):  # too few images to hold any out
        return strengths[len(strengths) // 2]
    return max(strengths, key=lambda c: (mean[c], -c))


def learnable(targets: Float[Tensor, "image category"]) -> Int[Tensor, " known"]:
    """The categories with images on both sides."""
    return ((targets > 0).any(0) & (targets < 0).any(0)).nonzero()[:, 0]


def _quality(
    values: Float[Tensor, "image category"], targets: Float[Tensor, "image category"], *, multiple: bool
) -> float:
    if multiple:
        columns = zip(values.unbind(1), targets.long().unbind(1), strict=True)
        return mean_of_known([average_precision(value, target) for value, target in columns])
    there = (targets > 0).any(1)
    labels = targets[there].argmax(1)
    return mean_of_known(category_accuracy(values[there].argmax(1), labels, targets.shape[1]))


def _svm(products: Tensor, targets: Tensor, strengths: Sequence[float]) -> Iterator[Decide]:
    """Each c begins where the one before ended; to choose one of them three digits are enough."""
    weights, tolerance = None, ROUGH if len(strengths) > 1 else TOLERANCE
    for c in strengths:
        weights = fit_svm(products, targets, c, weights, tolerance=tolerance)
        yield partial(_decide, weights)


def _decide(weights: Tensor, others: Tensor) -> Tensor:
    return decide(others, weights)


def _softmax(products: Tensor, targets: Tensor, strengths: Sequence[float]) -> Iterator[Decide]:
    """Multinomial logistic regression (scikit-learn) on short vectors that have these inner products."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - it takes a second to import

    squares, axes = torch.linalg.eigh(products)
    kept = squares > FAINT * variance(products)
    axes = axes[:, kept] / squares[kept].sqrt()
    vectors, labels = (products @ axes).numpy(), targets.argmax(1).numpy()
    for c in strengths:
        model = LogisticRegression(C=c, tol=GRADIENT, max_iter=10_000).fit(vectors, labels)
        yield partial(_logits, model, axes)


def _logits(model: Any, axes: Tensor, others: Tensor) -> Tensor:
    found = torch.from_numpy(model.decision_function((others @ axes).numpy())).double()
    return torch.stack([-found, found], 1) / 2 if found.dim() == 1 else found


FITS: Mapping[Classifier, Fit] = {"svm": _svm, "softmax": _softmax}
