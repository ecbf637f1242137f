"""One scene from a random generator: background, clutter behind, object, clutter before, light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8
from numpy.random import Generator
from numpy.typing import NDArray

from interpret_scenes.backgrounds import BACKGROUNDS, noise, step
from interpret_scenes.canvas import Canvas, Pen, Pose, compose, object_mask, visible_parts
from interpret_scenes.colours import Paint, Plane, oklch, pick_palette
from interpret_scenes.objects import OBJECTS
from interpret_scenes.shapes import Points, ellipse, move, rotate, smooth, star


@dataclass(frozen=True)
class Scene:
    """A picture and the truth about it.

    Attributes:
        picture: sRGB.
        mask: Pixels of the object that can be seen.
        parts: Middles (x, y) in pixels of the parts that can be seen, by name.
    """

    picture: UInt8[NDArray[np.uint8], "h w 3"]
    mask: Bool[NDArray[np.bool_], "h w"]
    parts: dict[str, list[tuple[float, float]]]


def draw_scene(rng: Generator, category: str, background: str, size: int, clutter: float) -> Scene:
    """Draw one object in a random pose on a background.

    Args:
        rng: The only source of chance.
        category: A name of ``OBJECTS``.
        background: A name of ``BACKGROUNDS``.
        size: Height and width in pixels.
        clutter: 0 draws the object alone, 1 surrounds it with small shapes.
    """
    canvas, pose = Canvas(size), pick_pose(rng)
    _scatter_clutter(canvas, rng, round(rng.integers(4, 11) * clutter), 0.085)
    pen = Pen(canvas, pose)
    OBJECTS[category](pen, rng, pick_palette(rng))
    drawn = canvas.areas()
    _scatter_clutter(canvas, rng, round(rng.integers(0, 3) * clutter), 0.06)
    ground = BACKGROUNDS[background](rng, size)
    light = compose(canvas, ground, _pattern(rng, pose, size), pen.parts)
    return Scene(_develop(rng, light), object_mask(canvas), visible_parts(canvas, pen.parts, drawn))


def pick_pose(rng: Generator) -> Pose:
    """A place, scale, turn and flip that keep the object mostly inside."""
    scale = rng.uniform(0.27, 0.43)
    x, y = 0.5 + rng.uniform(-1, 1, 2) * (0.52 - scale)
    return Pose(
        float(x), float(y), scale, float(np.clip(rng.normal(0, 0.22), -0.6, 0.6)), bool(rng.integers(2))
    )


def _scatter_clutter(canvas: Canvas, rng: Generator, count: int, most: float) -> None:
    for _ in range(count):
        radius = rng.uniform(0.4, 1) * most
        colour = oklch(rng.uniform(0.45, 0.88), rng.uniform(0.02, 0.15), rng.random())
        shape = rotate(_trinket(rng) * radius, rng.uniform(0, 6.3))
        canvas.fill(move(shape, rng.random(), rng.random()), colour)


def _trinket(rng: Generator) -> Points:
    """A small shape of radius 1 around the origin."""
    kind = int(rng.integers(5))
    if kind == 0:
        return ellipse(0.0, 0.0, 1.0, rng.uniform(0.5, 1))
    if kind == 1:
        return star(0.45, 5)
    if kind == 2:
        return smooth((-1.0, 0.0), (0.0, -0.45), (1.0, 0.0), (0.0, 0.45))
    if kind == 3:
        return smooth((-1.0, 0.3), (0.0, -0.9), (0.9, -0.2), (0.4, 0.8))
    return star(0.9, int(rng.integers(2, 4)))


def _pattern(rng: Generator, pose: Pose, size: int) -> Plane:
    """Factor on patterned parts, in the object's frame: plain, stripes, spots, checks or mottled."""
    kind, strong = int(rng.integers(5)), rng.uniform(0.18, 0.4)
    if kind == 0:
        return np.ones((size, size), dtype=np.float32)
    if kind == 4:
        return (1 + strong * 2 * (noise(rng, size, 14) - 0.5)).astype(np.float32)
    u, v = _object_grid(pose, size)
    dense = rng.uniform(3.2, 4.6)
    if kind == 1:
        wave = np.cos(2 * np.pi * dense * (u + 0.15 * np.cos(3 * v)))
    elif kind == 2:
        wave = 1.2 * np.cos(np.pi * dense * (u + v)) * np.cos(np.pi * dense * (u - v)) - 0.3
    else:
        wave = np.sin(np.pi * dense * u) * np.sin(np.pi * dense * v) * 2
    return (1 - strong * step(wave, 0.0, 0.9 * 14 / size + 0.25)).astype(np.float32)


def _object_grid(pose: Pose, size: int) -> tuple[Plane, Plane]:
    """The object's coordinates at each pixel middle."""
    inverse = np.linalg.inv(pose.matrix).astype(np.float32)
    line = (np.arange(size, dtype=np.float32) + 0.5) / size
    x, y = (line - np.float32(pose.x))[None, :], (line - np.float32(pose.y))[:, None]
    return x * inverse[0, 0] + y * inverse[1, 0], x * inverse[0, 1] + y * inverse[1, 1]


def _develop(rng: Generator, light: Paint) -> UInt8[NDArray[np.uint8], "h w 3"]:
    """Exposure, a tint, and a little grain."""
    gains = rng.uniform(0.88, 1.08) * (1 + rng.uniform(-0.04, 0.04, 3)).astype(np.float32)
    grain = 10 * (noise(rng, light.shape[1], 96) - 0.5)
    exposed = np.clip(light * gains.astype(np.float32)[:, None, None] + grain, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(exposed.transpose(1, 2, 0))
