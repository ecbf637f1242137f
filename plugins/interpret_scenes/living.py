"""Living things: face, cat, fish, bird, butterfly, flower.

Each is drawn in a frame of -1..1, y downwards. Face, cat, fish and bird have eyes, bird and butterfly wings.
"""

from __future__ import annotations

from math import cos, pi, sin

from numpy.random import Generator

from interpret_scenes.canvas import Pen
from interpret_scenes.colours import INK, WHITE, Colour, Palette, darker, lighter, mix, oklch
from interpret_scenes.shapes import Points, curve, ellipse, polygon, rotate, segment, smooth, stroke


def face(pen: Pen, rng: Generator, palette: Palette) -> None:
    """A face from the front: locks, ears, head, hair, two eyes, a nose, a mouth."""
    tone = rng.uniform(0.5, 0.86)
    skin = oklch(tone, rng.uniform(0.06, 0.09), rng.uniform(0.13, 0.17))
    dark_hair = oklch(rng.uniform(0.24, 0.4), rng.uniform(0.02, 0.09), rng.uniform(0.05, 0.2))
    fair_hair = oklch(rng.uniform(0.76, 0.84), 0.13, rng.uniform(0.22, 0.25))
    hair = fair_hair if tone > 0.68 and rng.random() < 0.35 else dark_hair
    wide, drop = rng.uniform(0.6, 0.7), rng.uniform(-0.3, 0.8)
    pen.part(
        "locks",
        smooth((-0.8, drop), (-0.86, -0.35), (-0.45, -0.98), (0.45, -0.98), (0.86, -0.35), (0.8, drop)),
        hair,
        middle=(-0.8, -0.35),
    )
    for side in (-1, 1):
        pen.part("ear", ellipse(side * (wide + 0.03), 0.05, 0.13, 0.19), darker(skin, 0.1))
    pen.part(
        "head",
        smooth(
            (-wide, -0.1),
            (-0.48, 0.62),
            (0.0, 0.96),
            (0.48, 0.62),
            (wide, -0.1),
            (0.45, -0.72),
            (-0.45, -0.72),
        ),
        skin,
        middle=(0.0, 0.43),
    )
    for side in (-1, 1):
        pen.detail(ellipse(side * 0.42, 0.36, 0.14, 0.1), mix(skin, (235, 90, 90), 0.35))
        brow = curve((side * 0.12, -0.24), (side * 0.3, -0.31), (side * 0.47, -0.23))
        pen.detail(stroke(brow, 0.07), darker(hair, 0.3))
    _fringe(pen, rng, hair)
    _two_eyes(pen, palette.dark, y=0.0, apart=rng.uniform(0.27, 0.32), radius=0.18)
    pen.part("nose", smooth((0.0, 0.04), (0.12, 0.29), (0.0, 0.35), (-0.12, 0.29)), darker(skin, 0.22))
    _mouth(pen, rng)


def _fringe(pen: Pen, rng: Generator, hair: Colour) -> None:
    tip = rng.uniform(-0.35, 0.35)
    pen.part(
        "hair",
        smooth(
            (-0.74, -0.12),
            (-0.68, -0.7),
            (0.0, -1.0),
            (0.68, -0.7),
            (0.74, -0.12),
            (0.5, -0.42),
            (tip, -0.52),
            (-0.5, -0.42),
        ),
        lighter(hair, 0.08),
        middle=(0.0, -0.75),
    )


def _mouth(pen: Pen, rng: Generator) -> None:
    smile, wide = rng.uniform(0.04, 0.18), rng.uniform(0.22, 0.32)
    lips = smooth((-wide, 0.52 - smile / 2), (0.0, 0.54), (wide, 0.52 - smile / 2), (0.0, 0.62 + smile))
    pen.part("mouth", lips, (172, 44, 56))
    pen.detail(
        smooth(
            (-wide * 0.7, 0.53 - smile / 4),
            (0.0, 0.56),
            (wide * 0.7, 0.53 - smile / 4),
            (0.0, 0.58 + smile / 3),
        ),
        WHITE,
    )


def _two_eyes(pen: Pen, iris: Colour, *, y: float, apart: float, radius: float) -> None:
    for side in (-1, 1):
        _eye(pen, side * apart, y, radius, lighter(iris, 0.25))


