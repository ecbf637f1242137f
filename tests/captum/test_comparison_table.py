"""The table of a comparison: every number in its cell, the best in bold, in three languages."""

import csv
import io
from math import nan

import pytest
import torch

from interpret.testing import check_renderer
from interpret_captum import Comparison
from interpret_captum.comparison import METRICS
from interpret_captum.renderers import ComparisonTable
from interpret_captum.renderers.table import cells, document, shown

DASH = "\N{EN DASH}"
NAMES = ("relative_l2", "spearman", "deletion", "insertion", "seconds")
TABLE = [
    [nan, nan, 0.25, 0.50001, 12.5],
    [1.23e-7, 0.99996, 0.25, 0.5, 0.00042],
    [2.0, -0.00001, 0.75, nan, 0.0],
]


def comparison(reference=(0, 0, 0), probes=("project", "captum.occlusion", "a_b|c (x=1%)")):
    columns = tuple(metric for metric in METRICS if metric.name in NAMES)
    table = torch.tensor(TABLE, dtype=torch.float64)
    return Comparison(probes, reference, columns, table, torch.full((3, 5, 2), nan), {})


def rows_of(text):
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if "|" in line
    ]


def test_markdown():
    head, bars, *rows = rows_of(document(comparison()).markdown())
    assert head == [
        "probe",
        "against",
        "relative L2 ↓",
        "Spearman ↑",
        "deletion ↓",
        "insertion ↑",
        "s per image ↓",
    ]
    assert bars == ["---", "---", *["---:"] * 5]
    assert rows == [
        ["project", DASH, "reference", "reference", "**0.250**", "0.500", "12.5"],
        ["captum.occlusion", "project", "1.2e-07", "1.000", "**0.250**", "0.500", "4.2e-04"],
        [r"a_b\|c (x=1%)", "project", "2.00", "0.000", "0.750", DASH, "**0**"],
    ]


def test_markdown_says_what_its_columns_mean():
    text = document(comparison()).markdown()
    assert "2 images. ↑ higher is better" in text
    for metric in comparison().metrics:
        assert f"- {metric.title}: {metric.meaning}" in text


def test_comma_separated_values_keep_every_digit():
    head, *rows = csv.reader(io.StringIO(document(comparison()).csv()))
    assert head == ["probe", "reference", *NAMES]
    assert [row[:2] for row in rows] == [
        ["project", ""], ["captum.occlusion", "project"], ["a_b|c (x=1%)", "project"]
    ]  # fmt: skip
    for row, wanted in zip(rows, TABLE, strict=True):
        assert [nan if cell == "" else float(cell) for cell in row[2:]] == pytest.approx(
            wanted, rel=0, nan_ok=True
        )


def test_latex():
    lines = document(comparison()).latex().splitlines()
    start = lines.index(r"\begin{tabular}{llrrrrr}")
    assert all(line.startswith("% ") for line in lines[:start])
    assert lines[start + 2].startswith(r"probe & against & relative L2 $\downarrow$ & Spearman $\uparrow$")
    assert lines[start + 5] == (
        r"captum.occlusion & project & 1.2e-07 & 1.000 & \textbf{0.250} & 0.500 & 4.2e-04 \\"
    )
    assert lines[start + 6].startswith(r"a\_b\textbar{}c (x=1\%) & project & 2.00 & 0.000 & 0.750 & -- &")
    assert lines[-1] == r"\end{tabular}"
    assert all(line.count(" & ") == 6 for line in lines if line.endswith(r"\\"))


def test_latex_keeps_no_character_of_its_own():
    text = document(comparison(probes=("a\\b", "{c}_$", "d^~#&"))).latex()
    assert r"a\textbackslash{}b" in text
    assert r"\{c\}\_\$" in text
    assert r"d\textasciicircum{}\textasciitilde{}\#\&" in text


def test_the_best_of_some_rows():
    found = cells(comparison(), 2, among=[2])
    assert [cell.best for cell in found] == [False, False, False]  # alone, it is no better than anything
    assert [cell.best for cell in cells(comparison(), 2, among=[0, 2])] == [True, False, False]


def test_the_best_is_sought_among_those_with_one_reference():
    found = comparison(reference=(0, 0, 2))
    assert [cell.best for cell in cells(found, 4)] == [False, True, False]
    assert "best in bold among probes with one reference" in document(found).markdown()


def test_agreement_is_no_contest():
    assert not any(cell.best for cell in cells(comparison(), 1))


def test_pairs_name_their_reference():
    text = document(comparison(reference=(0, 0, 2))).markdown()
    assert [row[1] for row in rows_of(text)[2:]] == [DASH, "project", DASH]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (123456.0, "1.2e+05"),
        (0.00999, "0.00999"),
        (12.345, "12.3"),
        (14.0, "14.0"),
        (999.7, "1000"),
        (-2e-9, "-2.0e-09"),
    ],
)
def test_digits(value, text):
    metric = next(metric for metric in METRICS if metric.name == "relative_l2")
    assert shown(metric, value) == text
    assert shown(metric, nan) == DASH


def test_files(tmp_path):
    files = ComparisonTable().render(comparison(), None, tmp_path / "new")
    assert [file.name for file in files] == ["comparison.md", "comparison.csv", "comparison.tex"]
    assert files[0].read_text() == document(comparison()).markdown()
    (only,) = ComparisonTable(formats=("csv", "csv")).render(comparison(), None, tmp_path)
    assert only.name == "comparison.csv"


def test_contract():
    check_renderer(ComparisonTable(), comparison())
