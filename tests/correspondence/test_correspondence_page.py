"""The page of a correspondence: distances under both rules for zeros, and the masked photographs."""

import re

import numpy as np
from correspondence_cases import correspondence
from hand_context import context_of, pixels_of
from squares import Squares

from interpret.errors import DatasetError
from interpret_correspondence.pages import CorrespondencePage


def composed(result, context):
    (sheet,) = CorrespondencePage().compose(result, context)
    return sheet


def pictures(sheet):
    return dict(re.findall(r'<img src="([^"]*)"[^>]*alt="([^"]*)"', sheet.body))


def test_both_rules_have_a_chart_and_a_table(tmp_path):
    result = correspondence()
    sheet = composed(result, context_of(tmp_path, Squares(), "parts"))
    assert sheet.body.count("<svg viewBox") == 2
    for zeros in ("agree", "ignore"):
        for mean in result.mean("conv5", zeros).tolist():
            assert f"{mean:.3f} ±" in sheet.body
    assert sheet.title == "3 parts in 4 photographs"


def test_every_photograph_stands_under_every_mask(tmp_path):
    context = context_of(tmp_path, Squares(), "parts")
    shown = {
        alt: pixels_of(context, url) for url, alt in pictures(composed(correspondence(), context)).items()
    }
    assert len(shown) == 4 * (1 + 3 + 2)
    plain, masked = shown["square-2, original"], shown["square-2, left_eye masked"]
    scale = len(plain) // 16
    differ = np.abs(plain.astype(int) - masked.astype(int)).max(2) > 20
    rows, columns = differ.nonzero()
    assert abs(rows.min() - 2 * scale) <= 2
    assert abs(rows.max() + 1 - 6 * scale) <= 2
    assert abs(columns.min() - 2 * scale) <= 2
    assert abs(columns.max() + 1 - 6 * scale) <= 2


def test_why_a_photograph_lacks_a_part_is_told_in_its_place(tmp_path):
    context = context_of(tmp_path, Squares(), "parts")
    sheet = composed(correspondence(lacking=[(1, 3)]), context)
    assert len(pictures(sheet)) == 4 * 6 - 1
    assert "&#39;left_eye&#39; is not visible" in sheet.body


def test_without_its_photographs_the_numbers_are_shown(tmp_path):
    class Unreadable(Squares):
        def __getitem__(self, index):
            raise DatasetError("<i>gone</i>")

    sheet = composed(correspondence(), context_of(tmp_path, Unreadable(), "parts"))
    assert sheet.body.count("<svg viewBox") == 2
    assert "&lt;i&gt;gone" in sheet.body
    assert (sheet.cover, pictures(sheet)) == ("", {})


def test_names_of_strangers_stay_text(tmp_path):
    result = correspondence(parts=("<script>", '"><i>'), layers=("<b>",), skipped=(("<i>", "torn"),))
    sheet = composed(result, context_of(tmp_path, Squares(), "parts"))
    assert not re.search(r"<(script|i|b)>", sheet.body)


def test_without_random_positions_there_are_parts_alone(tmp_path):
    sheet = composed(correspondence(draws=0), context_of(tmp_path, Squares(), "parts"))
    assert "random" not in "".join(pictures(sheet).values())