def _eye(pen: Pen, x: float, y: float, radius: float, iris: Colour) -> None:
    pen.part("eye", ellipse(x, y, radius, radius * 0.92), WHITE)
    pen.detail(ellipse(x, y, radius * 0.66), iris)
    pen.detail(ellipse(x, y, radius * 0.42), INK)
    pen.detail(ellipse(x - radius * 0.22, y - radius * 0.25, radius * 0.2), WHITE)


def cat(pen: Pen, rng: Generator, palette: Palette) -> None:
    """A cat's head: pointed ears, slit eyes, a nose, whiskers."""
    fur = oklch(rng.uniform(0.42, 0.85), rng.uniform(0.02, 0.11), rng.uniform(0.12, 0.2))
    tall = rng.uniform(0.82, 1.0)
    for side in (-1, 1):
        ear = polygon((side * 0.82, -0.12), (side * 0.74, -tall), (side * 0.14, -0.5))
        pen.part("ear", ear, darker(fur, 0.12), patterned=True)
        pen.detail(
            polygon((side * 0.68, -0.3), (side * 0.66, -tall + 0.2), (side * 0.32, -0.5)), (232, 160, 160)
        )
    head = smooth(
        (-0.85, 0.12),
        (-0.55, 0.62),
        (0.0, 0.78),
        (0.55, 0.62),
        (0.85, 0.12),
        (0.55, -0.42),
        (0.0, -0.52),
        (-0.55, -0.42),
    )
    pen.part("head", head, fur, patterned=True)
    for x in (-0.2, 0.0, 0.2):
        pen.detail(polygon((x - 0.06, -0.47), (x + 0.06, -0.47), (x * 0.7, -0.2)), darker(fur, 0.4))
    for side in (-1, 1):
        _cat_eye(pen, side * rng.uniform(0.36, 0.4), lighter(palette.accent, 0.2))
    _muzzle(pen, fur)


def _cat_eye(pen: Pen, x: float, iris: Colour) -> None:
    pen.part("eye", ellipse(x, -0.02, 0.19, 0.16), lighter(iris, 0.15))
    pen.detail(ellipse(x, -0.02, 0.065, 0.15), INK)
    pen.detail(ellipse(x - 0.06, -0.07, 0.04), WHITE)


def _muzzle(pen: Pen, fur: Colour) -> None:
    pen.part(
        "muzzle",
        smooth((-0.34, 0.36), (0.0, 0.16), (0.34, 0.36), (0.24, 0.58), (0.0, 0.54), (-0.24, 0.58)),
        lighter(fur, 0.62),
        middle=(0.0, 0.47),
    )
    for side in (-1, 1):
        for y in (0.28, 0.42, 0.56):
            whisker = curve((side * 0.22, 0.38), (side * 0.6, y - 0.03), (side * 1.02, y))
            pen.detail(stroke(whisker, 0.035, 0.012), WHITE)
        pen.detail(stroke(curve((0.0, 0.38), (side * 0.08, 0.5), (side * 0.2, 0.48)), 0.04), INK)
    pen.part("nose", smooth((-0.13, 0.24), (0.0, 0.21), (0.13, 0.24), (0.0, 0.38)), (226, 112, 122))


