"""Outlines as points (x, y), y downwards: everything an object is made of is a polygon."""

from __future__ import annotations

from functools import lru_cache
from math import pi
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

Points: TypeAlias = Float[NDArray[np.floating[Any]], "_ 2"]


@lru_cache
def _circle(steps: int) -> Points:
    angles = np.arange(steps) * (2 * pi / steps)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def ellipse(x: float, y: float, rx: float, ry: float | None = None, turn: float = 0.0) -> Points:
    """An ellipse around (x, y), turned by ``turn`` radians; a circle where ``ry`` is left out."""
    points = _circle(36) * (rx, rx if ry is None else ry)
    return move(rotate(points, turn) if turn else points, x, y)


def ring(x: float, y: float, outer: float, inner: float) -> Points:
    """A ring: out along the outer circle, back along the inner one."""
    circle = np.concatenate([_circle(36), _circle(36)[:1]])
    return move(np.concatenate([circle * outer, circle[::-1] * inner]), x, y)


def sector(x: float, y: float, radius: float, start: float, stop: float) -> Points:
    """A piece of a disc between two angles in radians, closed by the straight chord."""
    angles = np.linspace(start, stop, 20)
    return move(np.stack([np.cos(angles), np.sin(angles)], axis=1) * radius, x, y)


def polygon(*corners: tuple[float, float]) -> Points:
    """Straight lines between corners."""
    return np.array(corners, dtype=np.float64)


def box(left: float, top: float, right: float, bottom: float, radius: float = 0.0) -> Points:
    """An upright rectangle with round corners."""
    if not radius:
        return polygon((left, top), (right, top), (right, bottom), (left, bottom))
    quarter = _circle(24)[:7] * radius
    turns = [quarter, quarter[::-1] * (-1, 1), quarter * -1, quarter[::-1] * (1, -1)]
    middles = [(right, bottom), (left, bottom), (left, top), (right, top)]
    inward = [(-radius, -radius), (radius, -radius), (radius, radius), (-radius, radius)]
    return np.concatenate([t + m + np.array(i) for t, m, i in zip(turns, middles, inward, strict=True)])


def smooth(*corners: tuple[float, float]) -> Points:
    """A closed soft curve through the corners (Catmull-Rom)."""
    knots = polygon(*corners)
    count = len(knots)
    round_trip = np.concatenate([knots[-1:], knots, knots[:2]])
    return _catmull_rom(*(round_trip[shift : shift + count] for shift in range(4)))


def curve(*corners: tuple[float, float]) -> Points:
    """An open soft line through the corners."""
    knots = polygon(*corners)
    knots = np.concatenate([knots[:1], knots, knots[-1:]])
    line = _catmull_rom(knots[:-3], knots[1:-2], knots[2:-1], knots[3:])
    return np.concatenate([line, knots[-1:]])


def stroke(line: Points, width: float, end: float | None = None) -> Points:
    """The outline of a line drawn with a pen of ``width`` that ends with width ``end``."""
    ends = np.concatenate([line[:1], line, line[-1:]])
    along = ends[2:] - ends[:-2]
    normal = along[:, ::-1] * (-1, 1) / np.hypot(along[:, :1], along[:, 1:])
    if end is None:
        normal *= width / 2
    else:
        normal *= np.linspace(width / 2, end / 2, len(line))[:, None]
    return np.concatenate([line + normal, (line - normal)[::-1]])


def segment(x0: float, y0: float, x1: float, y1: float, width: float) -> Points:
    """A straight stroke."""
    return stroke(polygon((x0, y0), (x1, y1)), width)


def star(inner: float, tips: int) -> Points:
    """A star of radius 1 around the origin with ``tips`` tips; its notches lie at radius ``inner``."""
    return _circle(2 * tips) * np.where(np.arange(2 * tips) % 2, inner, 1.0)[:, None]


def move(points: Points, x: float, y: float) -> Points:
    """Points moved by (x, y)."""
    return points + np.array([x, y], dtype=np.float64)


def rotate(points: Points, turn: float) -> Points:
    """Points turned around the origin by ``turn`` radians, clockwise on screen."""
    c, s = np.cos(turn), np.sin(turn)
    x, y = points[:, 0], points[:, 1]
    return np.stack([c * x - s * y, s * x + c * y], axis=1)


def centre(points: Points) -> Points:
    """The middle of an outline's extent, (1, 2)."""
    return np.array([(points.min(0) + points.max(0)) / 2])


_STEPS = (np.arange(8) / 8)[:, None] ** np.arange(4)
_CATMULL_ROM = _STEPS @ np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2


def _catmull_rom(before: Points, start: Points, stop: Points, after: Points) -> Points:
    """Eight points on each cubic from ``start`` towards ``stop``."""
    cubics = np.einsum("tk,kpc->ptc", _CATMULL_ROM, np.stack([before, start, stop, after]))
    return np.reshape(cubics, (-1, 2))
