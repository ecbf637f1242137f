"""The table of an ablation: its numbers by hand, and what it says where there are none."""

from __future__ import annotations

import csv
from io import StringIO
from math import isnan
from pathlib import Path
from statistics import mean, stdev
from types import SimpleNamespace

import pytest
from ablation_cases import NAN, ROWS, ablation

from interpret.plugin.interfaces import renderer_input
from interpret.testing import check_renderer
from interpret_figures.escaping import MISSING
from interpret_training.ablation.renderers.table import AblationTable, document, million
from interpret_training.ablation.results import Ablation


def table(result: Ablation) -> list[dict[str, str]]:
    """The rows of the Markdown table; the second and third "paper" are called so too."""
    lines = [
        line.strip("| ").split(" | ")
        for line in document(result).markdown().splitlines()
        if line.startswith("|")
    ]
    head = [f"{name} {lines[0][:place].count(name)}" for place, name in enumerate(lines[0])]
    return [dict(zip(head, line, strict=True)) for line in lines[2:]]


def test_mean_spread_and_the_papers_number() -> None:
    found = ablation()
    for row, line in enumerate(table(found)):
        for place, (title, measure) in enumerate(
            [("train top-1", "train"), ("val top-1", "validation"), ("val top-5", "validation5")]
        ):
            values = [100 * value for value in getattr(found, measure)[row].tolist()]
            assert line[f"{title} 0"] == f"{mean(values):.1f} ± {stdev(values):.1f}"
            assert line[f"paper {place}"] == f"{ROWS[row][place + 1]:.1f}"
    assert [line["multiply-adds, M 0"] for line in table(found)][:2] == [MISSING, "5.15"]
    assert "epochs 0" not in table(found)[0]
    assert (
        "mean ± sample standard deviation over 3 seeds. 9103 images of 10 categories"
        in document(found).markdown()
    )


def test_one_seed_has_no_spread_and_nothing_is_shown_that_is_not_there() -> None:
    text = document(ablation(seeds=(4,), paper=False, validated=0)).markdown()
    assert "±" not in text
    assert "one seed (4)" in text
    assert "paper" not in text
    assert "val top-1" not in text


def test_trainings_that_diverged_are_named_with_their_reason() -> None:
    found = ablation(diverged=[(1, 0), (2, 0), (2, 1), (2, 2)])
    lines = table(found)
    assert lines[1]["train top-1 0"].endswith("(1 of 3 diverged)")
    assert lines[2]["train top-1 0"] == "diverged"
    assert lines[2]["val top-1 0"] == MISSING
    assert "AlexNet, removed 3, 4, seed 0: It diverged at step 3." in document(found).markdown()
    assert "% AlexNet, removed 3, 4, seed 0: It diverged at step 3." in document(found).latex()


def test_epochs_are_shown_where_a_training_ended_early() -> None:
    found = ablation(diverged=[(1, 0)])
    found.epochs[0, 1] = 7
    assert [line["epochs 0"] for line in table(found)][:2] == ["12, 7, 12", f"{MISSING}, 12, 12"]


def test_csv_holds_every_training() -> None:
    found = ablation(diverged=[(1, 2)])
    lines = list(csv.DictReader(StringIO(document(found).csv())))
    assert len(lines) == len(ROWS) * 3
    for place, line in enumerate(lines):
        row, column = divmod(place, 3)
        assert (line["row"], line["seed"]) == (ROWS[row][0], str(column))
        for measure in ("train", "validation", "validation5"):
            value = float(getattr(found, measure)[row, column])
            assert line[measure] == ("" if isnan(value) else repr(value))
        assert line["diverged"] == str(int(place == 5))
        assert float(line["paper_train"]) == pytest.approx(ROWS[row][1] / 100)
    assert lines[0]["multiply_adds"] == ""
    assert lines[3]["multiply_adds"] == "5145095"


def test_counts_in_millions() -> None:
    shown = [million(value) for value in (0, 47_146, 6_400_000, 35_990_000, 714_000_000, 1.43e9, -1)]
    assert shown == ["0.00", "0.0471", "6.40", "36.0", "714", "1430", MISSING]


def test_labels_keep_to_their_cells() -> None:
    found = ablation([("a|b & 50%", 1, 2, 3), ("c", NAN, NAN, NAN)])
    assert r"| a\|b & 50% |" in document(found).markdown()
    assert r"a\textbar{}b \& 50\%" in document(found).latex()
    assert r"$\pm$" in document(found).latex()


def test_it_keeps_its_promises(made: SimpleNamespace, tmp_path: Path) -> None:
    assert renderer_input(AblationTable) is Ablation
    check_renderer(AblationTable(), ablation(), made.Squares())
    files = AblationTable(formats=("csv", "latex")).render(ablation(), made.Squares(), tmp_path)
    assert [file.name for file in files] == ["ablation.csv", "ablation.tex"]