def fish(pen: Pen, rng: Generator, palette: Palette) -> None:
    """A fish from the side: tail, fins, body, gill, eye, mouth."""
    deep, fork = rng.uniform(0.4, 0.58), rng.uniform(0.32, 0.5)
    pen.part(
        "tail",
        smooth((0.42, 0.0), (0.78, -fork), (1.0, -fork - 0.1), (0.85, 0.0), (1.0, fork + 0.1), (0.78, fork)),
        palette.accent,
    )
    _rays(
        pen,
        (0.5, 0.0),
        [(0.92, -fork), (0.84, -fork / 3), (0.84, fork / 3), (0.92, fork)],
        darker(palette.accent),
    )
    pen.part(
        "fin",
        smooth((-0.35, -deep + 0.15), (-0.1, -deep - 0.34), (0.4, -deep - 0.16), (0.42, -0.2)),
        palette.accent,
    )
    pen.part(
        "fin",
        smooth((-0.15, deep - 0.12), (0.1, deep + 0.26), (0.36, deep + 0.1), (0.3, 0.2)),
        palette.accent,
    )
    body = smooth(
        (-0.95, 0.03),
        (-0.6, -deep * 0.8),
        (-0.1, -deep),
        (0.35, -deep * 0.6),
        (0.62, 0.0),
        (0.35, deep * 0.6),
        (-0.1, deep),
        (-0.6, deep * 0.8),
    )
    pen.part("body", body, palette.main, patterned=True)
    pen.detail(
        smooth((-0.8, 0.2), (-0.1, deep * 0.5), (0.4, deep * 0.42), (-0.1, deep * 0.92), (-0.6, deep * 0.68)),
        palette.second,
    )
    pen.detail(
        stroke(curve((-0.32, -deep * 0.62), (-0.2, 0.0), (-0.34, deep * 0.62)), 0.06), darker(palette.main)
    )
    pen.part(
        "side_fin",
        smooth((-0.08, 0.02), (0.26, -0.08), (0.3, 0.16), (0.06, 0.2)),
        lighter(palette.accent, 0.2),
    )
    _eye(pen, -0.56, -0.1, 0.15, palette.dark)
    pen.part(
        "mouth", smooth((-0.97, 0.08), (-0.84, 0.08), (-0.72, 0.18), (-0.86, 0.2)), darker(palette.main, 0.6)
    )


def _rays(pen: Pen, start: tuple[float, float], stops: list[tuple[float, float]], colour: Colour) -> None:
    for stop in stops:
        pen.detail(segment(*start, *stop, 0.025), colour)


def bird(pen: Pen, rng: Generator, palette: Palette) -> None:
    """A bird from the side: legs, tail, body, head, wing, eye, beak."""
    lift, yellow = rng.uniform(-0.15, 0.2), oklch(rng.uniform(0.7, 0.8), 0.16, rng.uniform(0.14, 0.22))
    for x in (-0.05, 0.16):
        pen.part("leg", segment(x, 0.42, x - 0.04, 0.94, 0.055), darker(yellow, 0.15))
        pen.detail(segment(x - 0.19, 0.94, x + 0.05, 0.94, 0.06), darker(yellow, 0.15))
    pen.part(
        "tail",
        polygon((0.4, 0.1), (1.0, lift - 0.18), (1.02, lift), (0.96, lift + 0.16), (0.4, 0.36)),
        darker(palette.main, 0.3),
        middle=(0.8, lift + 0.02),
    )
    pen.part(
        "body",
        smooth(
            (-0.62, 0.02), (-0.42, 0.42), (0.02, 0.58), (0.46, 0.36), (0.62, 0.1), (0.1, -0.2), (-0.35, -0.38)
        ),
        palette.main,
        middle=(-0.25, 0.2),
    )
    pen.detail(smooth((-0.58, 0.08), (-0.4, 0.4), (0.0, 0.55), (0.26, 0.44), (-0.16, 0.2)), palette.second)
    pen.part("beak", polygon((-0.74, -0.52), (-1.04, -0.36), (-0.72, -0.26)), yellow)
    pen.detail(segment(-1.0, -0.365, -0.72, -0.38, 0.03), darker(yellow))
    pen.part(
        "head", ellipse(-0.48, -0.4, 0.33), mix(palette.main, palette.accent, 0.15), middle=(-0.4, -0.25)
    )
    _eye(pen, -0.58, -0.46, 0.115, palette.dark)
    wing = smooth(
        (-0.24, -0.12),
        (0.1, -0.2 + lift / 3),
        (0.5, -0.02 + lift / 3),
        (0.8, 0.24 + lift / 2),
        (0.2, 0.38),
        (-0.16, 0.22),
    )
    pen.part("wing", wing, palette.accent, patterned=True)
    for y in (0.06, 0.16, 0.26):
        pen.detail(stroke(curve((0.0, y - 0.02), (0.3, y), (0.6, y + 0.05)), 0.035), darker(palette.accent))


