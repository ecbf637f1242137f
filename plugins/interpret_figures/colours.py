"""Colours that stand for values, and the bars and legends that explain them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np
from jaxtyping import Float, Int, UInt8
from matplotlib import colormaps
from torch import Tensor

from interpret_figures.display import heat, magnitude, mark_no_numbers
from interpret_figures.page import INK, Label
from interpret_figures.text import category, number, numbers, text_inches

__all__ = [
    "HEAT",
    "LABELS",
    "ZERO",
    "Entry",
    "Scale",
    "draw_bar",
    "heat_map",
    "label_pixels",
    "largest",
    "legend",
    "overlaid",
    "rgb",
    "scale_for",
    "tint",
]


ZERO = 128
"""Mid-grey: what a signed scale shows for zero."""

LOWERS, RAISES = (214, 40, 40), (38, 84, 196)
"""Full colours of a signed scale: red for positive values, blue for negative ones."""

HEAT, OVER = "inferno", 0.65
"""The one colour map of all heat maps, and its opacity over a photograph.

Matplotlib's inferno goes from black over red to pale yellow, in equal steps to the eye: lightness alone tells
the order, so that people who confuse red and green read it, and a grey print too; and over a photograph its
dark end leaves in the dark what does not count.
"""

LABELS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#f0e442")
"""Colours that most colour-blind people tell apart (Okabe & Ito 2008); the first is the target's."""

OTHER = (190, 192, 196)
"""The grey of labels that the legend does not name."""

BAR, SMALL = 0.07, 6.0
"""Inches of a colour bar's height, and points of the numbers under it."""


@dataclass(frozen=True)
class Scale:
    """What a colour means.

    Attributes:
        low: The value at the left end of its bar.
        high: The value at the right end.
        colours: A matplotlib colour map, or ``signed``: blue, mid-grey at zero, red.
        strength: Opacity of full colour over mid-grey, of ``signed``.
    """

    low: float
    high: float
    colours: str
    strength: float = 1.0

    def pixels(self, values: Float[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
        """The colours of values; beyond the ends is cut off; a checkerboard where one is no number."""
        if self.colours == "signed":
            return tint(np.full(values.shape, ZERO, np.uint8), values / (self.high or 1), self.strength)
        share = (values - self.low) / ((self.high - self.low) or 1)
        return ramp(share, self.colours)

    def bar(self, height: int, width: int) -> UInt8[np.ndarray, "h w 3"]:
        """All its colours from left to right."""
        line = np.linspace(self.low, self.high, width)[None]
        return self.pixels(line).repeat(height, 0)

    def place(self, value: float) -> float:
        """Where on the bar a value stands, from 0 at the left to 1 at the right."""
        return min(max((value - self.low) / ((self.high - self.low) or 1), 0.0), 1.0)


def scale_for(values: Float[np.ndarray, "*axes"], colours: str) -> Scale:
    """From 0 to the largest finite value; symmetric around 0 where some are negative."""
    end = largest(values)
    return Scale(-end, end, "signed") if (values < 0).any() else Scale(0.0, end, colours)


def largest(values: Float[np.ndarray, "*axes"]) -> float:
    """The largest magnitude of finite values; 0 where there are none."""
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))


def heat_map(values: Float[Tensor, "c h w"], percentile: float) -> tuple[UInt8[np.ndarray, "h w 3"], Scale]:
    """How much each pixel counts, whatever the sign, in colours, and what these mean.

    Args:
        values: The attribution of one image.
        percentile: Percentile of the magnitudes that gets full colour.
    """
    found = heat(values[None])
    scale = Scale(0.0, float(magnitude(found[:, None], percentile)), HEAT)
    return scale.pixels(found[0].numpy()), scale


def ramp(shares: Float[np.ndarray, "h w"], name: str) -> UInt8[np.ndarray, "h w 3"]:
    """Values from 0 to 1 by one of matplotlib's colour maps."""
    pixels: UInt8[np.ndarray, "h w 3"] = colormaps[name](np.clip(shares, 0, 1), bytes=True)[..., :3]
    mark_no_numbers(pixels, ~np.isfinite(shares))
    return pixels


