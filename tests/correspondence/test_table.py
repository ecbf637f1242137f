"""Table 1: its numbers by hand, the paper's beside them, and what is left out."""

from __future__ import annotations

import csv
from dataclasses import replace
from io import StringIO
from statistics import mean, stdev
from types import SimpleNamespace

import pytest
from correspondence_cases import correspondence

from interpret import UnknownNameError
from interpret.plugin.interfaces import renderer_input
from interpret.testing import check_renderer
from interpret_correspondence import Correspondence
from interpret_correspondence.renderers.table import CorrespondenceTable, document
from interpret_figures.escaping import MISSING
from interpret_figures.page import TIMES

BESIDE = {"conv5": 5, "fc7": 7}


def tables(text: str) -> list[list[list[str]]]:
    """The cells of every Markdown table, without the bars."""
    found: list[list[list[str]]] = []
    for line in text.splitlines():
        if line.startswith("| location"):
            found.append([])
        if line.startswith("|") and "---" not in line:
            found[-1].append(line.strip("| ").split(" | "))
    return found


def test_mean_and_deviation_over_pairs_under_both_rules() -> None:
    found = correspondence()
    agree, ignore = tables(document(found, {}).markdown())
    assert agree[0] == ["location", "images", "conv5", "p", "fc7", "p"]
    for table, zeros in ((agree, "agree"), (ignore, "ignore")):
        for row, name in enumerate(["right eye", "left_eye", "nose"]):
            values = found.layers["conv5"].distance(zeros)[row].tolist()
            assert table[row + 1][:3] == [name, "4", f"{mean(values):.3f} ± {stdev(values):.3f}"]
        values = found.layers["fc7"].distance(zeros)[3:].flatten().tolist()
        assert len(values) == 12
        assert table[4] == [
            "random",
            "4",
            table[4][2],
            MISSING,
            f"{mean(values):.3f} ± {stdev(values):.3f}",
            MISSING,
        ]
    assert [line[3] for line in agree[1:4]] == ["0.012", "0.900", "1e-04"]
    assert [line[3] for line in ignore[1:3]] == ["0.006", "0.450"]


def test_the_papers_numbers_stand_beside_ours_where_zeros_agree() -> None:
    agree, ignore = tables(
        document(correspondence(("right eye", "left_eye", "Nose", "tail")), BESIDE).markdown()
    )
    assert agree[0] == ["location", "images", "conv5", "p", "paper", "fc7", "p", "paper"]
    assert [line[4] for line in agree[1:]] == [
        "0.067 ± 0.007", "0.069 ± 0.007", "0.079 ± 0.017", MISSING, "0.107 ± 0.017",
    ]  # fmt: skip
    assert [line[7] for line in agree[1:]] == [
        "0.069 ± 0.015", "0.068 ± 0.013", "0.069 ± 0.011", MISSING, "0.073 ± 0.014",
    ]  # fmt: skip
    assert "paper" not in ignore[0]
    assert "paper" not in tables(document(correspondence(("tail",), draws=0), BESIDE).markdown())[0][0]


def test_without_a_test_there_is_no_column_of_chances() -> None:
    found = correspondence(("nose",), draws=0)
    none = replace(
        found,
        layers={name: replace(one, p_agree=one.p_agree * float("nan")) for name, one in found.layers.items()},
    )
    text = document(none, {}).markdown()
    assert tables(text)[0][0] == ["location", "images", "conv5", "fc7"]
    assert "random" not in text
    assert "p: the chance" not in text


def test_one_pair_has_no_deviation() -> None:
    agree, _ = tables(document(correspondence(images=2), {}).markdown())
    assert "±" not in agree[1][2]
    assert "±" in agree[4][2]


def test_the_caption_says_what_was_masked_and_what_is_left_out() -> None:
    lacking = [(0, image) for image in range(10)]
    found = correspondence(images=12, lacking=[*lacking, (2, 0)], skipped=(("broken.jpg", "It is cut."),))
    text = document(found, {}).markdown()
    assert f"Masks of 4 {TIMES} 4 of 16 {TIMES} 16 pixels, grey 0.5; 2 random positions in each image" in text
    assert "(1000 permutations of the masks within each image)" in text
    names = ", ".join(f"square-{place}" for place in range(8))
    assert f"10 images: 'right eye' is not visible ({names} and 2 more)." in text
    assert "1 image: 'nose' is not visible (square-0)." in text
    assert "Not read: broken.jpg." in text
    shared = correspondence(random_rule="shared", fill="blur", tolerance=0.01, avoid=True)
    text = document(shared, {}).markdown()
    assert "the image blurred; the same 2 random positions in all images, off the parts." in text
    assert "rank among the 2 draws" in text
    assert "changes up to 0.01 of the largest count as none" in text


def test_csv_holds_all_digits() -> None:
    found = correspondence(lacking=[(1, 0)])
    lines = list(csv.DictReader(StringIO(document(found, BESIDE).csv())))
    assert len(lines) == 2 * 2 * 4
    first, second = lines[0], lines[1]
    assert first["layer"] == "conv5"
    assert (first["location"], first["zeros"], first["images"], first["pairs"]) == (
        "right eye",
        "agree",
        "4",
        "6",
    )
    assert float(first["mean"]) == float(found.mean("conv5")[0])
    assert float(first["deviation"]) == float(found.spread("conv5")[0])
    assert float(first["p"]) == 0.0123456
    assert float(first["unchanged"]) == float(found.layers["conv5"].unchanged[0].mean())
    assert (first["paper_mean"], first["paper_deviation"]) == ("0.067", "0.007")
    assert (second["images"], second["pairs"]) == ("3", "3")
    assert (lines[3]["pairs"], lines[3]["p"]) == ("12", "")
    assert {line["paper_mean"] for line in lines if line["zeros"] == "ignore"} == {""}


def test_latex_has_two_tables_and_no_bare_characters() -> None:
    text = document(correspondence(layers=("conv_5",)), {}).latex()
    assert text.count(r"\begin{tabular}{lrrr}") == 2
    assert r"left\_eye & 4 & " in text
    assert r"conv\_5" in text
    body = [line for line in text.splitlines() if not line.startswith("%")]
    assert "±" not in "".join(body)
    assert r"$\pm$" in "".join(body)


def test_a_layer_that_is_not_there(made: SimpleNamespace, tmp_path) -> None:
    with pytest.raises(UnknownNameError, match=r"no layer 'conv6'\. Did you mean 'conv5'"):
        CorrespondenceTable(paper={"conv6": 5}).render(correspondence(), made.Squares(), tmp_path)


def test_it_keeps_its_promises_and_reads_no_image(made: SimpleNamespace, tmp_path) -> None:
    assert renderer_input(CorrespondenceTable) is Correspondence
    images = made.Squares()
    files = CorrespondenceTable(paper=BESIDE).render(correspondence(), images, tmp_path / "new")
    assert [file.name for file in files] == ["correspondence.md", "correspondence.csv", "correspondence.tex"]
    assert not images.reads
    check_renderer(CorrespondenceTable(), correspondence(), images)
