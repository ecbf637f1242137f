"""Made things: car, bicycle, boat, house.

Each is drawn in a frame of -1..1, y downwards. Car and bicycle have wheels, car and house windows.
"""

from __future__ import annotations

from math import cos, pi, sin

from numpy.random import Generator

from interpret_scenes.canvas import Pen
from interpret_scenes.colours import INK, IRON, STEEL, WHITE, Colour, Palette, darker, lighter
from interpret_scenes.shapes import (
    box,
    curve,
    ellipse,
    polygon,
    ring,
    sector,
    segment,
    smooth,
    stroke,
)

GLASS: Colour = (120, 178, 208)
WOOD: Colour = (140, 92, 56)


def car(pen: Pen, rng: Generator, palette: Palette) -> None:
    """A car from the side: cabin with two windows, body, lamps, two wheels."""
    front, roof = rng.uniform(0.3, 0.5), rng.uniform(-0.56, -0.42)
    pen.part(
        "cabin",
        polygon((-0.66, 0.0), (-0.44, roof), (front - 0.15, roof), (front + 0.16, 0.0)),
        darker(palette.main, 0.12),
        middle=(-0.06, roof + 0.05),
    )
    for x0, x1, x2, x3 in ((-0.52, -0.36, -0.1, -0.1), (-0.02, -0.02, front - 0.2, front + 0.02)):
        pen.part("window", polygon((x0, -0.02), (x1, roof + 0.09), (x2, roof + 0.09), (x3, -0.02)), GLASS)
        pen.detail(
            polygon(
                (x0 + 0.14, -0.04), (x1 + 0.12, roof + 0.11), (x1 + 0.19, roof + 0.11), (x0 + 0.22, -0.04)
            ),
            lighter(GLASS, 0.6),
        )
    body = smooth(
        (-0.98, 0.34),
        (-0.94, 0.02),
        (-0.5, -0.06),
        (front + 0.1, -0.06),
        (0.86, 0.06),
        (0.98, 0.36),
        (0.7, 0.44),
        (-0.7, 0.44),
    )
    pen.part("body", body, palette.main, patterned=True)
    pen.detail(segment(-0.94, 0.3, 0.94, 0.32, 0.07), palette.second)
    pen.detail(segment(-0.06, -0.02, -0.06, 0.34, 0.025), darker(palette.main))
    pen.detail(segment(0.06, 0.08, 0.2, 0.08, 0.05), darker(palette.main))
    pen.part("lamp", ellipse(0.86, 0.18, 0.08, 0.1), (255, 226, 130))
    pen.part("lamp", ellipse(-0.9, 0.16, 0.06, 0.09), (210, 44, 44))
    for x in (-0.54, 0.54):
        _wheel(pen, x, 0.4, rng.uniform(0.25, 0.28))


def _wheel(pen: Pen, x: float, y: float, radius: float) -> None:
    pen.part("wheel", ellipse(x, y, radius), INK)
    pen.detail(ellipse(x, y, radius * 0.6), STEEL)
    for index in range(5):
        turn = index * 2 * pi / 5
        pen.detail(
            segment(x, y, x + radius * 0.56 * cos(turn), y + radius * 0.56 * sin(turn), radius * 0.16), IRON
        )
    pen.detail(ellipse(x, y, radius * 0.2), IRON)


def bicycle(pen: Pen, rng: Generator, palette: Palette) -> None:
    """A bicycle from the side: two spoked wheels, frame, saddle, handlebar, pedals."""
    radius, high = rng.uniform(0.4, 0.46), rng.uniform(-0.34, -0.22)
    for x in (-0.54, 0.54):
        _spoked_wheel(pen, x, 0.34, radius)
    rear, pedal, seat, neck, fork = (
        (-0.54, 0.34),
        (-0.08, 0.36),
        (-0.22, high),
        (0.34, high - 0.02),
        (0.54, 0.34),
    )
    pen.part("frame", segment(*seat, *pedal, 0.085), palette.main)
    for start, stop in ((rear, pedal), (rear, seat), (pedal, neck), (seat, neck), (neck, fork)):
        pen.detail(segment(*start, *stop, 0.085), palette.main)
    pen.part("pedals", ellipse(*pedal, 0.13), STEEL)
    pen.detail(ellipse(*pedal, 0.07), IRON)
    pen.detail(segment(pedal[0] - 0.14, pedal[1] - 0.14, pedal[0] + 0.14, pedal[1] + 0.14, 0.05), IRON)
    pen.part(
        "saddle",
        smooth((-0.44, high - 0.2), (-0.2, high - 0.2), (-0.04, high - 0.13), (-0.4, high - 0.06)),
        palette.dark,
    )
    pen.detail(segment(-0.22, high - 0.1, -0.22, high, 0.06), STEEL)
    pen.part(
        "handlebar",
        stroke(curve((0.34, high), (0.32, high - 0.26), (0.5, high - 0.36), (0.6, high - 0.22)), 0.085),
        IRON,
        middle=(0.5, high - 0.36),
    )


