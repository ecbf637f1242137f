"""Colours that go together: picked in OKLCH, where equal steps look equal."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, sin
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float32
from numpy.typing import NDArray

Colour: TypeAlias = tuple[int, int, int]
"""sRGB, each channel in 0..255."""

Plane: TypeAlias = Float32[NDArray[np.floating[Any]], "h w"]
"""One number for each pixel."""

Paint: TypeAlias = Float32[NDArray[np.floating[Any]], "3 h w"]
"""Red, green and blue in 0..255 before they are rounded."""

WHITE: Colour = (250, 249, 245)
INK: Colour = (36, 33, 41)
IRON: Colour = (62, 64, 72)
STEEL: Colour = (176, 182, 190)


@dataclass(frozen=True)
class Palette:
    """Four colours of one object: two that carry it, one that stands out, one that is dark."""

    main: Colour
    second: Colour
    accent: Colour
    dark: Colour


def oklch(lightness: float, chroma: float, hue: float) -> Colour:
    """The sRGB colour of an OKLCH triple; lightness in 0..1, chroma in 0..0.3, hue in turns.

    Source: B. Ottosson, "A perceptual color space for image processing" (2020).
    """
    a, b = chroma * cos(2 * pi * hue), chroma * sin(2 * pi * hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    return _encode(red), _encode(green), _encode(blue)


def _encode(linear: float) -> int:
    """A linear channel as sRGB in 0..255, cut to the gamut."""
    linear = min(max(linear, 0.0), 1.0)
    return round(255 * (12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055))


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """The colour on the way from ``first`` (share 0) to ``second`` (share 1)."""
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(first, second, strict=True))
    return red, green, blue


def lighter(colour: Colour, share: float = 0.35) -> Colour:
    """``colour`` moved towards white by ``share``."""
    return mix(colour, WHITE, share)


def darker(colour: Colour, share: float = 0.35) -> Colour:
    """``colour`` moved towards black ink by ``share``."""
    return mix(colour, INK, share)


def pick_palette(rng: np.random.Generator) -> Palette:
    """A lively palette: a hue, a neighbour or an opposite of it, and an accent."""
    hue = rng.random()
    away = rng.choice([0.08, -0.08, 0.33, 0.5])
    main = oklch(rng.uniform(0.58, 0.8), rng.uniform(0.11, 0.19), hue)
    second = oklch(rng.uniform(0.82, 0.93), rng.uniform(0.05, 0.1), hue + away)
    accent = oklch(rng.uniform(0.6, 0.75), rng.uniform(0.15, 0.2), hue + away + 0.3)
    return Palette(main, second, accent, oklch(0.36, 0.06, hue))
