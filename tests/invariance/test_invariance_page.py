"""The page of transformed images: the curves of every layer, the numbers, and what the network saw."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hand_context import context_of, pixels_of
from invariance_cases import invariances
from page_reading import HOSTILE, charts, read_page, tables, told
from squares import Squares

from interpret.errors import DatasetError
from interpret_figures.text import number
from interpret_invariance.pages import InvariancePage


class Gone(Squares):
    """Photographs that cannot be read any more."""

    def __getitem__(self, index):
        raise DatasetError(f"Photograph {index} is gone.")


def composed(result, tmp_path, images=None):
    context = context_of(tmp_path, images or Squares(), "moved")
    (sheet,) = InvariancePage().compose(result, context)
    return context, sheet, read_page(sheet.body)


def test_every_layer_and_the_answer_have_a_tab(tmp_path):
    _, _, page = composed(invariances(), tmp_path)
    names = [button.text for button in page.find("button")]
    assert names == ["layer1", "layer7", "probability"] * 3
    assert [title.text.split()[0] for title in page.find("h2")] == ["Vertical", "Scale", "Rotation"]


def test_a_chart_tells_every_image_at_every_step(tmp_path):
    result = invariances("scale", images=3)
    _, _, page = composed(result, tmp_path)
    found = told(charts(page)["layer7: relative distance, by scale"])
    assert [float(name) for name, _ in found] == pytest.approx(result["scale"].amounts.tolist())
    relative = result.relative("scale", "layer7")
    for step, (_, text) in enumerate(found):
        lines = [line.rpartition(": ")[2] for line in text.splitlines()]
        assert lines == [number(float(value)) for value in relative[:, step]]
    assert "untransformed" in charts(page)["probability of the target, by scale"].text


def test_numbers_stand_in_the_tab_of_their_layer(tmp_path):
    result = invariances("scale", images=3)
    _, _, page = composed(result, tmp_path)
    head, *rows = tables(page)["Numbers of layer7"]
    assert head == ["image", "largest relative distance", "half-width", "linearity"]
    largest = result.relative("scale", "layer7").amax(1)
    assert [row[1] for row in rows[:3]] == [number(round(float(value), 2)) for value in largest]
    assert rows[3][:2] == ["median", number(round(float(largest.median()), 2))]
    assert tables(page)["Numbers of probability"][0] == ["image", "start, lowest", "half-width"]


def test_the_strip_shows_what_the_network_saw(tmp_path):
    context, sheet, page = composed(invariances("horizontal_translation", images=2, steps=9), tmp_path)
    (strip,) = page.find("table", class_="strip")
    head, *rows = strip.find("tr")
    amounts = [cell.text for cell in head.find("th")]
    assert (len(amounts), amounts[3], head.find("th", class_="own")[0].text) == (7, "0", "0")
    for place, row in enumerate(rows):
        pieces = row.find("svg", class_="piece")
        assert len(pieces) == 7
        x, y, width, height = map(int, pieces[3].attributes["viewbox"].split())
        image = pieces[3].find("image")[0].attributes["href"]
        seen = pixels_of(context, image)[y : y + height, x : x + width].reshape(-1, 3).mean(0)
        assert np.abs(seen - (place + 2, 100, 200)).max() < 6  # the third and fourth of the Squares
    assert sheet.cover


def test_of_many_images_the_median_is_drawn_with_quartiles(tmp_path):
    result = invariances("scale", images=9)
    _, _, page = composed(result, tmp_path)
    drawn = charts(page)["layer1: relative distance, by scale"]
    values = result.relative("scale", "layer1").double()[:, -1]
    low, middle, high = (float(values.quantile(level)) for level in (0.25, 0.5, 0.75))
    assert told(drawn)[-1][1] == (
        f"median over the images: {number(middle)} ({number(low)} to {number(high)})"
    )
    assert "Of 9 images the median and the quartiles." in page.text
    assert len(page.find("table", class_="strip")[0].find("tr")) == 8
    assert len(tables(page)["Numbers of layer1"]) == 11


def test_photographs_that_are_gone_leave_the_curves(tmp_path):
    _, sheet, page = composed(invariances("scale"), tmp_path, Gone())
    assert "Photographs cannot be shown: Photograph 2 is gone." in page.text
    assert len(charts(page)) == 3
    assert sheet.cover == ""


def test_outputs_that_are_no_probabilities_have_their_own_scale(tmp_path):
    result = replace(invariances("scale", images=2), asked="output")
    curves = replace(result["scale"], probability=torch.linspace(-40, 30, 18).view(2, 9))
    _, _, page = composed(replace(result, curves={"scale": curves}), tmp_path)
    assert "\N{MINUS SIGN}40" in charts(page)["output of the target, by scale"].text


def test_features_of_length_zero_are_not_drawn(tmp_path):
    result = invariances("scale", images=2, layers=("dead",))
    silent = replace(result, norm={"dead": torch.zeros(2).double()})
    curves = replace(silent["scale"], distance={"dead": torch.zeros(2, 9)})
    _, _, page = composed(replace(silent, curves={"scale": curves}), tmp_path)
    assert "dead: relative distance, by scale: there are no values." in page.text


def test_names_stay_text(tmp_path):
    result = replace(invariances("scale", layers=(HOSTILE,), images=2), categories=(HOSTILE, HOSTILE))
    _, _, page = composed(result, tmp_path)
    assert "{{ 7*7 }}" in page.text