def _spoked_wheel(pen: Pen, x: float, y: float, radius: float) -> None:
    pen.part("wheel", ring(x, y, radius, radius * 0.78), INK)
    for index in range(4):
        dx, dy = radius * 0.8 * cos(index * pi / 4), radius * 0.8 * sin(index * pi / 4)
        pen.detail(segment(x - dx, y - dy, x + dx, y + dy, 0.03), STEEL)
    pen.detail(ellipse(x, y, 0.08), IRON)


def boat(pen: Pen, rng: Generator, palette: Palette) -> None:
    """A sailing boat: mast, two sails, flag, hull with portholes."""
    lean, foot = rng.uniform(-0.1, 0.12), rng.uniform(0.24, 0.32)
    pen.part("mast", segment(0.0, 0.45, 0.0, -1.0, 0.07), WOOD)
    pen.part("flag", polygon((0.03, -1.0), (0.34, -0.92), (0.03, -0.82)), palette.accent)
    pen.part(
        "sail",
        smooth((0.08, -0.76), (0.42, -0.3 + lean), (0.74, foot), (0.4, foot + 0.02), (0.08, foot)),
        palette.second,
        patterned=True,
        middle=(0.3, 0.05),
    )
    pen.part(
        "sail",
        smooth((-0.08, -0.84), (-0.3, -0.3), (-0.62, foot), (-0.3, foot + 0.02), (-0.08, foot)),
        lighter(palette.second),
        patterned=True,
        middle=(-0.28, 0.05),
    )
    pen.part(
        "hull",
        polygon((-0.96, 0.36), (0.98, 0.36), (0.66, 0.82), (-0.62, 0.82)),
        palette.main,
        middle=(0.2, 0.6),
    )
    pen.detail(polygon((-0.96, 0.36), (0.98, 0.36), (0.92, 0.46), (-0.89, 0.46)), WHITE)
    pen.detail(polygon((-0.7, 0.72), (0.73, 0.72), (0.66, 0.82), (-0.62, 0.82)), darker(palette.main))
    for x in (-0.4, 0.0, 0.4):
        pen.part("porthole", ellipse(x, 0.59, 0.085), WHITE)
        pen.detail(ellipse(x, 0.59, 0.055), darker(GLASS))


def house(pen: Pen, rng: Generator, palette: Palette) -> None:
    """A house from the front: chimney, wall, roof, two windows, a door."""
    ridge, eaves = rng.uniform(-0.98, -0.8), rng.uniform(-0.26, -0.14)
    pen.part("chimney", box(0.34, ridge + 0.05, 0.56, eaves), (158, 84, 66), middle=(0.45, ridge + 0.07))
    pen.detail(box(0.3, ridge + 0.02, 0.6, ridge + 0.12), darker((158, 84, 66)))
    pen.part(
        "wall",
        box(-0.76, eaves - 0.05, 0.76, 0.92),
        palette.second,
        patterned=True,
        middle=(0.0, eaves + 0.3),
    )
    pen.part("roof", polygon((-0.98, eaves), (-0.3, ridge), (0.3, ridge), (0.98, eaves)), palette.main)
    for share in (0.3, 0.55, 0.8):
        y, half = ridge + share * (eaves - ridge), 0.3 + share * 0.68
        pen.detail(segment(-half, y, half, y, 0.04), darker(palette.main, 0.3))
    for x in (-0.44, 0.44):
        _window(pen, x, eaves + 0.36, 0.2)
    pen.part("door", box(-0.17, 0.32, 0.17, 0.92, 0.06), palette.accent)
    pen.detail(box(-0.1, 0.4, 0.1, 0.58), darker(palette.accent))
    pen.detail(ellipse(0.1, 0.68, 0.035), (250, 214, 90))


def _window(pen: Pen, x: float, y: float, half: float) -> None:
    pen.part("window", box(x - half, y - half, x + half, y + half), WHITE)
    pen.detail(box(x - half * 0.78, y - half * 0.78, x + half * 0.78, y + half * 0.78), GLASS)
    pen.detail(sector(x - half * 0.2, y - half * 0.2, half * 0.5, pi * 0.75, pi * 1.75), lighter(GLASS, 0.6))
    pen.detail(segment(x - half, y, x + half, y, half * 0.2), WHITE)
    pen.detail(segment(x, y - half, x, y + half, half * 0.2), WHITE)
