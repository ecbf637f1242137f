"""The transformations by name: what each does, where it begins, and how far it goes.

Ranges of the first three are the paper's (Figure 5, read off its axes), in pixels of an input of 224.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import Literal, TypeAlias, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.errors import InterpretError, UnknownNameError
from interpret_invariance.lighting import blur, brighten, stretch
from interpret_invariance.warping import Border, rotate, scale, translate

Kind: TypeAlias = Literal[
    "vertical_translation", "horizontal_translation", "scale", "rotation", "brightness", "contrast", "blur"
]
PAPER: tuple[Kind, ...] = ("vertical_translation", "scale", "rotation")
"""The rows of the paper's Figure 5."""

STEPS = 71
"""Values in a range: rotations of 5 degrees from 0 to 350."""

SIDE = 224
"""Pixels of the paper's input."""


@dataclass(frozen=True)
class Transformation:
    """What can be done to an image, more or less.

    Attributes:
        apply: Takes pixels (n, c, h, w) from 0 to 1, an amount for each image, and what lies beyond the
            border.
        identity: The amount that changes nothing.
        unit: What an amount is given in.
        range: Lowest and highest amount unless others are asked for.
        axis: The side of the image, 0 for height and 1 for width, that pixels of the range grow with.
        whole: Whether amounts in a range are rounded to whole pixels, so that nothing is interpolated.
        least: The smallest amount that makes sense.
        positive: Whether ``least`` itself makes none.
    """

    apply: Callable[[Tensor, Tensor, Border], Tensor]
    identity: float
    unit: str
    range: tuple[float, float]
    axis: int | None = None
    whole: bool = False
    least: float = -inf
    positive: bool = False


TRANSFORMATIONS: Mapping[Kind, Transformation] = {
    "vertical_translation": Transformation(
        lambda pixels, down, border: translate(pixels, down, torch.zeros_like(down), border),
        0, "pixels", (-60, 60), axis=0, whole=True,
    ),
    "horizontal_translation": Transformation(
        lambda pixels, right, border: translate(pixels, torch.zeros_like(right), right, border),
        0, "pixels", (-60, 60), axis=1, whole=True,
    ),
    "scale": Transformation(scale, 1, "times", (1, 1.8), least=0, positive=True),
    "rotation": Transformation(rotate, 0, "degrees", (0, 350)),
    "brightness": Transformation(lambda pixels, by, _: brighten(pixels, by), 1, "times", (0.2, 1.8), least=0),
    "contrast": Transformation(lambda pixels, by, _: stretch(pixels, by), 1, "times", (0.2, 1.8), least=0),
    "blur": Transformation(lambda pixels, by, _: blur(pixels, by), 0, "pixels", (0, 4), axis=0, least=0),
}  # fmt: skip
"""All of them."""


def transform(
    pixels: Float[Tensor, "n c h w"], kind: str, amounts: Float[Tensor, " n"], border: Border = "mean"
) -> Float[Tensor, "n c h w"]:
    """Each image changed by its amount; the identity's amount gives the image back to the bit.

    Args:
        pixels: Images from 0 to 1, before they are normalised.
        kind: The name of a transformation.
        amounts: How much, for each image, in the transformation's unit.
        border: What is seen beyond the image.

    Raises:
        UnknownNameError: If there is no such transformation.
        InterpretError: If an amount makes no sense, or there is no such border rule.
    """
    known = find_transformation(kind)
    _check_amounts(kind, amounts.tolist())
    check_border(border)
    same = (amounts == known.identity).to(pixels.device)[:, None, None, None]
    return torch.where(same, pixels, known.apply(pixels, amounts, border))


def check_border(border: str) -> None:
    """Refuse a border rule that does not exist.

    Raises:
        InterpretError: If there is no such rule.
    """
    if border not in get_args(Border):
        choices = ", ".join(map(repr, get_args(Border)))
        raise InterpretError(f"border is {border!r}; it must be one of {choices}.")


def find_transformation(kind: str) -> Transformation:
    """The transformation of that name.

    Raises:
        UnknownNameError: If there is none.
    """
    for name, known in TRANSFORMATIONS.items():
        if name == kind:
            return known
    raise UnknownNameError("transformation", kind, TRANSFORMATIONS)


def amounts_in(
    kind: str, size: tuple[int, int], ends: tuple[float, float] | None = None, steps: int = STEPS
) -> Float[Tensor, " step"]:
    """So many amounts over a range, with the identity's among them.

    Args:
        kind: The name of a transformation.
        size: Height and width of the input; the default range in pixels grows with it.
        ends: The lowest and the highest amount; default: the transformation's own.
        steps: How many, at equal distances. Translations are rounded to whole pixels, and then taken once.

    Raises:
        InterpretError: If the range is empty, leaves what makes sense, or ``steps`` is below 2.
    """
    known = find_transformation(kind)
    if steps < 2:
        raise InterpretError(f"steps must be at least 2, the ends of a range. Got {steps}.")
    share = 1.0 if known.axis is None else size[known.axis] / SIDE
    low, high = ends or (known.range[0] * share, known.range[1] * share)
    if not low < high:
        raise InterpretError(f"The range of {kind} is empty: {low:g} to {high:g}. Give the lower end first.")
    values = torch.linspace(low, high, steps, dtype=torch.float64)
    return amounts_of(kind, (values.round() if known.whole else values).tolist())


def amounts_of(kind: str, values: Sequence[float]) -> Float[Tensor, " step"]:
    """The amounts in order, each once, with the identity's among them.

    Raises:
        InterpretError: If there is none beside the identity's, or one makes no sense.
    """
    identity = float(find_transformation(kind).identity)
    found = torch.tensor(sorted({*map(float, values), identity}), dtype=torch.float64)
    _check_amounts(kind, found.tolist())
    if len(found) < 2:
        raise InterpretError(f"The amounts of {kind} hold nothing but the identity. Give a wider range.")
    return found


def _check_amounts(kind: str, values: Sequence[float]) -> None:
    known = find_transformation(kind)
    for value in values:
        small = value <= known.least if known.positive else value < known.least
        if small or not isfinite(value):
            sign = "more than" if known.positive else "at least"
            limit = f"{sign} {known.least:g}" if isfinite(known.least) else "finite"
            raise InterpretError(f"{kind} by {value:g} {known.unit}: it must be {limit}.")
