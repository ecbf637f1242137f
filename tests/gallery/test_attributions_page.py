"""The pages of attributions: heat map and signed values of each photograph, over it."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from hand_context import context_of, data_of, pixels_of
from matplotlib import colormaps
from squares import SPEC, Squares

from interpret.attributions import Attributions
from interpret_figures.colours import HEAT
from interpret_figures.display import NO_NUMBER
from interpret_gallery.attributions import AttributionsPage, heat_map, signed_map


def attributions(*places: int, layer: str = "", **more) -> Attributions:
    """Maps that are -2 in the upper left, 1 in the lower right, and 0 elsewhere, in all three channels."""
    maps = torch.zeros(len(places), 3, 16, 16)
    maps[..., :8, :8], maps[..., 8:, 8:] = -2, 1
    return Attributions(
        maps, torch.tensor(places), {str(i): f"square-{i}" for i in places}, torch.ones(len(places)).long(),
        layer, torch.tensor([[2, 3]] * len(places)), torch.full((len(places),), 7.5), "saliency", SPEC,
        ("circle", "square"), **more,
    )  # fmt: skip


def composed(result, context):
    return list(AttributionsPage().compose(result, context))


def test_one_photograph_is_one_page_with_both_maps(tmp_path):
    context = context_of(tmp_path, Squares())
    (sheet,) = composed(attributions(4), context)
    assert (sheet.name, sheet.image, sheet.title) == ("", 4, "saliency: square in square-4")
    assert "7.5" in sheet.body
    assert 'data-overlay="covered 1"' in sheet.body
    data = data_of(context, *sheet.scripts)
    assert (data["alt"], data["size"]) == ("Photograph square-4", [16, 16])
    assert [shown["name"] for shown in data["maps"]] == ["heat map", "signed values"]
    assert pixels_of(context, data["photo"]).shape == (16, 16, 3)
    assert pixels_of(context, sheet.cover).shape == (240, 480, 3)


def test_the_heat_map_has_the_colour_of_each_magnitude():
    shown = heat_map(attributions(4), 0, "heat").pixels
    third = len(shown) // 4
    expected = [colormaps[HEAT](share, bytes=True)[:3] for share in (1.0, 0.0, 0.5)]
    found = [shown[third, third], shown[third, 3 * third], shown[3 * third, 3 * third]]
    assert np.allclose(found, expected, atol=2)


def test_the_signed_map_tells_signs_apart_and_zero_is_mid_grey():
    shown = signed_map(attributions(4), 0)
    third = len(shown.pixels) // 4
    assert shown.pixels[third, third].tolist() == [1] * 3
    assert shown.pixels[third, 3 * third].tolist() == [128] * 3
    assert 180 < shown.pixels[3 * third, 3 * third, 0] < 200
    assert [shown.bar[0], shown.bar[2]] == ["\N{MINUS SIGN}2", "2"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_no_numbers_are_told_and_drawn_as_that(tmp_path, value):
    result = attributions(4)
    result.maps[0, :, 9, 9] = value
    (sheet,) = composed(result, context_of(tmp_path, Squares()))
    assert "1 image with values that are not finite" in sheet.body
    rows, columns = (
        (heat_map(result, 0, "heat").pixels != heat_map(attributions(4), 0, "heat").pixels).any(2).nonzero()
    )
    scale = 224 // 16  # a pixel, what it is smoothed with, and what it is enlarged with
    assert {rows.min() // scale, columns.min() // scale} <= {6, 7, 8}
    assert {rows.max() // scale, columns.max() // scale} <= {10, 11, 12}
    place = 9 * scale + 2, 9 * scale + 2
    assert signed_map(result, 0).pixels[place].tolist() == [NO_NUMBER[0]] * 3


def test_a_map_of_zeros_is_dark_and_grey():
    result = replace(attributions(4), maps=torch.zeros(1, 3, 16, 16))
    assert heat_map(result, 0, "heat").pixels.max() < 10
    assert (signed_map(result, 0).pixels == 128).all()


def test_several_photographs_have_an_overview_that_leads_to_each(tmp_path):
    first, *others = composed(attributions(4, 2), context_of(tmp_path, Squares()))
    assert (first.title, first.image) == ("saliency", None)
    assert [sheet.image for sheet in others] == [4, 2]
    assert 'href="photograph-1.html"' in first.body
    assert 'href="photograph-2.html"' in first.body


def test_a_neuron_is_named_by_layer_unit_and_place(tmp_path):
    (sheet,) = composed(attributions(4, layer="conv2"), context_of(tmp_path, Squares()))
    assert "conv2, unit 1 at (2, 3)" in sheet.title


def test_what_must_be_known_of_the_method_stands_on_the_page(tmp_path):
    result = attributions(4, note="It ignores <gates>.", matching="10 of 10 matched.")
    (sheet,) = composed(result, context_of(tmp_path, Squares()))
    assert "It ignores &lt;gates&gt;." in sheet.body
    assert "10 of 10 matched." in sheet.body


def test_names_of_strangers_stay_text(tmp_path):
    result = replace(attributions(4, 2), categories=("<script>", '"><img src=x>'), method="<i>")
    for sheet in composed(result, context_of(tmp_path, Squares())):
        assert not re.search(r"<(script|i|img src=x)[ >]", sheet.body)
