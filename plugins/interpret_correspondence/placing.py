"""Where the masks stand in every image: on its parts, and at random positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from jaxtyping import Int
from torch import Tensor

from interpret.errors import InterpretError
from interpret.files import digest
from interpret_correspondence.masks import Box, Size, square
from interpret_correspondence.parts import Position

RandomRule: TypeAlias = Literal["each", "shared"]
"""Whether every image has random positions of its own, or all images have the same ones."""

Boxes: TypeAlias = list[list[tuple[Box, ...]]]
"""For each mask, for each image, what is covered; nothing where the image lacks the part."""


def part_boxes(found: Mapping[str, Sequence[list[Position] | str]], window: Size, size: Size) -> Boxes:
    """The masks on the parts, in the order of ``found``; several positions of one part are one mask.

    Args:
        found: The positions of each part in every image, or why there are none.
        window: Height and width of a mask.
        size: Of the images.
    """
    return [
        [
            () if isinstance(places, str) else tuple(square(at.x, at.y, window, size) for at in places)
            for places in images
        ]
        for images in found.values()
    ]


@dataclass(frozen=True)
class Draws:
    """How random positions are drawn.

    Attributes:
        count: In each image.
        rule: ``each`` draws for every image by itself, whatever other images there are; ``shared`` once.
        avoid: Whether they keep off the masks on parts (with ``shared``: off those of all images).
        seed: Of the draw.
    """

    count: int
    rule: RandomRule
    avoid: bool
    seed: int

    def boxes(self, indices: Sequence[int], parts: Boxes, window: Size, size: Size) -> Boxes:
        """Random masks, wholly inside the images.

        Args:
            indices: The index of every image in the dataset.
            parts: The masks on parts.
            window: Height and width of a mask.
            size: Of the images.

        Raises:
            InterpretError: If there is no room beside the parts.
        """
        kept = [[box for mask in parts for box in mask[image]] for image in range(len(indices))]
        if self.rule == "shared":
            free = corners(size, window, [box for boxes in kept for box in boxes] if self.avoid else ())
            drawn = [self._draw(free, window, "shared")] * len(indices)
        else:
            drawn = [
                self._draw(corners(size, window, boxes if self.avoid else ()), window, index)
                for index, boxes in zip(indices, kept, strict=True)
            ]
        return [[(boxes[draw],) for boxes in drawn] for draw in range(self.count)]

    def _draw(self, free: Int[Tensor, "place 2"], window: Size, *purpose: object) -> list[Box]:
        random = generator(self.seed, "random positions", *purpose)
        chosen = free[torch.randint(len(free), (self.count,), generator=random)].tolist()
        return [(top, left, top + window[0], left + window[1]) for top, left in chosen]


def corners(size: Size, window: Size, avoid: Sequence[Box] = ()) -> Int[Tensor, "place 2"]:
    """Every top left pixel (y, x) of a window that lies inside the image and touches none of some boxes.

    Raises:
        InterpretError: If there is none.
    """
    free = torch.ones(size[0] - window[0] + 1, size[1] - window[1] + 1, dtype=torch.bool)
    for top, left, bottom, right in avoid:
        free[max(top - window[0] + 1, 0) : bottom, max(left - window[1] + 1, 0) : right] = False
    if not bool(free.any()):
        raise InterpretError(
            f"No mask of {window[0]} x {window[1]} pixels fits beside the parts in an image of "
            f"{size[0]} x {size[1]}. Give a smaller window, or avoid: false."
        )
    return free.nonzero()


def generator(*purpose: object) -> torch.Generator:
    """A source of random numbers for one purpose, on the CPU."""
    return torch.Generator().manual_seed(int(digest("correspondence", *purpose)[:15], 16))
