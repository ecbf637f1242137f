"""The report of a diagnosis: findings first, numbers side by side, thresholds, reasons."""

import csv
import io
from dataclasses import replace

import pytest
from damaged_net import damaged

from interpret.testing import check_renderer, small_images, small_network
from interpret_diagnosis import Diagnosis, diagnose
from interpret_diagnosis.renderers.numbers import MISSING, numbers
from interpret_diagnosis.renderers.report import DiagnosisReport, document


@pytest.fixture(scope="module")
def result():
    before = diagnose(small_network(), small_images(), label="before")
    return Diagnosis((before, damaged("after | broken")))


def sections(text):
    parts = text.split("\n## ")
    return {part.splitlines()[0].removeprefix("# "): part for part in parts}


def test_findings_come_first_with_evidence_threshold_and_help(result):
    text = document(result).markdown()
    found = sections(text)[r"after \| broken"]
    assert "**dominant filter**, `conv1`: 1 of 6 filters" in found
    assert "threshold 4)" in found
    assert "**dead units**, `relu2`: 4 of 8 units are active in none of 6 images: 0, 2, 4, 6." in found
    assert "- dominant filter: Limit the RMS of every filter" in found
    assert text.index("dominant filter") < text.index("## Numbers")


def test_what_differs_is_said(result):
    found = sections(document(result).markdown())[r"after \| broken against before"]
    assert "- relu2: dead units: 0 \N{RIGHTWARDS ARROW} 4 (more)" in found
    assert "relu1: dead units" not in found


def test_numbers_stand_side_by_side(result):
    text = sections(document(result).markdown())["Numbers"]
    assert r"|  | before | after \| broken |" in text
    assert "| relu2: dead units | 0 | 4 |" in text
    assert (
        f"| energy of layer-2 projections at the first stride's frequencies | {MISSING} | {MISSING} |" in text
    )


def test_thresholds_are_ours_and_reasons_are_given(result):
    text = document(result).markdown()
    assert "They are ours: the paper judges by eye." in text
    assert "- `dominant: 4`: a filter dominates" in text
    assert "- aliasing: The first convolution has no stride that could alias." in text


def test_units_without_a_relu_are_not_called_dead(result):
    alone = result.networks[1]
    signed = {**alone.activity, "relu2": replace(alone.activity["relu2"], signed=True)}
    titles = [line.title for line in numbers(Diagnosis((replace(alone, activity=signed),)))]
    assert "relu2: never positive units" in titles
    assert "relu2: rarely positive units" in titles
    assert "relu1: dead units" in titles


def test_csv_has_all_digits(result):
    rows = {row[0]: row[1:] for row in csv.reader(io.StringIO(document(result).csv()))}
    assert rows["number"] == ["before", "after | broken"]
    assert rows["dead relu2"] == ["0", "4"]
    assert float(rows["rms_largest"][1]) == float(result[1].first.relative.max())
    assert rows["grid_energy"] == ["", ""]
    assert len(rows) == len(numbers(result)) + 1


def test_a_network_without_findings(result):
    alone = Diagnosis((diagnose(small_network(), small_images(), label="one", layers=["relu1"]),))
    text = document(alone).markdown()
    assert "against" not in text
    assert sections(text)["one"].startswith("one\n\n1 finding on 6 images.")


def test_contract(result):
    check_renderer(DiagnosisReport(), result)
    check_renderer(DiagnosisReport(formats=("csv",)), Diagnosis(result.networks[:1]))
