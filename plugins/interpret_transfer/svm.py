"""An exact linear support vector machine from inner products alone, all categories at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.errors import InterpretError

TOLERANCE = 1e-8
"""Relative residual of the linear systems, and of the optimum."""

STEPS, INNER, HALVINGS = 100, 2000, 40
"""Newton steps, conjugate gradient steps in each, and halvings of its length: far more than are needed."""


def fit_svm(
    products: Float[Tensor, "image image"],
    targets: Float[Tensor, "image category"],
    c: float,
    start: Float[Tensor, "image category"] | None = None,
    *,
    tolerance: float = TOLERANCE,
) -> Float[Tensor, "image category"]:
    """The weights of the training images in a linear SVM for each category, one against the rest.

    It minimises |w|² / 2 + b² / 2 + c Σ max(0, 1 - y (w·x + b))², which is what scikit-learn's ``LinearSVC``
    minimises, so that w = Σ a x and b = Σ a. In terms of a the optimum solves a linear system on the images
    inside the margin (Chapelle, Training a support vector machine in the primal, 2007); Newton's method finds
    these images, and conjugate gradients solve the systems of all categories together. So the cost does not
    depend on the length of the vectors.

    Args:
        products: Inner products of the training vectors, in float64.
        targets: 1 for images of a category, -1 for others, 0 for images that the category leaves out.
        c: Weight of the margin's violations, more than 0.
        start: Where to begin, such as the weights for a smaller ``c``.
        tolerance: Relative residual of the linear systems, and of the optimum.

    Raises:
        InterpretError: If ``c`` is not positive, or a category has no image on one side.
    """
    if not c > 0:
        raise InterpretError(f"The weight c of an SVM must be more than 0. Got {c}.")
    check_sides(targets)
    kernel = products + 1  # the bias is one more dimension, of ones
    problem = _Problem(kernel, targets.to(products), c, tolerance)
    weights = torch.zeros_like(problem.targets) if start is None else start
    value = problem.value(weights)
    for _ in range(STEPS):
        weights, new = problem.towards(problem.goal(weights), weights, value)
        if bool((value - new <= tolerance * value).all()):
            break
        value = new
    return weights


def decide(
    products: Float[Tensor, "other image"], weights: Float[Tensor, "image category"]
) -> Float[Tensor, "other category"]:
    """The decision values of other images, from their inner products with the training images."""
    return (products + 1) @ weights


@dataclass(frozen=True)
class _Problem:
    """The SVMs of all categories on the same images."""

    kernel: Float[Tensor, "image image"]
    targets: Float[Tensor, "image category"]
    c: float
    tolerance: float

    def value(self, weights: Float[Tensor, "image category"]) -> Float[Tensor, " category"]:
        """What is minimised."""
        values = self.kernel @ weights
        missed = (1 - self.targets * values).clamp_min(0) * (self.targets != 0)
        return (weights * values).sum(0) / 2 + self.c * missed.square().sum(0)

    def goal(self, weights: Float[Tensor, "image category"]) -> Float[Tensor, "image category"]:
        """The optimum if the images inside the margin stayed the same: (K + I / 2c) a = y on them."""
        inside = (self.targets * (self.kernel @ weights) < 1) & (self.targets != 0)

        def times(a: Tensor) -> Tensor:
            return a / (2 * self.c) + inside * (self.kernel @ a)

        return conjugate_gradients(times, self.targets * inside, weights * inside, self.tolerance)

    def towards(
        self,
        goal: Float[Tensor, "image category"],
        weights: Float[Tensor, "image category"],
        value: Float[Tensor, " category"],
    ) -> tuple[Float[Tensor, "image category"], Float[Tensor, " category"]]:
        """The way to the goal, halved for each category until its value falls; and that value."""
        share = torch.ones_like(value)
        for _ in range(HALVINGS):
            tried = weights + share * (goal - weights)
            better = (new := self.value(tried)) <= value
            if better.all():
                break
            share = torch.where(better, share, share / 2)
        return torch.where(better, tried, weights), torch.where(better, new, value)


def conjugate_gradients(
    times: Callable[[Tensor], Tensor],
    right: Float[Tensor, "image category"],
    start: Float[Tensor, "image category"],
    tolerance: float = TOLERANCE,
) -> Float[Tensor, "image category"]:
    """Solve a symmetric positive definite system for every category, all at once.

    Args:
        times: The product of each category's matrix with its column.
        right: The right sides.
        start: Where to begin.
        tolerance: Largest residual, relative to the right side.
    """
    found, rest = start, right - times(start)
    way, left = rest, rest.square().sum(0)
    enough = tolerance**2 * right.square().sum(0)
    for _ in range(INNER):
        going = left > enough
        if not going.any():
            break
        ahead = times(way)
        step = torch.where(going, left / (way * ahead).sum(0), 0.0)
        found, rest = found + step * way, rest - step * ahead
        new = rest.square().sum(0)
        way, left = rest + torch.where(going, new / left, 0.0) * way, torch.where(going, new, left)
    return found


def check_sides(targets: Float[Tensor, "image category"]) -> None:
    """Refuse categories that nothing can be learnt of.

    Raises:
        InterpretError: If a category has no image that shows it, or none that does not.
    """
    sides = (targets > 0).any(0) & (targets < 0).any(0)
    if not sides.all():
        lacking = int((~sides).nonzero()[0])
        raise InterpretError(
            f"Category {lacking} has images on one side only: a classifier needs some that show it and some "
            "that do not. Leave the category out."
        )
