"""Views of an image: random crops, the ten fixed ones, the centre."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Int, Shaped
from torch import Tensor

from interpret_training.recipe import Crops

__all__ = ["cut", "ten_views"]


class Views(NamedTuple):
    """Where each image of a batch is cropped, and whether it is mirrored."""

    top: Int[Tensor, " n"]
    left: Int[Tensor, " n"]
    flip: Bool[Tensor, " n"]

    def rows(self, rows: slice) -> Views:
        """The views of some images of the batch."""
        return Views(*(part[rows] for part in self))

    def expand(self, count: int) -> Views:
        """One view, for so many images."""
        return Views(*(part.expand(count) for part in self))


def draw_views(
    count: int,
    whole: tuple[int, int],
    size: tuple[int, int],
    draw: torch.Generator,
    *,
    crops: Crops = "random",
    flips: bool = True,
) -> Views:
    """Random views of ``count`` images.

    Args:
        count: Images.
        whole: Height and width of the images in pixels.
        size: Height and width of a view.
        draw: Source of chance.
        crops: ``random``: anywhere; ``ten``: one of the ten fixed views; ``center``.
        flips: Whether half of them are mirrored (of the ten, five are in any case).
    """
    if crops == "ten":
        fixed = ten_views(whole, size)
        chosen = torch.randint(10, (count,), generator=draw)
        return Views(*(part[chosen] for part in fixed))
    flip = torch.rand(count, generator=draw) < (0.5 if flips else 0.0)
    if crops == "center":
        top, left = (torch.full((count,), edge) for edge in center(whole, size))
        return Views(top, left, flip)
    ends = (large - small + 1 for large, small in zip(whole, size, strict=True))
    top, left = (torch.randint(end, (count,), generator=draw) for end in ends)
    return Views(top, left, flip)


def ten_views(whole: tuple[int, int], size: tuple[int, int]) -> Views:
    """The four corners and the centre, then the same mirrored (paper section 3)."""
    down, across = whole[0] - size[0], whole[1] - size[1]
    corners = [(0, 0), (0, across), (down, 0), (down, across), center(whole, size)]
    top, left = torch.tensor(corners * 2).unbind(1)
    return Views(top, left, torch.arange(10) >= 5)


CENTRE = slice(4, 5)
"""Where the centre, not mirrored, stands among the ten."""


def center(whole: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """Top and left of the centre, rounded as `InputSpec.crop` rounds."""
    return round((whole[0] - size[0]) / 2), round((whole[1] - size[1]) / 2)


def cut(
    images: Shaped[Tensor, "n c h w"], views: Views, size: tuple[int, int]
) -> Shaped[Tensor, "n c height width"]:
    """The view of each image."""
    height, width = size
    windows = images.unfold(2, height, 1).unfold(3, width, 1)
    index = torch.arange(len(images), device=images.device)
    cropped = windows[index, :, views.top.to(images.device), views.left.to(images.device)]
    return torch.where(views.flip.to(images.device)[:, None, None, None], cropped.flip(3), cropped)
