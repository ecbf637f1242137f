"""From values to pixels, against cases computed by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from interpret.images import InputSpec
from interpret_figures import display
from interpret_figures.display import (
    OUTSIDE,
    channel_note,
    crop,
    magnitude,
    mark,
    outside,
    resize,
    shown_channels,
    signed_pixels,
    unit_pixels,
)


def test_zero_is_mid_grey_and_the_scale_symmetric() -> None:
    values = torch.tensor([-4.0, -2.0, 0.0, 2.0, 4.0, 9.0]).reshape(1, 1, 1, 6)
    pixels = signed_pixels(values, torch.tensor([4.0]))
    assert pixels[0, 0, :, 0].tolist() == [1, 64, 128, 192, 255, 255]
    assert pixels.shape == (1, 1, 6, 3)
    assert (pixels == pixels[..., :1]).all()  # one channel is grey


def test_a_sign_mirrors_at_mid_grey() -> None:
    values = torch.randn(20, 3, 5, 4)
    scale = magnitude(values)
    total = signed_pixels(values, scale).int() + signed_pixels(-values, scale).int()
    assert (total == 256).all()


def test_each_item_has_its_own_scale_or_all_have_one() -> None:
    values = torch.tensor([1.0, 10.0]).reshape(2, 1, 1, 1).expand(2, 3, 1, 1)
    assert signed_pixels(values, magnitude(values)).flatten().tolist() == [255] * 6
    assert signed_pixels(values, torch.tensor([10.0]))[:, 0, 0, 0].tolist() == [141, 255]


def test_nothing_but_zero_stays_mid_grey() -> None:
    values = torch.zeros(2, 3, 4, 4)
    assert (signed_pixels(values, magnitude(values)) == 128).all()
    assert (signed_pixels(values, magnitude(values, 99.0)) == 128).all()


def test_magnitude_is_a_percentile_of_the_absolute_values() -> None:
    values = torch.arange(-100.0, 1.0).reshape(1, 1, 1, 101)
    assert magnitude(values).item() == 100
    assert magnitude(values, 90.0).item() == pytest.approx(90)
    sparse = torch.zeros(1, 1, 1, 1000)
    sparse[..., 0] = -3
    assert magnitude(sparse, 90.0).item() == 3  # a percentile of zero would hide the one value


def test_channels() -> None:
    assert [shown_channels(None, count) for count in (1, 2, 3, 6)] == [[0], [0], [0, 1, 2], [0, 1, 2]]
    six = InputSpec(mean=(0.5,) * 6, std=(0.5,) * 6, shown_channels=(5, 3, 1))
    assert shown_channels(six, 6) == [5, 3, 1]
    assert shown_channels(six, 2) == [0]  # groups of a first layer have other channels
    assert shown_channels(replace(six, shown_channels=(4,)), 6) == [4]


def test_what_is_said_of_channels() -> None:
    six = InputSpec(mean=(0.5,) * 6, std=(0.5,) * 6, shown_channels=(5, 3, 1))
    assert channel_note(InputSpec(), 3) == ""
    assert channel_note(None, 2) == " Channel 0 of 2 is shown."
    assert channel_note(None, 6) == " Channels 0, 1, 2 of 6 are shown as red, green, blue."
    assert channel_note(six, 6) == " Channels 5, 3, 1 of 6 are shown as red, green, blue."
    turned = InputSpec(shown_channels=(2, 1, 0))
    assert channel_note(turned, 3) == " Channels 2, 1, 0 of 3 are shown as red, green, blue."


def test_intensities() -> None:
    pixels = unit_pixels(torch.tensor([-0.1, 0.0, 0.5, 1.0, 1.3]).reshape(1, 1, 1, 5))
    assert pixels[0, 0, :, 0].tolist() == [0, 0, 128, 255, 255]


@pytest.mark.parametrize(
    "box",
    [(0, 0, 4, 4), (1, 1, 3, 3), (-2, -1, 2, 3), (2, 3, 6, 7), (-3, -3, 9, 9), (-9, 0, -5, 4), (0, 7, 4, 9)],
)
def test_a_crop_reaches_over_the_borders(box: tuple[int, int, int, int]) -> None:
    picture = torch.arange(1, 49, dtype=torch.uint8).reshape(4, 4, 3)
    top, left, bottom, right = box
    expected = torch.zeros(bottom - top, right - left, 3, dtype=torch.uint8)
    beyond = torch.ones(bottom - top, right - left, dtype=torch.bool)
    for y in range(bottom - top):
        for x in range(right - left):
            if 0 <= y + top < 4 and 0 <= x + left < 4:
                expected[y, x], beyond[y, x] = picture[y + top, x + left], False
    assert torch.equal(crop(picture, box), expected)
    assert torch.equal(outside(torch.tensor([box]), tuple(expected.shape[:2]), (4, 4))[0], beyond)


def test_the_outside_is_marked_in_a_tone_of_its_own() -> None:
    where = torch.tensor([[[True, False]]])
    tiles = mark(torch.full((1, 1, 2, 3), 128, dtype=torch.uint8), where)
    assert tiles.tolist() == [[[list(OUTSIDE), [128, 128, 128]]]]
    assert all(abs(tone - grey) > 60 for tone in OUTSIDE for grey in (128,))
    assert max(OUTSIDE) < 250  # and it is not paper


def test_whole_multiples_are_pixel_exact() -> None:
    tiles = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 3), dtype=np.uint8)
    larger = resize(tiles, (9, 12))
    assert larger.shape == (2, 9, 12, 3)
    assert (larger[:, 1::3, 1::3] == tiles).all()
    assert (larger[:, ::3, 2::3] == tiles).all()
    assert resize(tiles, (3, 4)) is tiles


def test_smooth_and_smaller_tiles_keep_mid_grey() -> None:
    grey = np.full((2, 20, 20, 3), 128, np.uint8)
    assert (resize(grey, (40, 40), smooth=True) == 128).all()
    assert (resize(grey, (13, 13)) == 128).all()


def test_what_is_no_number_has_no_size_and_its_own_pattern() -> None:
    values = torch.tensor([[[[1.0, torch.nan, -2.0, torch.inf]]]])
    assert display.magnitude(values).tolist() == [2.0]
    assert display.magnitude(torch.full((1, 1, 2, 2), torch.nan), 99.5).tolist() == [0.0]
    pixels = display.signed_pixels(values, display.magnitude(values))
    assert pixels[0, 0, :, 0].tolist() == [192, display.NO_NUMBER[1], 1, display.NO_NUMBER[1]]
    heat = display.heat(torch.tensor([[[[torch.nan, 3.0]]], [[[1.0, 3.0]]]]))
    assert heat[0, 0, 0].isnan()
    assert float(heat[0, 0, 1]) == pytest.approx(3.0)
