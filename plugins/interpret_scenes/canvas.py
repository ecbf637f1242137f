"""Draw outlines, remember who owns each pixel, and light the result.

A sheet has four channels: red, green, blue, and the number of who owns the pixel. The owners are the truth
that a scene comes with: the object's mask, its box, and which parts can still be seen once all is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, UInt8
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from interpret_scenes.colours import Colour, Paint, Plane
from interpret_scenes.shapes import Points, centre, move

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
    """A sheet drawn ``zoom`` times too large, so that edges come out soft."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.zoom = 3 if size <= 256 else 2
        self.sheet = Image.new("RGBX", (size * self.zoom, size * self.zoom), (0, 0, 0, NOBODY))
        self._brush = ImageDraw.Draw(self.sheet)

    def fill(self, outline: Points, colour: Colour, owner: int = CLUTTER) -> None:
        """Fill an outline given in picture units (0..1)."""
        self._brush.polygon((outline * self.sheet.width - 0.5).ravel().tolist(), fill=(*colour, owner))

    @property
    def owners(self) -> Image.Image:
        """Who owns each pixel of the sheet."""
        return self.sheet.getchannel(3)

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
    paint = np.asarray(canvas.sheet.reduce(canvas.zoom).convert("RGB"), dtype=np.float32).transpose(2, 0, 1)
    cover, patterned, height = _translate(canvas, parts)
    share = np.asarray(cover, dtype=np.float32) / 255
    spread = np.asarray(patterned, dtype=np.float32) / 255
    ground = (1 - share) * (1 - 0.42 * _shadow(cover) * (1 - share))
    return background * ground + paint * (_light(height) * (1 + spread * (pattern - 1)))


def _translate(canvas: Canvas, parts: list[Part]) -> tuple[Image.Image, ...]:
    """What each pixel's owners mean, averaged, in 0..255: drawn on at all, patterned, height of surface."""
    table = np.zeros((256, 3), dtype=np.uint8)
    table[CLUTTER:, 0] = 255
    table[FIRST_PART : FIRST_PART + len(parts), 1] = [255 * part.patterned for part in parts]
    table[CLUTTER:, 2] = np.minimum(255, 120 + 9 * np.arange(255))
    owners = canvas.owners
    owners.putpalette(table.tobytes())
    return owners.convert("RGB").reduce(canvas.zoom).split()


def _light(height: Image.Image) -> Plane:
    """Factor on the paint: later parts lie higher, and slopes that face the top left are bright."""
    size = height.width
    sharp = _slope(_blur(height, 0.012 * size)) * 0.0035
    broad = _slope(_blur(height, 0.06 * size)) * 0.0095
    return np.clip(1.03 + (sharp + broad) * size / 96, 0.6, 1.3)


def _slope(height: Plane) -> Plane:
    padded = np.pad(height, 1, mode="edge")
    return padded[2:, 2:] - padded[:-2, :-2]


def _shadow(cover: Image.Image) -> Plane:
    """A soft shadow in 0..1 that falls to the lower right."""
    size = cover.width
    soft = _blur(cover, 0.022 * size) / 255
    down, right = round(0.035 * size), round(0.02 * size)
    shadow = np.zeros_like(soft)
    shadow[down:, right:] = soft[: size - down, : size - right]
    return shadow


def _blur(sheet: Image.Image, radius: float) -> Plane:
    return np.asarray(sheet.filter(ImageFilter.GaussianBlur(radius)), dtype=np.float32)
