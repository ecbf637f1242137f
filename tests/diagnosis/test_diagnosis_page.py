"""The page of a diagnosis: findings in sentences, pictures, and the numbers of all networks."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from damaged_net import damaged
from hand_context import context_of, pixels_of
from page_reading import HOSTILE, charts, read_page, tables, told
from squares import Squares

from interpret import wrap
from interpret.testing import small_images, small_network
from interpret_diagnosis import Diagnosis, diagnose
from interpret_diagnosis.pages import DiagnosisPage
from interpret_diagnosis.renderers import panels
from interpret_figures.text import number


@pytest.fixture(scope="module")
def result():
    before = diagnose(small_network(), small_images(), label="before")
    return Diagnosis((before, damaged("after")))


def composed(result, tmp_path, step="looked"):
    context = context_of(tmp_path, Squares(), step)
    (sheet,) = DiagnosisPage().compose(result, context)
    return context, sheet, read_page(sheet.body)


def test_findings_are_sentences_with_what_helps(result, tmp_path):
    _, _, page = composed(result, tmp_path)
    (before, after) = page.find("section", class_="diagnosed")
    assert before.find("h2")[0].text == "before"
    items = [item.text for item in after.find("ul", class_="findings")[0].find("li")]
    assert len(items) == len(result[1].findings)
    for item, finding in zip(items, result[1].findings, strict=True):
        assert finding.name in item
        assert finding.evidence in item
        assert f"threshold: {finding.threshold:g}" in item or finding.threshold == 0
    assert "Limit the RMS of every filter" in after.find("details")[0].text


def test_numbers_of_networks_stand_side_by_side(result, tmp_path):
    _, _, page = composed(result, tmp_path)
    head, *rows = tables(page)["Layers"]
    assert head == [
        "layer",
        "network",
        "units",
        "dead units",
        "nearly dead units",
        "shift-equivariance error",
    ]
    dead = {(row[0], row[1]): row[3] for row in rows}
    assert (dead["relu2", "before"], dead["relu2", "after"]) == ("0", "4")
    numbers = {row[0]: row[1:] for row in tables(page)["Numbers"]}
    assert numbers["largest RMS over the median"][2] == "more"
    assert numbers["first-layer filters"] == ["6", "6", ""]
    assert not any(name.startswith("relu2") for name in numbers)


def test_charts_have_a_series_for_each_network(result, tmp_path):
    _, _, page = composed(result, tmp_path)
    found = charts(page)
    sizes = told(found["RMS of each filter, sorted"])
    assert len(sizes) == 6
    largest = [f"{one.label}: {number(float(one.first.rms.max()))}" for one in result.networks]
    assert sizes[0][1].splitlines() == largest
    activity = dict(told(found["Units that are never, or hardly ever, above zero"]))
    assert "after: never: 50" in activity["relu2"]
    assert "the paper's radius, 0.1" in found["RMS of each filter, sorted"].text
    assert "white noise: 26" in dict(told(found["Frequencies in the average filter"]))["mid"]


def test_the_picture_has_the_filters_under_one_scale(result, tmp_path):
    context, sheet, page = composed(result, tmp_path)
    images = page.find("img")
    first = result[1].first
    largest = first.weight.abs().amax().expand(6)
    wanted = panels.mosaic(first.weight, largest, panels.filter_columns(6), result[1].input)
    assert (pixels_of(context, images[1].attributes["src"]) == wanted).all()
    assert "filters" in images[1].attributes["alt"]
    assert sheet.cover == images[0].attributes["src"]


def test_what_is_missing_is_told_with_its_reason(result, tmp_path):
    _, _, page = composed(result, tmp_path)
    assert "The first convolution has no stride that could alias." in page.text
    assert "Aliasing in the second layer" not in page.text


def test_the_spectrum_marks_the_frequencies_of_the_stride(tmp_path):
    found = diagnose(_strided(), small_images(), label="strided")
    assert found.aliasing is not None
    context, _, page = composed(Diagnosis((found,)), tmp_path)
    drawn = charts(page)[f"Spectrum of the projections of {found.aliasing.layer}"]
    assert [text.text for text in drawn.find("text")].count("0.5") >= 1
    values = [float(text.partition(": ")[2]) for _, text in told(drawn)]
    assert max(values) == 1
    assert f"{found.aliasing.share:.1%} of their energy" in page.text
    assert np.ptp(pixels_of(context, page.find("img")[1].attributes["src"])) > 50


def _strided():
    torch.manual_seed(0)
    parts = [torch.nn.Conv2d(3, 8, 5, stride=2), torch.nn.ReLU(), torch.nn.Conv2d(8, 8, 7), torch.nn.ReLU()]
    module = torch.nn.Sequential(
        *parts, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(8, 3)
    )
    return wrap(module.eval(), input_size=32, mean=[0.5] * 3, std=[0.25] * 3)


def test_networks_of_several_steps_stand_side_by_side_once_each(result, tmp_path):
    first, second = result.networks
    steps = [context_of(tmp_path, Squares(), name) for name in ("one", "two")]
    (sheet,) = DiagnosisPage().compare([(Diagnosis((first,)), steps[0]), (Diagnosis((second,)), steps[1])])
    page = read_page(sheet.body)
    assert [part.find("h2")[0].text for part in page.find("section", class_="diagnosed")] == [
        "before",
        "after",
    ]
    assert not page.find("img")
    both = [(Diagnosis((first,)), steps[0]), (result, steps[1])]
    assert list(DiagnosisPage().compare(both)) == []  # the later step shows both already


def test_networks_of_one_name_get_numbers(result, tmp_path):
    alike = Diagnosis((result[0], replace(result[1], label="before")))
    _, _, page = composed(alike, tmp_path)
    assert tables(page)["Numbers"][0][1:3] == ["before (1)", "before (2)"]


def test_a_network_without_convolutions(result, tmp_path):
    bare = replace(
        result[0], first=None, notes={**result[0].notes, "filters": "It has no nn.Conv2d."}, label=""
    )
    _, sheet, page = composed(Diagnosis((bare,)), tmp_path)
    assert "First layer" not in page.text
    assert "It has no nn.Conv2d." in page.text
    assert sheet.cover == ""


def test_names_stay_text(result, tmp_path):
    finding = replace(result[1].findings[0], layer=HOSTILE, evidence=HOSTILE)
    named = replace(result[1], label=HOSTILE, findings=(finding,))
    _, _, page = composed(Diagnosis((result[0], named)), tmp_path)
    assert "{{ 7*7 }}" in page.text
    assert all(re.fullmatch(r"[\w./-]+", image.attributes["src"]) for image in page.find("img"))