def butterfly(pen: Pen, rng: Generator, palette: Palette) -> None:
    """A butterfly from above: four wings with an eye spot each, body, head, antennae."""
    spread, tip = rng.uniform(0.82, 0.98), rng.uniform(0.6, 0.9)
    for side in (-1, 1):
        hind = smooth(
            (side * 0.04, 0.02),
            (side * 0.56, 0.08),
            (side * 0.72, 0.44),
            (side * 0.5, 0.82),
            (side * 0.2, 0.62),
        )
        _wing(pen, hind, palette.accent, palette, spot=(side * 0.46, 0.46), radius=0.13)
        fore = smooth(
            (side * 0.04, -0.2),
            (side * 0.5, -tip),
            (side * spread, -tip),
            (side * spread * 0.95, -0.2),
            (side * 0.5, 0.14),
            (side * 0.04, 0.1),
        )
        _wing(pen, fore, palette.main, palette, spot=(side * spread * 0.68, -tip * 0.55), radius=0.17)
    for side in (-1, 1):
        pen.part(
            "antenna",
            stroke(curve((side * 0.03, -0.42), (side * 0.14, -0.72), (side * 0.32, -0.94)), 0.045),
            INK,
            middle=(side * 0.14, -0.72),
        )
        pen.detail(ellipse(side * 0.32, -0.94, 0.05), INK)
    pen.part("body", ellipse(0.0, 0.12, 0.1, 0.52), palette.dark)
    for y in (0.1, 0.25, 0.4):
        pen.detail(segment(-0.09, y, 0.09, y, 0.04), lighter(palette.dark, 0.45))
    pen.part("head", ellipse(0.0, -0.4, 0.12), darker(palette.dark))


def _wing(
    pen: Pen, outline: Points, colour: Colour, palette: Palette, *, spot: tuple[float, float], radius: float
) -> None:
    middle = outline.mean(0)
    pen.part("wing", outline, darker(palette.dark, 0.2))
    pen.detail(middle + (outline - middle) * 0.85, colour)
    pen.detail(ellipse(*spot, radius), palette.second)
    pen.detail(ellipse(*spot, radius * 0.55), palette.dark)


def flower(pen: Pen, rng: Generator, _palette: Palette) -> None:
    """A flower on its stem: leaves, petals around a centre."""
    green = oklch(rng.uniform(0.52, 0.66), 0.13, rng.uniform(0.36, 0.42))
    pen.part(
        "stem",
        stroke(curve((0.0, -0.3), (0.06, 0.3), (rng.uniform(-0.15, 0.15), 1.0)), 0.09),
        darker(green, 0.15),
        middle=(0.06, 0.3),
    )
    for side in (-1, 1):
        y = rng.uniform(0.45, 0.72)
        pen.part(
            "leaf",
            smooth((side * 0.03, y), (side * 0.3, y - 0.28), (side * 0.68, y - 0.26), (side * 0.4, y + 0.04)),
            green,
        )
        pen.detail(segment(side * 0.06, y - 0.02, side * 0.56, y - 0.22, 0.03), darker(green))
    count, long = int(rng.integers(5, 9)), rng.uniform(0.56, 0.64)
    wide, start = rng.uniform(0.7, 0.95) * long * sin(pi / count), rng.uniform(0.0, pi)
    colour = oklch(rng.uniform(0.68, 0.88), rng.uniform(0.1, 0.18), rng.uniform(0.72, 1.24))
    petal = smooth(
        (0.1, 0.0), (long * 0.7, -wide), (long, -wide * 0.4), (long, wide * 0.4), (long * 0.7, wide)
    )
    for index in range(count):
        middle = (0.0, -0.36)
        turn = start + 2 * pi * index / count
        pen.part("petal", rotate(petal, turn) + middle, lighter(colour, 0.12 * (index % 2)))
        pen.detail(
            segment(middle[0], middle[1], long * 0.7 * cos(turn), middle[1] + long * 0.7 * sin(turn), 0.03),
            darker(colour, 0.25),
        )
    gold = oklch(0.78, 0.15, rng.uniform(0.17, 0.24))
    pen.part("centre", ellipse(0.0, -0.36, 0.21), gold)
    for index in range(8):
        pen.detail(
            ellipse(0.12 * cos(index * pi / 4), -0.36 + 0.12 * sin(index * pi / 4), 0.035), darker(gold, 0.45)
        )
