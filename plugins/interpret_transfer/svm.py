"""An exact linear support vector machine from inner products alone, all categories at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from interpret.errors import InterpretError

TOLERANCE = 1e-8
"""Relative residual of the linear systems, and of the optimum."""

ROUGH = 1e-3
"""Tolerance of SVMs that are only compared with each other, or on the way to another one."""

APPROACH = (1e-3, 1e-2, 1e-1)
"""Parts of c that are solved for on the way to it: at a large c the first steps from nothing are slow."""

STEPS, INNER, HALVINGS = 100, 2000, 40
"""Newton steps, conjugate gradient steps in each, and halvings of its length: far more than are needed."""

DIRECT = 200
"""A system of m of n images is factorised where m³ is at most so many times n²: its m³ / 3 operations are
then no more than those of some thirty conjugate gradient steps, of 2 n² each."""


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
    these images. Small systems are factorised, and conjugate gradients solve the large ones of all categories
    together. So the cost does not depend on the length of the vectors.

    Args:
        products: Inner products of the training vectors, in float64.
        targets: 1 for images of a category, -1 for others, 0 for images that the category leaves out.
        c: Weight of the margin's violations, more than 0.
        start: Where to begin, such as the weights for a smaller ``c``; default: those for some parts of it.
        tolerance: Relative residual of the linear systems, and of the optimum.

    Raises:
        InterpretError: If ``c`` is not positive, or so large that rounding in the products decides; or if a
            category has no image on one side.
    """
    if not c > 0:
        raise InterpretError(f"The weight c of an SVM must be more than 0. Got {c}.")
    check_sides(targets)
    kernel, targets = products + 1, targets.to(products)  # the bias is one more dimension, of ones
    weights = torch.zeros_like(targets) if start is None else start
    for part in () if start is not None else APPROACH:
        weights = _Problem(kernel, targets, c * part, ROUGH).solved(weights)
    return _Problem(kernel, targets, c, tolerance).solved(weights)


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

    def solved(self, weights: Float[Tensor, "image category"]) -> Float[Tensor, "image category"]:
        """The optimum, by Newton's method from some weights."""
        value = self.value(weights)
        for _ in range(STEPS):
            weights, new = self.towards(self.goal(weights), weights, value)
            if bool((value - new <= self.tolerance * value).all()):
                break
            value = new
        return weights

    def value(self, weights: Float[Tensor, "image category"]) -> Float[Tensor, " category"]:
        """What is minimised."""
        values = self.kernel @ weights
        missed = (1 - self.targets * values).clamp_min(0) * (self.targets != 0)
        return (weights * values).sum(0) / 2 + self.c * missed.square().sum(0)

    def goal(self, weights: Float[Tensor, "image category"]) -> Float[Tensor, "image category"]:
        """The optimum if the images inside the margin stayed the same: (K + I / 2c) a = y on them."""
        inside = (self.targets * (self.kernel @ weights) < 1) & (self.targets != 0)
        few = inside.sum(0).double() ** 3 <= DIRECT * len(inside) ** 2
        found = torch.zeros_like(weights)
        for category in few.nonzero()[:, 0].tolist():
            rows = inside[:, category].nonzero()[:, 0]
            found[rows, category] = self._factorised(rows, self.targets[rows, category])
        many = (~few).nonzero()[:, 0]
        if len(many):
            found[:, many] = self._iterated(inside[:, many], self.targets[:, many], weights[:, many])
        return found

    def _factorised(
        self, rows: Int[Tensor, " inside"], targets: Float[Tensor, " inside"]
    ) -> Float[Tensor, " inside"]:
        """The solution of one category's system, by Cholesky's method."""
        system = self.kernel[rows[:, None], rows]
        system.diagonal().add_(1 / (2 * self.c))
        factor, wrong = torch.linalg.cholesky_ex(system)
        if wrong:
            raise InterpretError(
                f"c = {self.c:g} is too large for these products: what rounding leaves in them would decide. "
                "Give smaller ones."
            )
        return torch.cholesky_solve(targets[:, None], factor)[:, 0]

    def _iterated(
        self,
        inside: Bool[Tensor, "image category"],
        targets: Float[Tensor, "image category"],
        weights: Float[Tensor, "image category"],
    ) -> Float[Tensor, "image category"]:
        """The solutions of several categories' systems, by conjugate gradients from some weights."""

        def times(a: Tensor) -> Tensor:
            return a / (2 * self.c) + inside * (self.kernel @ a)

        return conjugate_gradients(times, targets * inside, weights * inside, self.tolerance)

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
