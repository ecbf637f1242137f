"""The page of filters: every filter in its place of one crisp picture, at one scale and at its own."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hand_context import context_of, data_of, pixels_of
from squares import Squares

from interpret_filters import Filters
from interpret_filters.pages import FiltersPage


def filters(count: int = 5, channels: int = 3) -> Filters:
    """Filter i is i + 1 in its first pixel and 0 elsewhere."""
    weights = torch.zeros(count, channels, 2, 4)
    weights[:, :, 0, 0] = torch.arange(1.0, count + 1)[:, None]
    return Filters("conv<1>", weights)


def composed(result, context):
    (sheet,) = FiltersPage().compose(result, context)
    return sheet, [data_of(context, script) for script in sheet.scripts]


@pytest.mark.parametrize("count", [1, 2, 5, 64])
def test_every_filter_is_in_its_place(tmp_path, count):
    context = context_of(tmp_path, Squares(), "filters")
    sheet, (one, own) = composed(filters(count), context)
    assert list(sheet.units) == list(range(count))
    assert one["values"] == own["values"] == [float(place + 1) for place in range(count)]
    for data, tone in ((one, lambda place: 128 + round(127 * (place + 1) / count)), (own, lambda _: 255)):
        pixels = pixels_of(context, data["sheet"]["url"])
        assert list(pixels.shape[:2]) == data["sheet"]["size"]
        for place in range(count):
            y, x = place // data["across"] * 2, place % data["across"] * 4
            assert pixels[y, x].tolist() == [tone(place)] * 3
            assert (pixels[y + 1, x : x + 4] == 128).all()


def test_the_page_is_about_the_layer(tmp_path):
    context = context_of(tmp_path, Squares(), "filters")
    sheet, _ = composed(filters(), context)
    assert sheet.layer == "conv<1>"
    assert "conv&lt;1&gt;" in sheet.body
    assert "<1>" not in sheet.body
    assert pixels_of(context, sheet.cover).shape[2] == 3


def test_of_five_channels_three_are_shown_and_the_page_says_which(tmp_path):
    context = context_of(tmp_path, Squares(), "filters")
    sheet, (one, _) = composed(filters(channels=5), context)
    assert "Channels 0, 1, 2 of 5" in sheet.body
    assert np.ptp(pixels_of(context, one["sheet"]["url"])) > 0


def test_filters_of_zeros_are_grey(tmp_path):
    context = context_of(tmp_path, Squares(), "filters")
    empty = replace(filters(), weights=torch.zeros(3, 1, 3, 3))
    _, (one, own) = composed(empty, context)
    for data in (one, own):
        assert (pixels_of(context, data["sheet"]["url"]) == 128).all()
