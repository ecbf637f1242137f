"""Text for a page: names, numbers, and lines that fit their place."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import cache
from math import ceil, inf, isnan, log10

from matplotlib.backends.backend_agg import RendererAgg

from interpret.files import printable
from interpret_figures.page import font

__all__ = ["MINUS", "category", "chance", "fitted", "number", "numbers", "paragraph", "text_inches"]


MINUS = "\N{MINUS SIGN}"

NO_NUMBER = "no number"
"""What stands for a value that is NaN."""

MEASURED, SLACK = 140, 1.03
"""The resolution at which texts are measured, and what is added for others."""


def category(index: int, categories: Sequence[str]) -> str:
    """The name of a class, or its number where there are no names."""
    return categories[index] if index < len(categories) else f"class {index}"


def number(value: float) -> str:
    """A value in two or three digits, without exponents up to a million."""
    if isnan(value):
        return NO_NUMBER
    if value == 0:
        return "0"
    if 1000 <= abs(value) < 1e6:
        text = f"{value:,.0f}"
    else:
        text = f"{value:.3g}" if abs(value) >= 1 else f"{value:.2g}"
    return text.replace("-", MINUS)


def numbers(*values: float) -> list[str]:
    """Numbers that stand beside each other, in as many digits as it takes to tell them apart.

    Example:
        >>> numbers(0.1412, 0.1437)
        ['0.1412', '0.1437']
    """
    largest, spread = max(map(abs, values)), max(values) - min(values)
    if not 0 < 10 * spread < largest < inf:
        return [number(value) for value in values]
    if 1000 <= largest < 1e9:
        decimals = min(ceil(1 - log10(spread)), 6) if spread < 1 else 0
        return [f"{value:,.{decimals}f}".replace("-", MINUS) for value in values]
    digits = min(2 + ceil(log10(largest / spread)), 7)
    return [f"{value:.{digits}g}".replace("-", MINUS) for value in values]


def chance(value: float) -> str:
    """A probability in two decimals, and one digit where it is smaller than them."""
    if value == 0 or isnan(value):
        return number(value)
    if value >= 0.01:
        return f"{value:.2f}"
    return f"{value:.0e}" if value < 1e-4 else f"{value:.1g}"


@cache
def text_inches(text: str, size: float, *, bold: bool = False) -> float:
    """How long a text is on paper, in inches; letters differ a little with the resolution."""
    renderer = RendererAgg(1, 1, MEASURED)  # type: ignore[no-untyped-call]
    letters = font(size, bold=bold)
    width, _, _ = renderer.get_text_width_height_descent(printable(text), letters, ismath=False)  # type: ignore[no-untyped-call]
    return float(width) / MEASURED * SLACK


def fitted(text: str, inches: float, size: float, *, bold: bool = False) -> str:
    """A text, cut with an ellipsis where it is longer than its place."""
    if text_inches(text, size, bold=bold) <= inches:
        return text

    return f"{text[: _fitting(text, inches, size, '…', bold=bold)].rstrip()}…"


def _fitting(text: str, inches: float, size: float, end: str, *, bold: bool) -> int:
    """How many letters of a text, with what ends it, fit their place; never all."""

    def length_of(length: int) -> float:
        return text_inches(text[:length].rstrip() + end, size, bold=bold)

    # a further letter makes no text shorter: a kern takes less than the narrowest letter adds
    return bisect_right(range(1, len(text)), inches, key=length_of)


def paragraph(text: str, inches: float, size: float, most: int, *, bold: bool = False) -> list[str]:
    """A text in lines that fit; the last of at most ``most`` lines is cut with an ellipsis.

    A word that is longer than a line, such as the name of a layer, goes on in the next one.
    """
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_inches(longer, size, bold=bold) <= inches:
            lines[-1] = longer
        else:
            lines += _broken(word, inches, size, bold=bold)
    if len(lines) > most:
        lines = [*lines[: most - 1], " ".join(lines[most - 1 :])]
    return [fitted(line, inches, size, bold=bold) for line in lines]


def _broken(word: str, inches: float, size: float, *, bold: bool) -> list[str]:
    """A word in as many lines as it needs."""
    parts: list[str] = []
    while text_inches(word, size, bold=bold) > inches and len(word) > 1:
        end = max(_fitting(word, inches, size, "", bold=bold), 1)
        parts, word = [*parts, word[:end]], word[end:]
    return [*parts, word]
