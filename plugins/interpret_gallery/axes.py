"""Where values stand along an axis of a chart, and the round numbers beside it."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Literal, TypeAlias, TypeGuard

from interpret_figures.text import numbers

__all__ = ["Axis", "Scale", "apart", "known", "round_numbers"]

Scale: TypeAlias = Literal["linear", "log"]

MOST = 7
"""Ticks of an axis."""

LARGEST = 1e300
"""Beyond it, numbers and their differences are not finite any more."""


def known(value: float | None, scale: Scale = "linear") -> TypeGuard[float]:
    """Whether a value has a place: on a logarithmic axis only what is above zero has one."""
    return value is not None and abs(value) < LARGEST and (scale == "linear" or value > 1 / LARGEST)


def apart(low: float, high: float, scale: Scale = "linear") -> tuple[float, float]:
    """Two values, or some room around them where they are too near to be told apart."""
    if high - low > 1e-9 * max(abs(low), abs(high)):
        return low, high
    room = max(abs(low) / 100, 0.5)
    return (low / 2, low * 2) if scale == "log" else (low - room, low + room)


@dataclass(frozen=True)
class Axis:
    """An axis between two round numbers.

    Attributes:
        low: Its least value.
        high: Its largest value.
        start: Where the least value stands, in units of the drawing.
        end: Where the largest stands.
        scale: ``linear``, or ``log`` for values above zero.
    """

    low: float
    high: float
    start: float
    end: float
    scale: Scale = "linear"

    @classmethod
    def around(cls, low: float, high: float, start: float, end: float, scale: Scale = "linear") -> Axis:
        """The axis whose ends are the round numbers around two values."""
        ends = round_numbers(low, high) if scale == "linear" else _one_two_five(low, high)
        return cls(ends[0], ends[-1], start, end, scale)

    def place(self, value: float) -> float:
        """Where a value stands; at the nearer end where it is beyond."""
        low, high, at = (
            log10(max(one, 1 / LARGEST)) if self.scale == "log" else one
            for one in (self.low, self.high, value)
        )
        share = min(max((at - low) / (high - low), 0.0), 1.0)
        return round(self.start + share * (self.end - self.start), 2)

    def ticks(self) -> list[tuple[float, str]]:
        """The places of round numbers, and the numbers as text."""
        found = round_numbers(self.low, self.high) if self.scale == "linear" else self._log_ticks()
        return [(self.place(value), text) for value, text in zip(found, numbers(*found), strict=True)]

    def _log_ticks(self) -> list[float]:
        """Powers of ten, and twice and five times these where there are few."""
        found = _one_two_five(self.low, self.high)
        if len(found) <= MOST:
            return found
        powers = [value for value in found if round(log10(value), 9).is_integer()]
        return powers[:: ceil(len(powers) / MOST)]


def round_numbers(low: float, high: float) -> list[float]:
    """Round numbers that reach from below ``low`` to above ``high``, at most seven.

    Example:
        >>> round_numbers(0.13, 0.9)
        [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    rough = (high - low) / 5
    power = 10.0 ** floor(log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    first = floor(low / step + 1e-9)
    found = [first * step]
    while found[-1] < high - step * 1e-9:
        found.append((first + len(found)) * step)
    return [float(f"{value:.12g}") + 0.0 for value in found]  # no dust of sums, no negative zero


def _one_two_five(low: float, high: float) -> list[float]:
    """One, two and five times the powers of ten, from below ``low`` to above ``high``."""
    exponents = range(floor(log10(low)) - 1, ceil(log10(high)) + 2)
    every = [factor * 10.0**exponent for exponent in exponents for factor in (1, 2, 5)]
    first = max(place for place, value in enumerate(every) if value <= low * (1 + 1e-9))
    last = min(place for place, value in enumerate(every) if value >= high * (1 - 1e-9))
    found = every[first : last + 1]
    return found if len(found) > 1 else every[first : last + 2]
