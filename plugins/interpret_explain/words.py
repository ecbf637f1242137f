"""Numbers as people read them."""

from __future__ import annotations

from math import isfinite

from interpret_figures.text import number

__all__ = ["score_text"]


def score_text(value: float, kind: str) -> str:
    """A probability in percent, or a value.

    Args:
        value: The number.
        kind: ``probability`` or ``value``.

    Example:
        >>> score_text(0.9132, "probability"), score_text(-0.00041, "value")
        ('91.3 %', '\N{MINUS SIGN}0.00041')
    """
    if not isfinite(value):
        return "no number"
    if kind != "probability":
        return number(value)
    if 0 < value < 0.001:
        return "< 0.1 %"
    return f"{100 * value:.1f} %"
