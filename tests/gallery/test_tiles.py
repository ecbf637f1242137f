"""The kit\'s small pictures and strips of pictures."""

import numpy as np
from hand_context import context_of, data_of, pixels_of
from squares import Squares

from interpret_gallery import strip, write_tiles


def test_tiles_lie_in_rows_and_keep_every_pixel(tmp_path):
    context = context_of(tmp_path, Squares())
    pixels = np.random.default_rng(0).integers(0, 256, (7, 3, 5, 3), dtype=np.uint8)
    values = [1.0, float("nan"), -2.5, 0.0, 1e-9, 3.14159, 7.0]
    data = data_of(context, write_tiles(context, "t", pixels, values, item="filter", measure="size"))
    sheet = pixels_of(context, data["sheet"]["url"])
    for place, tile in enumerate(pixels):
        y, x = place // data["across"] * 3, place % data["across"] * 5
        assert (sheet[y : y + 3, x : x + 5] == tile).all()
    assert data["values"] == [1.0, None, -2.5, 0.0, 1e-9, 3.142, 7.0]


def test_a_strip_has_one_height_and_keeps_proportions():
    square, wide = np.zeros((10, 10, 3), np.uint8), np.full((20, 60, 3), 255, np.uint8)
    found = strip([square, wide], height=30)
    assert found.shape == (30, 30 + 90, 3)
    assert found[:, :30].max() == 0
    assert found[:, 30:].min() == 255
