"""The numbers of an invariance as text: those of the result, and medians over the images."""

from __future__ import annotations

import csv
from dataclasses import replace
from math import isnan
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from invariance_cases import NAMES, invariances

from interpret.plugin.interfaces import renderer_input
from interpret.testing import check_renderer
from interpret_invariance import Invariances
from interpret_invariance.renderers.table import INFINITE, MISSING, InvarianceTable, document, rows


def test_every_number_is_in_the_csv() -> None:
    result = invariances()
    lines = list(csv.DictReader(document(result).csv().splitlines()))
    assert len(lines) == 3 * 5 * 3  # transformations, images, two layers and the probability
    for line in lines:
        image = NAMES.index(line["target"])
        curves, curve = result[line["transform"]], line["curve"]
        assert line["image"] == f"square-{image + 2}"
        if curve == "probability":
            half = curves.probability_half_widths()[image]
            assert float(line["start"]) == pytest.approx(float(curves.probability[image, curves.identity]))
            assert float(line["lowest"]) == pytest.approx(float(curves.probability[image].min()))
            assert line["relative"] == line["linearity"] == ""
        else:
            half = curves.distance_half_widths(curve)[image]
            assert float(line["start"]) == result.norm[curve][image]
            assert float(line["largest"]) == pytest.approx(float(curves.distance[curve][image].max()))
            relative = float(result.relative(line["transform"], curve)[image].max())
            assert float(line["relative"]) == pytest.approx(relative)
            assert float(line["linearity"]) == pytest.approx(float(curves.linearity(curve)[image]))
        for side, value in zip(("half_below", "half_above"), half.tolist(), strict=True):
            assert (line[side] == "") if isnan(value) else (float(line[side]) == pytest.approx(value))


def test_the_markdown_of_one_transformation() -> None:
    text = document(invariances("scale", images=1, layers=("conv",), steps=9)).markdown()
    assert text.startswith(
        "**Scale** (times; 1 to 1.8, 9 steps)\n\n| image | conv: largest relative distance |"
    )
    (line,) = [line for line in text.splitlines() if line.startswith("| lawn mower")]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[2:4] == [f"{MISSING} / 0.4", "1"]  # straight: half of the way to 1.8, and no step below 1
    assert "median" not in text
    assert "mean colour" in text


def test_medians_over_the_images() -> None:
    result = invariances("vertical_translation", images=3)
    (line,) = [line for line in document(result).markdown().splitlines() if line.startswith("| median")]
    relative = result.relative("vertical_translation", "layer1").amax(1).median()
    assert line.split("|")[2].strip() == f"{float(relative):.3g}"


def test_a_half_that_is_not_reached() -> None:
    result = invariances("scale", images=2)
    curves = replace(result["scale"], probability=torch.ones(2, 9))
    still = replace(result, curves={"scale": curves})
    lines = [
        line for line in document(still).markdown().splitlines() if INFINITE in line and line.startswith("|")
    ]
    assert len(lines) == 3  # both images, and their median
    assert all(f"{MISSING} / {INFINITE}" in line for line in lines)
    assert [row.half_above for row in rows(still) if row.curve == "probability"] == [float("inf")] * 2


def test_skipped_images_are_counted() -> None:
    result = replace(invariances("scale"), skipped=(("a.png", "broken"),))
    assert "1 image cannot be read" in document(result).markdown()


def test_contract(made: SimpleNamespace, tmp_path: Path) -> None:
    assert renderer_input(InvarianceTable) is Invariances
    check_renderer(InvarianceTable(), invariances(), made.Squares())
    files = InvarianceTable(formats=("csv",)).render(invariances(), made.Squares(), tmp_path)
    assert [file.name for file in files] == ["invariance.csv"]
