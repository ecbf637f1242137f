"""Draw outlines, remember who owns each pixel, and light the result.

Everything is drawn twice: its colour on one sheet and its owner's number on another. The owners are the truth
that a scene comes with: the object's mask, its box, and which parts can still be seen once all is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, UInt8
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from interpret_datasets.scenes.colours import Colour, Paint, Plane
from interpret_datasets.scenes.shapes import Points, centre, move

NOBODY, CLUTTER, FIRST_PART = 0, 1, 2


@dataclass(frozen=True)
class Pose:
    """Where the object stands: its frame -1..1 is flipped, turned, scaled and moved into the picture's."""

    x: float
    y: float
    scale: float
    turn: float
    flip: bool

    @cached_property
    def matrix(self) -> Points:
        """Object to picture, for points as rows."""
        c, s = self.scale * np.cos(self.turn), self.scale * np.sin(self.turn)
        return np.array([[-c, -s] if self.flip else [c, s], [-s, c]])

    def to_picture(self, points: Points) -> Points:
        """Points of the object's frame as points of the picture, both axes 0..1."""
        return move(points @ self.matrix, self.x, self.y)


@dataclass(frozen=True)
class Part:
    """One drawn part: its middle in picture units and the share of its outline inside the picture."""

    name: str
    x: float
    y: float
    inside: float
    patterned: bool


class Canvas:
    """Two sheets of one size, drawn ``zoom`` times too large so that edges come out soft."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.zoom = 3 if size <= 256 else 2
        extent = (size * self.zoom, size * self.zoom)
        self.colours, self.owners = Image.new("RGB", extent), Image.new("L", extent)
        self._brushes = ImageDraw.Draw(self.colours), ImageDraw.Draw(self.owners)

    def fill(self, outline: Points, colour: Colour, owner: int = CLUTTER) -> None:
        """Fill an outline given in picture units (0..1)."""
        corners = (outline * self.colours.width - 0.5).ravel().tolist()
        self._brushes[0].polygon(corners, fill=colour)
        self._brushes[1].polygon(corners, fill=owner)

    def areas(self) -> list[int]:
        """How much of the sheet each owner has."""
        return self.owners.histogram()

    def visible(self) -> UInt8[NDArray[np.uint8], "h w"]:
        """The owner of each pixel's middle."""
        half = self.zoom // 2
        return np.asarray(self.owners)[half :: self.zoom, half :: self.zoom]


class Pen:
    """Draws one object, part by part, in the object's own frame: x and y in -1..1, y downwards."""

    def __init__(self, canvas: Canvas, pose: Pose) -> None:
        self.canvas, self.pose, self.parts = canvas, pose, list[Part]()

    def part(
        self,
        name: str,
        outline: Points,
        colour: Colour,
        *,
        patterned: bool = False,
        middle: tuple[float, float] | None = None,
    ) -> None:
        """Draw a new part.

        Args:
            name: What it is called; equal parts share a name.
            outline: Its shape.
            colour: Its paint.
            patterned: Whether the object's pattern covers it.
            middle: Where it is seen, if that is not the middle of its outline.
        """
        drawn = self.pose.to_picture(outline)
        x, y = self.pose.to_picture(centre(outline) if middle is None else np.array([middle]))[0].tolist()
        inside = float(np.all((drawn > 0) & (drawn < 1), axis=1).mean())
        self.parts.append(Part(name, x, y, inside, patterned))
        self._fill(drawn, colour)

    def detail(self, outline: Points, colour: Colour) -> None:
        """Draw something that belongs to the latest part."""
        self._fill(self.pose.to_picture(outline), colour)

    def _fill(self, drawn: Points, colour: Colour) -> None:
        self.canvas.fill(drawn, colour, FIRST_PART + len(self.parts) - 1)


def visible_parts(
    canvas: Canvas, parts: list[Part], drawn: list[int]
) -> dict[str, list[tuple[float, float]]]:
    """Middles (x, y) in pixels of the parts that can be seen, from left to right.

    A part counts as seen where half of it lies inside the picture and clutter hides at most half of that.
    Whole numbers are pixel middles: (0, 0) is the middle of the first pixel.

    Args:
        canvas: The finished drawing.
        parts: The parts in the order in which they were drawn.
        drawn: ``canvas.areas()`` before anything was laid over the object.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    left = canvas.areas()
    for owner, part in enumerate(parts, FIRST_PART):
        if part.inside >= 0.5 and 0 < drawn[owner] <= 2 * left[owner]:
            middle = (part.x * canvas.size - 0.5, part.y * canvas.size - 0.5)
            found.setdefault(part.name, []).append(middle)
    return {name: sorted(found[name]) for name in sorted(found)}


def object_mask(canvas: Canvas) -> Bool[NDArray[np.bool_], "h w"]:
    """Pixels whose middle belongs to the object."""
    return canvas.visible() >= FIRST_PART


def compose(canvas: Canvas, background: Paint, pattern: Plane, parts: list[Part]) -> Paint:
    """Lay what was drawn over a background: patterns on it, light from the top left, its shadow below.

    Args:
        canvas: The drawing.
        background: Colours in 0..255.
        pattern: Factor on the colours of patterned parts, around 1.
        parts: The parts in the order in which they were drawn.
    """
    paint = np.asarray(canvas.colours.reduce(canvas.zoom), dtype=np.float32)
    cover = _share(canvas, [1] * 255)
    patterned = _share(canvas, [0, *(int(part.patterned) for part in parts)])
    light = _light(canvas) * (1 + patterned * (pattern - 1))
    shade = 1 - 0.42 * _shadow(cover) * (1 - cover)
    return background * (shade * (1 - cover))[..., None] + paint * light[..., None]


def _share(canvas: Canvas, owners: list[int]) -> Plane:
    """How much of each pixel belongs to the flagged owners (from number 1 on), 0..1."""
    table = [0, *(255 * flag for flag in owners)]
    sheet = canvas.owners.point(table + [0] * (256 - len(table))).reduce(canvas.zoom)
    return np.asarray(sheet, dtype=np.float32) / 255


def _light(canvas: Canvas) -> Plane:
    """Factor on the paint: later parts lie higher, and slopes that face the top left are bright."""
    heights = [0] + [min(255, 120 + 9 * owner) for owner in range(255)]
    sheet = canvas.owners.point(heights).reduce(canvas.zoom)
    sharp = _slope(_blur(sheet, 0.012 * canvas.size)) * 0.0035
    broad = _slope(_blur(sheet, 0.06 * canvas.size)) * 0.0095
    return np.clip(1.03 + (sharp + broad) * canvas.size / 96, 0.6, 1.3)


def _slope(height: Plane) -> Plane:
    padded = np.pad(height, 1, mode="edge")
    return padded[2:, 2:] - padded[:-2, :-2]


def _shadow(cover: Plane) -> Plane:
    """A soft shadow that falls to the lower right."""
    size = len(cover)
    soft = _blur(Image.fromarray((255 * cover).astype(np.uint8)), 0.022 * size) / 255
    down, right = round(0.035 * size), round(0.02 * size)
    shadow = np.zeros_like(soft)
    shadow[down:, right:] = soft[: size - down, : size - right]
    return shadow


def _blur(sheet: Image.Image, radius: float) -> Plane:
    return np.asarray(sheet.filter(ImageFilter.GaussianBlur(radius)), dtype=np.float32)
