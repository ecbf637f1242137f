"""A part of a picture in a line: around it, not in it, and seen on any ground."""

from __future__ import annotations

import numpy as np
import torch

from interpret_figures.display import OUTLINE, outlined


def test_the_lines_lie_around_the_part() -> None:
    tiles = np.full((1, 64, 64, 3), 100, np.uint8)
    shown = outlined(
        tiles, torch.tensor([[20, 24, 28, 40]]), torch.tensor([[16, 16, 48, 48]])
    )  # twice as large
    dark, white = OUTLINE
    assert (shown[0, 8:24, 16:48] == 100).all()
    assert (shown[0, 7, 15:49] == white).all()
    assert (shown[0, 24, 15:49] == white).all()
    assert (shown[0, 6:26, 14] == dark).all()
    assert (shown[0, 6:26, 49] == dark).all()
    assert (shown != 100).any(-1).sum() == 20 * 36 - 16 * 32
    assert (tiles == 100).all()


def test_at_the_border_the_lines_stay_in_the_picture() -> None:
    tiles = np.full((1, 64, 64, 3), 100, np.uint8)
    shown = outlined(tiles, torch.tensor([[-4, 0, 32, 64]]), torch.tensor([[0, 0, 64, 64]]))[0]
    assert (shown[0] == OUTLINE[0]).all()
    assert (shown[1, 1:-1] == OUTLINE[1]).all()
    assert (shown[2:32, 2:-2] == 100).all()


def test_what_is_not_shown_has_no_line() -> None:
    tiles = np.full((1, 64, 64, 3), 100, np.uint8)
    assert (outlined(tiles, torch.tensor([[80, 80, 90, 90]]), torch.tensor([[0, 0, 64, 64]])) == tiles).all()
