"""The pages of a comparison: its table, its curves, and the maps of all methods over each photograph."""

import re
from dataclasses import replace
from math import nan

import pytest
import torch
from hand_context import context_of, data_of, pixels_of
from squares import SPEC, Squares

from interpret.attributions import Attributions
from interpret_captum import Comparison
from interpret_captum.comparison import METRICS
from interpret_captum.pages import ComparisonPage
from interpret_captum.pages.comparison import curves, image_table
from interpret_gallery import Quantity

PROBES = ("project", "captum.occlusion", "<i>&%")
NAMES = ("spearman", "deletion", "seconds")
IMAGES = (4, 2)


def attributions(method: str, **more) -> Attributions:
    maps = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(len(method)))
    return Attributions(
        maps, torch.tensor(IMAGES), {str(i): f"square-{i}" for i in IMAGES}, torch.tensor([1, 0]), "",
        torch.zeros(2, 2, dtype=torch.long), torch.ones(2), method, SPEC, ("circle", "square"), **more,
    )  # fmt: skip


def comparison(**more) -> Comparison:
    metrics = tuple(metric for metric in METRICS if metric.name in NAMES)
    table = torch.tensor([[nan, 0.25, 1.5], [0.9, 0.5, 0.25], [-0.1, 0.75, nan]], dtype=torch.float64)
    each = torch.stack([table - 0.05, table + 0.05], 2)
    each[:, 2] = nan
    maps = {name: attributions(name) for name in PROBES}
    return Comparison(PROBES, (0, 0, 0), metrics, table, each, maps, **more)


def composed(result, context):
    return list(ComparisonPage().compose(result, context))


def test_the_first_page_has_the_table_and_leads_to_every_photograph(tmp_path):
    context = context_of(tmp_path, Squares())
    first, *others = composed(comparison(), context)
    assert (first.title, first.image) == ("3 methods compared", None)
    assert [(sheet.image, sheet.title) for sheet in others] == [
        (4, "3 methods: square in square-4"),
        (2, "3 methods: circle in square-2"),
    ]
    for sheet in others:
        assert f'href="{sheet.name}.html"' in first.body
    assert "deletion ↓" in first.body
    assert "0.250" in first.body
    assert pixels_of(context, first.cover).shape == (240, 480, 3)


def test_every_method_can_be_laid_over_the_photograph(tmp_path):
    context = context_of(tmp_path, Squares())
    _, sheet, _ = composed(comparison(), context)
    data = data_of(context, *sheet.scripts)
    assert [shown["name"] for shown in data["maps"]] == list(PROBES)
    assert len({shown["url"] for shown in data["maps"]}) == 3
    assert all(shown["low"] == "0" for shown in data["maps"])


def test_the_numbers_of_one_photograph_are_its_own():
    table = image_table(comparison(), 1, "numbers")
    assert table.columns == ["method", "Spearman ↑", "deletion ↓"]  # seconds are no matter of one image
    assert table.rows[0] == ["project", None, Quantity(pytest.approx(0.30), "0.300")]
    assert table.rows[2][1] == Quantity(pytest.approx(-0.05), "-0.050")


def test_curves_are_means_over_the_photographs():
    steps = {name: torch.tensor([[1.0, 0.5, 0.0], [0.5, 0.0, 0.0]]) for name in PROBES[:2]}
    found = dict(curves(comparison(deletion=steps)))
    assert list(found) == ["Deletion"]
    told = re.findall(r'data-name="([^"]*)" data-told="([^"]*)"', found["Deletion"])
    assert told == [
        ("0", "project: 0.75\ncaptum.occlusion: 0.75"),
        ("50", "project: 0.25\ncaptum.occlusion: 0.25"),
        ("100", "project: 0\ncaptum.occlusion: 0"),
    ]
    assert "0.250" in found["Deletion"].partition("<table")[2]


def test_the_sanity_check_has_a_column_for_each_stage():
    values = {name: torch.tensor([[0.5, 0.7], [0.1, 0.3]]) for name in PROBES}
    found = dict(curves(comparison(stages=("fc", "<conv>"), randomised=values)))
    assert list(found) == ["Sanity"]
    assert "&lt;conv&gt;" in found["Sanity"]
    assert "<conv>" not in found["Sanity"]


def test_without_maps_there_is_the_table_alone(tmp_path):
    (sheet,) = composed(replace(comparison(), attributions={}), context_of(tmp_path, Squares()))
    assert "deletion ↓" in sheet.body
    assert sheet.cover == ""


def test_notes_and_names_of_strangers_stay_text(tmp_path):
    result = comparison(notes=("<i>left out</i>",))
    result.attributions["<i>&%"] = attributions("<i>&%", note="<script>")
    sheets = composed(result, context_of(tmp_path, Squares()))
    for sheet in sheets:
        assert not re.search(r"<(i|script)>", sheet.body)
    assert "&lt;i&gt;left out" in sheets[0].body
    assert "&lt;script&gt;" in sheets[1].body
