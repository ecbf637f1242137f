"""What functions are called with, checked: sizes, names, counts, and parameters that are gone."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from interpret.errors import InterpretError, ModelError

P = ParamSpec("P")
T = TypeVar("T")

MAX_SIDE = 16_384
"""Pixels of a side of the input; three channels of so many a side take 3 GB."""

MAX_STD = 2
"""A standard deviation of pixels in [0, 1] is at most 0.5; 1 and 2 stand for other ranges."""


def as_size(value: Any) -> tuple[int, int]:
    """Height and width from one number or two.

    Raises:
        ModelError: If it is anything else.
    """
    sides = value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else (value, value)
    if len(sides) != 2 or not all(_is_positive(side) and side <= MAX_SIDE for side in sides):
        raise ModelError(
            f"input_size is {value!r}; it must be the height and width in pixels, such as 224 or (224, 256), "
            f"of at most {MAX_SIDE}."
        )
    return operator.index(sides[0]), operator.index(sides[1])


def _kind(value: Any) -> str:
    return "" if isinstance(value, int) else f" ({type(value).__name__}), not a whole number"


def _is_positive(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and operator.index(value) > 0
    except TypeError:
        return False


def require_count(name: str, value: Any) -> None:
    """Raise InterpretError unless a value is a whole number from 1.

    Args:
        name: The argument, for the message.
        value: What was given for it.
    """
    if not _is_positive(value):
        raise InterpretError(f"{name} must be at least 1. Got {value!r}{_kind(value)}.")


def without_parameter(name: str, advice: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """A decorator of functions that had a parameter once: who still gives it reads what to do instead.

    Args:
        name: The parameter.
        advice: What became of it, in a sentence.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> T:
            if name in kwargs:
                raise InterpretError(f"{function.__name__}() has no parameter {name!r}. {advice}")
            return function(*args, **kwargs)

        return checked

    return decorate


def as_resize(value: Any) -> int | None:
    """The length of the shorter side before the crop, or none.

    Raises:
        ModelError: If it is no whole number of pixels.
    """
    if value is None or _is_positive(value):
        return None if value is None else operator.index(value)
    raise ModelError(f"resize is {value!r}; it must be the shorter side in pixels, such as 256, or None.")


def as_interpolation(value: Any, known: Sequence[str]) -> Any:
    """How photographs are scaled, by name; torchvision's ``InterpolationMode`` has such names as values.

    Raises:
        ModelError: If it is none of those known.
    """
    name = getattr(value, "value", value)
    if name not in known:
        raise ModelError(f"interpolation is {value!r}; it must be one of {', '.join(known)}.")
    return name


def as_channels(mean: Any, std: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel in pixel units [0, 1].

    Raises:
        ModelError: If they are no numbers, of different length, or in units of 0 to 255.
    """
    means, stds = _numbers("mean", mean), _numbers("std", std)
    if len(means) != len(stds):
        raise ModelError(f"mean and std need one value for each channel. Got {means} and {stds}.")
    if not all(0 <= value <= 1 for value in means):
        raise ModelError(
            f"mean is {means}; it must be in pixel units from 0 to 1. From 0 to 255, divide by 255: "
            f"mean={tuple(round(value / 255, 4) for value in means)}."
        )
    if not all(0 < value <= MAX_STD for value in stds):
        raise ModelError(
            f"std is {stds}; it must be above 0 and in pixel units from 0 to 1. From 0 to 255, divide by 255."
        )
    return means, stds


def _numbers(name: str, values: Any) -> tuple[float, ...]:
    try:
        found = tuple(float(value) for value in values)
    except (TypeError, ValueError, RuntimeError):
        found = ()
    if isinstance(values, str) or not found or not all(map(math.isfinite, found)):
        raise ModelError(
            f"{name} is {values!r}; it must be one number for each channel, such as (0.5, 0.5, 0.5)."
        )
    return found


def as_shown(value: Any) -> tuple[int, ...]:
    """The channels that figures show.

    Raises:
        ModelError: If they are no whole numbers.
    """
    listed = value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else None
    if listed is None or any(isinstance(item, bool) or not hasattr(item, "__index__") for item in listed):
        raise ModelError(
            f"shown_channels is {value!r}; it must be one channel, shown in grey, or three, such as "
            "(3, 2, 1)."
        )
    return tuple(map(operator.index, listed))


def require_shown(shown: Sequence[int] | None, channels: int) -> None:
    """Raise ModelError unless the channels that figures show are one or three of those there are."""
    if shown is None or (len(shown) in {1, 3} and all(0 <= item < channels for item in shown)):
        return
    raise ModelError(
        f"shown_channels is {tuple(shown)}; it must be one channel, shown in grey, or three, such as "
        f"(2, 1, 0), and the network has {channels}, 0 to {channels - 1}."
    )


def as_categories(value: Any) -> tuple[str, ...]:
    """The names of the outputs, in order; none where none are given.

    Raises:
        ModelError: If it is no sequence of text.
    """
    if value is None:
        return ()
    listed = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    if not listed or not all(isinstance(name, str) for name in value):
        what = f"{type(value).__name__} of {len(value)}" if listed else repr(value)
        raise ModelError(
            f'categories is {what}; it must be the names of the outputs in order, such as ["cat", "dog"].'
        )
    return tuple(value)


def as_aliases(value: Any) -> dict[str, str]:
    """Further names of layers.

    Raises:
        ModelError: If it is no mapping from names to names.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(
        isinstance(item, str) for pair in value.items() for item in pair
    ):
        raise ModelError(
            f'aliases is {value!r}; it must say which layer a name means: {{"conv": "features.0"}}.'
        )
    return dict(value)


def require_names_for_all(categories: Sequence[str], output: tuple[int, ...] | None) -> None:
    """Raise ModelError unless there are as many names as outputs, or none.

    Args:
        categories: The names.
        output: Shape of the output of one image; None where it is not known.
    """
    if categories and output and len(output) > 1 and output[1] != len(categories):
        raise ModelError(
            f"There are {len(categories)} categories, but the network has {output[1]} outputs. "
            "Give one name for each output, in order, or none."
        )
