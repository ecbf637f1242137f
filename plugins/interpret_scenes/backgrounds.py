"""Ten kinds of ground with real texture, each a function of a random generator and a size, in numpy.

Lengths are shares of the picture, so that a scene looks the same at every size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.random import Generator
from PIL import Image

from interpret_scenes.colours import Colour, Paint, Plane, oklch

Painter: TypeAlias = Callable[[Generator, int], Paint]


def sky(rng: Generator, size: int) -> Paint:
    """Blue that pales towards the ground, and clouds."""
    hue = rng.uniform(0.64, 0.72)
    air = blend(oklch(0.66, 0.12, hue), oklch(0.88, 0.05, hue), _down(size))
    clouds = step(noise(rng, size, 3, stretch=1.8), rng.uniform(0.5, 0.62), 0.16)
    return blend(air, oklch(0.97, 0.01, hue), clouds * 0.9)


def grass(rng: Generator, size: int) -> Paint:
    """Blades of two greens, darker in places."""
    hue = rng.uniform(0.33, 0.38)
    blades = 0.65 * noise(rng, size, 40, stretch=0.22) + 0.35 * noise(rng, size, 4)
    lawn = blend(oklch(0.4, 0.1, hue), oklch(0.74, 0.15, hue - 0.02), step(blades, 0.5, 0.28))
    return lawn * (0.85 + 0.25 * _down(size))


def sea(rng: Generator, size: int) -> Paint:
    """Waves that come nearer, with foam on their crests."""
    hue = rng.uniform(0.54, 0.7)
    depth = (_down(size) + 0.25) ** 0.6
    waves = np.sin(2 * np.pi * (rng.uniform(7, 10) * depth * 1.4 + 1.3 * noise(rng, size, 3, stretch=2.2)))
    water = blend(oklch(0.42, 0.09, hue), oklch(0.66, 0.1, hue - 0.03), 0.5 + 0.5 * waves)
    return blend(
        water, oklch(0.93, 0.02, hue), step(waves * noise(rng, size, 14, stretch=2.0), 0.5, 0.12) * 0.8
    )


def brick(rng: Generator, size: int) -> Paint:
    """A wall of bricks of slightly different reds."""
    x, y = _turned(rng, size, 0.05)
    rows = rng.uniform(7, 10)
    row = np.floor(y * rows)
    along = x * rows / 2.1 + 0.5 * (row % 2)
    joint = np.maximum(_line(along, 0.05), _line(y * rows, 0.11))
    tone = 0.6 * _scatter(rng, np.floor(along), row) + 0.4 * noise(rng, size, 30)
    hue, pale = rng.uniform(0.07, 0.18), rng.uniform(0, 0.16)
    wall = blend(oklch(0.42 + pale, 0.09, hue), oklch(0.62 + pale, 0.1, hue + 0.02), tone)
    return blend(wall, oklch(0.8, 0.02, 0.2), joint)


def wood(rng: Generator, size: int) -> Paint:
    """Planks with grain."""
    x, y = _turned(rng, size, 0.12, quarter=True)
    planks = rng.uniform(3.5, 5.5)
    plank = np.floor(y * planks)
    lean = _scatter(rng, plank, plank)
    rings = np.sin(2 * np.pi * (4 * y * planks + 3 * noise(rng, size, 3) + 2.5 * lean + x))
    tone = 0.3 + 0.16 * rings + 0.4 * lean + 0.3 * (noise(rng, size, 24) - 0.5)
    hue, pale = rng.uniform(0.13, 0.2), rng.uniform(0, 0.14)
    return blend(oklch(0.36 + pale, 0.06, hue), oklch(0.7 + pale, 0.08, hue), tone) * (
        1 - 0.55 * _line(y * planks, 0.06)
    )


def checker(rng: Generator, size: int) -> Paint:
    """Tiles of two colours."""
    x, y = _turned(rng, size, np.pi)
    tiles, hue = rng.uniform(4.5, 7.5), rng.random()
    odd = 0.5 + 0.5 * _square(x * tiles, tiles / size) * _square(y * tiles, tiles / size)
    floor = blend(oklch(0.42, 0.05, hue), oklch(0.88, 0.03, hue + 0.1), odd)
    floor *= 0.88 + 0.24 * noise(rng, size, 6)
    return floor * (1 - 0.25 * np.maximum(_line(x * tiles, 0.05), _line(y * tiles, 0.05)))


def sand(rng: Generator, size: int) -> Paint:
    """Ripples the wind has left, and grains."""
    x, y = _turned(rng, size, 0.5)
    ripples = np.sin(2 * np.pi * (rng.uniform(7, 11) * y + 0.5 * x + 1.1 * noise(rng, size, 3, stretch=2.0)))
    tone = 0.5 + 0.24 * ripples + 1.0 * (noise(rng, size, 60) - 0.5)
    hue = rng.uniform(0.19, 0.23)
    return blend(oklch(0.68, 0.07, hue), oklch(0.9, 0.06, hue), tone)


def night(rng: Generator, size: int) -> Paint:
    """A dark sky with a glow, stars and a moon."""
    hue = rng.uniform(0.7, 0.8)
    air = blend(oklch(0.2, 0.06, hue), oklch(0.36, 0.1, hue - 0.04), _down(size) * noise(rng, size, 3) * 1.5)
    y, x = _grid(size)
    light = np.zeros((size, size), dtype=np.float32)
    for star_x, star_y, radius in rng.uniform([0, 0, 0.004], [1, 1, 0.011], (28, 3)):
        top, left = (int(max(0, size * (place - 0.04))) for place in (star_y, star_x))
        near = np.s_[top : top + size // 12 + 2, left : left + size // 12 + 2]
        light[near] += np.exp(-((x[near] - star_x) ** 2 + (y[near] - star_y) ** 2) / radius**2)
    moon = np.hypot(x - rng.uniform(0.1, 0.9), y - rng.uniform(0.08, 0.35)) / rng.uniform(0.06, 0.09)
    light += step(-moon, -1.0, 0.12) + 0.3 * np.exp(-moon / 1.6)
    return blend(air, oklch(0.96, 0.04, 0.25), light)


def forest(rng: Generator, size: int) -> Paint:
    """Trunks in a haze, leaves before them."""
    hue = rng.uniform(0.36, 0.43)
    y, x = _grid(size)
    haze = blend(oklch(0.8, 0.06, hue), oklch(0.52, 0.08, hue), y)
    for depth in (0.35, 0.65, 1.0):
        place = x * rng.uniform(3.5, 6) / (0.5 + depth / 2) + rng.random() + 0.5 * noise(rng, size, 2)
        trunk = step(-np.abs(place % 1 - 0.5), -0.06 - 0.09 * depth, 0.035)
        haze = blend(haze, oklch(0.6 - 0.32 * depth, 0.04, 0.2), trunk)
    leaves = step(noise(rng, size, 14) + 0.25 * np.abs(y - 0.5), 0.6, 0.06)
    return blend(
        haze, blend(oklch(0.34, 0.08, hue), oklch(0.58, 0.13, hue - 0.05), noise(rng, size, 40)), leaves
    )


def dots(rng: Generator, size: int) -> Paint:
    """A cloth with round dots in rows."""
    x, y = _turned(rng, size, np.pi)
    many, hue = rng.uniform(5, 8), rng.random()
    row = np.floor(y * many)
    away = np.hypot((x * many + 0.5 * (row % 2)) % 1 - 0.5, y * many - row - 0.5)
    spots = step(-away, -rng.uniform(0.22, 0.34), 0.05)
    cloth = blend(oklch(rng.uniform(0.5, 0.75), 0.07, hue), oklch(0.93, 0.03, hue + 0.2), spots)
    return cloth * (0.9 + 0.2 * noise(rng, size, 60, stretch=3.0))


BACKGROUNDS: Mapping[str, Painter] = MappingProxyType(
    {
        painter.__name__: painter
        for painter in (sky, grass, sea, brick, wood, checker, sand, night, forest, dots)
    }
)
"""Name to painter."""


def blend(first: Colour | Paint, second: Colour | Paint, share: Plane) -> Paint:
    """``first`` where share is 0, ``second`` where it is 1."""
    start, stop = _channels(first), _channels(second)
    return start + (stop - start) * np.clip(share, 0, 1)


def _channels(colour: Colour | Paint) -> Paint:
    return colour if isinstance(colour, np.ndarray) else np.array(colour, dtype=np.float32)[:, None, None]


def step(values: Plane, threshold: float, soft: float) -> Plane:
    """0 below ``threshold``, 1 above it, a ramp of width ``soft`` between."""
    ramp: Plane = (values - threshold) / soft + 0.5
    return np.clip(ramp, 0, 1)


def noise(rng: Generator, size: int, cells: int, stretch: float = 1.0) -> Plane:
    """Soft noise, mean 0.5, spread about 0.2: lumps ``1 / cells`` high and ``stretch`` times as wide."""
    sheet = _noise_sheet(size, cells, stretch)
    top, left = (int(rng.integers(0, extent - size + 1)) for extent in sheet.shape)
    return sheet[top : top + size, left : left + size]


@lru_cache(maxsize=64)
def _noise_sheet(size: int, cells: int, stretch: float) -> Plane:
    """A sheet up to four times as long as a picture, of three octaves; made once and cut from often."""
    rng = np.random.Generator(np.random.PCG64(cells))
    extent = min(4 * size, size + 768)
    total: Plane = np.zeros((extent, extent), dtype=np.float32)
    for octave in range(3):
        rows = min(cells * 2**octave * extent // size, extent)
        columns = min(max(4, round(rows / stretch)), extent)
        lattice = Image.fromarray(rng.standard_normal((rows, columns), dtype=np.float32))
        total += np.asarray(lattice.resize((extent, extent), Image.Resampling.BICUBIC)) / 2**octave
    total -= total.mean()
    total *= 0.2 / total.std()
    total += 0.5
    total.setflags(write=False)
    return total


@lru_cache(maxsize=8)
def _grid(size: int) -> tuple[Plane, Plane]:
    """Rows y and columns x of the pixel middles, 0..1."""
    y, x = (np.mgrid[0:size, 0:size].astype(np.float32) + 0.5) / size
    return y, x


def _down(size: int) -> Plane:
    return _grid(size)[0]


def _turned(rng: Generator, size: int, most: float, *, quarter: bool = False) -> tuple[Plane, Plane]:
    """Coordinates x and y turned by up to ``most`` radians, moved at random."""
    y, x = _grid(size)
    turn = rng.uniform(-most, most) + quarter * rng.integers(2) * np.pi / 2
    c, s = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    dx, dy = rng.random(2, dtype=np.float32)
    return c * x + s * y + dx + 4, c * y - s * x + dy + 4


def _line(place: Plane, width: float) -> Plane:
    """1 on the whole numbers of ``place``, falling to 0 at ``width`` from them."""
    return np.clip(1.6 - 1.6 * np.abs(place - np.rint(place)) / width, 0, 1)


def _square(place: Plane, soft: float) -> Plane:
    """-1 and 1 by turns on the cells of ``place``, with edges of width ``soft``."""
    return np.clip((1 - 4 * np.abs((place + 0.5) / 2 % 1 - 0.5)) / (2 * soft), -1, 1)


def _scatter(rng: Generator, column: Plane, row: Plane) -> Plane:
    """One random tone in 0..1 for each cell."""
    tones = rng.random((37, 41), dtype=np.float32)
    return tones[row.astype(np.int64) % 37, column.astype(np.int64) % 41]