def tint(
    grey: UInt8[np.ndarray, "h w"], values: Float[np.ndarray, "h w"], strength: float = 1.0
) -> UInt8[np.ndarray, "h w 3"]:
    """A grey picture under signed colours: clear where a value is zero, as strong as it is large.

    Args:
        grey: The picture.
        values: From -1 (blue) to 1 (red); beyond is cut off.
        strength: Opacity of full colour.
    """
    opacity = (np.clip(np.nan_to_num(np.abs(values), posinf=0), 0, 1) * strength)[..., None]
    hue = np.where(values[..., None] > 0, np.asarray(LOWERS, float), np.asarray(RAISES, float))
    pixels: UInt8[np.ndarray, "h w 3"] = (
        (grey[..., None] * (1 - opacity) + hue * opacity).round().astype("u1")
    )
    mark_no_numbers(pixels, ~np.isfinite(values))
    return pixels


def overlaid(
    heat: UInt8[np.ndarray, "h w 3"], photograph: UInt8[np.ndarray, "h w 3"]
) -> UInt8[np.ndarray, "h w 3"]:
    """A photograph under a heat map."""
    mixed: UInt8[np.ndarray, "h w 3"] = (photograph * (1 - OVER) + heat * OVER).round().astype(np.uint8)
    return mixed


def draw_bar(
    canvas: UInt8[np.ndarray, "h w 3"],
    scale: Scale,
    corner: tuple[int, int],
    width: int,
    *,
    dpi: int,
    mark: float | None = None,
) -> list[Label]:
    """Draw what the colours above mean; return the numbers under it.

    Args:
        canvas: Where to draw.
        scale: What the colours mean.
        corner: The top left pixel (y, x).
        width: Length in pixels.
        dpi: Pixels in an inch.
        mark: A value at which a line crosses the bar.
    """
    (y, x), height, thick = corner, round(BAR * dpi), max(round(0.015 * dpi), 2)
    canvas[y : y + height, x : x + width] = scale.bar(height, width)
    if mark is not None and not isnan(mark):
        left, over = x + round(scale.place(mark) * (width - thick)), round(0.03 * dpi)
        canvas[y - over : y + height + over, left : left + thick] = rgb(INK)
    below, middle = y + height + round(0.12 * dpi), (scale.low + scale.high) / 2
    low, high = numbers(scale.low, scale.high)
    labels = [Label(x, below, low, SMALL), Label(x + width, below, high, SMALL, align="right")]
    room = width / dpi - 2 * max(text_inches(label.text, SMALL) for label in labels)
    if middle in {0.0, 0.5} and scale.high > scale.low and text_inches("  0.5  ", SMALL) < room:
        labels.append(Label(x + width / 2, below, number(middle), SMALL, align="center"))
    return labels


@dataclass(frozen=True)
class Entry:
    """One line of a legend: a name, its share of the places, its colour, and the classes it stands for."""

    name: str
    share: float
    colour: tuple[int, int, int]
    classes: tuple[int, ...]


def legend(
    labels: Int[np.ndarray, "rows columns"], target: int, categories: Sequence[str], most: int = len(LABELS)
) -> list[Entry]:
    """The labels of a map: the target first, then the most frequent ones, the rest together in grey.

    Args:
        labels: The most probable class at each place.
        target: The class asked about; it is listed even where it is nowhere the most probable.
        categories: Names of the classes; none: their numbers.
        most: So many are named, at most as many as there are colours.
    """
    classes, counts = np.unique(labels, return_counts=True)
    share = {int(one): count / labels.size for one, count in zip(classes, counts, strict=True)}
    named = [target, *sorted(share.keys() - {target}, key=lambda one: (-share[one], one))]
    shown, rest = named[: min(most, len(LABELS))], named[min(most, len(LABELS)) :]
    entries = [
        Entry(category(one, categories), share.get(one, 0.0), rgb(colour), (one,))
        for one, colour in zip(shown, LABELS, strict=False)
    ]
    if not rest:
        return entries
    others = f"{len(rest)} other{'s' if len(rest) > 1 else ''}"
    return [*entries, Entry(others, sum(share[one] for one in rest), OTHER, tuple(rest))]


def label_pixels(
    labels: Int[np.ndarray, "rows columns"], entries: Sequence[Entry]
) -> UInt8[np.ndarray, "rows columns 3"]:
    """A map of classes in the colours of its legend."""
    pixels = np.zeros((*labels.shape, 3), np.uint8)
    for entry in entries:
        pixels[np.isin(labels, entry.classes)] = entry.colour
    return pixels


def rgb(colour: str) -> tuple[int, int, int]:
    """The three bytes of ``#rrggbb``."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue
