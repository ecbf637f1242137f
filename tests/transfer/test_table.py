"""The tables of a transfer: each number in its cell, the paper's beside it, and what is said of gaps."""

from __future__ import annotations

import csv
from io import StringIO
from math import isnan
from pathlib import Path
from statistics import mean, stdev
from types import SimpleNamespace

import pytest
from transfer_cases import LAYERS, NAN, VOC, network, scratch, split, transfer

from interpret.errors import StepError
from interpret.plugin.interfaces import renderer_input
from interpret.testing import check_renderer
from interpret_figures.escaping import MISSING
from interpret_transfer import Transfer
from interpret_transfer.paper import CATEGORIES, METHODS
from interpret_transfer.renderers import categories
from interpret_transfer.renderers.table import TransferTable, document


def table(text: str) -> list[dict[str, str]]:
    """The rows of the first Markdown table."""
    lines = text.splitlines()
    begin = next(place for place, line in enumerate(lines) if line.startswith("|"))
    end = next((place for place, line in enumerate(lines[begin:], begin) if not line.startswith("|")), None)
    cells = [line.strip("| ").split(" | ") for line in lines[begin:end]]
    return [dict(zip(cells[0], line, strict=True)) for line in cells[2:]]


def test_mean_and_sample_deviation_in_their_cells() -> None:
    found = transfer(network(), network("other", ["features.3"], ["svm"], seed=1))
    lines = table(document(found).markdown())
    rows = [(one.label, row) for one in found.networks for row in one.layers]
    assert len(lines) == len(rows) == 15
    for line, (label, row) in zip(lines, rows, strict=True):
        assert (line["network"], line["layer"], line["classifier"]) == (label, row.layer, row.classifier)
        assert line["dimension"] == f"{row.dimension:,}"
        for place, size in enumerate((5, 15)):
            values = [100 * value for value in row.quality[place].tolist()]
            assert line[f"{size} images"] == f"{mean(values):.1f} ± {stdev(values):.1f}"
        assert line["c"] == f"{float(row.strength[0, 0]):g}"
        assert line["seconds"] == f"{row.seconds:.3g}"
    assert "30 images" not in lines[0]


def test_the_papers_numbers_stand_at_their_layer_classifier_and_size() -> None:
    lines = table(
        document(transfer(network(), network("other", ["features.3"], ["svm"])), "caltech101").markdown()
    )
    own = {(line["network"], line["layer"], line["classifier"]): line for line in lines}
    beside = "paper, Table 7: 30 images"
    assert own["ZFNet", "layer1", "svm"][beside] == "44.8 ± 0.7"
    assert own["ZFNet", "layer5", "softmax"][beside] == "82.9 ± 0.4"
    assert own["ZFNet", "layer6", "svm"][beside] == MISSING
    assert own["ZFNet", "layer1", "softmax"][beside] == MISSING
    assert own["other", "features.3", "svm"][beside] == MISSING
    assert own["ZFNet", "layer1", "svm"]["30 images"] == MISSING
    bo = next(line for line in lines if "Bo et al." in line["network"])
    assert (bo["5 images"], bo["15 images"], bo["30 images"]) == (MISSING, MISSING, "81.4 ± 0.33")
    other = next(line for line in lines if "Jianchao" in line["network"])
    assert (other["15 images"], other["30 images"]) == ("73.2", "84.3")
    assert all(line["network"].startswith("paper, Table 4: ") for line in lines[15:])
    assert len(lines) == 15 + 4


def test_no_column_for_table_7_where_no_layer_has_its_names() -> None:
    text = document(transfer(network("other", ["features.3"], ["svm"])), "caltech256").markdown()
    assert "Table 7: 60 images |" not in text
    assert [line["60 images"] for line in table(text)[1:]] == [
        "47.9",
        "55.2 ± 0.3",
        "38.8 ± 1.4",
        "74.2 ± 0.3",
    ]


def test_the_caption_says_what_is_measured() -> None:
    text = document(
        transfer(network(), skipped=[("a.jpg", "broken"), ("b.jpg", "broken")]), "caltech101"
    ).markdown()
    for said in (
        "Accuracy by category, averaged over 4 categories, in %",
        "sample standard deviation over 3 random splits",
        "5 or 15 images of each category to train, 40 images to test",
        "centre crop, features scaled to length 1",
        "c is chosen on the training images of each split alone",
        "Guessing: 25.0 %",
        "2 images could not be read",
        "Caltech-101, Table 4",
    ):
        assert said in text
    of_voc = document(split(), "voc2012").markdown()
    for said in (
        "averaged over 3 categories, in %: one split, so that no spread",
        "ten crops, features standardised",
        "left out: cow. 1 image could not be read.",
        "11,540 images to train",
    ):
        assert said in of_voc
    assert "Guessing" not in of_voc
    assert "±" not in of_voc


def test_one_c_everywhere_is_said_and_a_training_has_none() -> None:
    found = transfer(network(layers=["layer1"]), scratch())
    lines = table(document(found).markdown())
    assert "c is 0.1 everywhere." in document(found).markdown()
    assert [lines[-1][name] for name in ("layer", "classifier", "dimension", "c")] == [
        "all layers", "scratch", MISSING, MISSING,
    ]  # fmt: skip
    found.networks[0].layers[0].strength[1, 2] = 10
    assert table(document(found).markdown())[0]["c"] == f"0.1{MISSING}10"
    assert "c is chosen" in document(found).markdown()


def test_csv_holds_every_split_with_all_digits_and_the_paper() -> None:
    found = transfer(network(), scratch())
    found.networks[0].layers[0].quality[1, 2] = NAN
    lines = list(csv.DictReader(StringIO(document(found, "caltech101").csv())))
    ours = [line for line in lines if line["source"] == "ours"]
    assert len(ours) == 15 * 2 * 3
    for place, line in enumerate(ours):
        number, rest = divmod(place, 6)
        row = [row for one in found.networks for row in one.layers][number]
        size, fold = divmod(rest, 3)
        value = float(row.quality[size, fold])
        assert line["quality"] == ("" if isnan(value) else repr(value))
        assert (line["layer"], line["classifier"]) == (row.layer, row.classifier)
        assert (line["train"], line["fold"]) == (str((5, 15)[size]), str(fold))
    assert ours[0]["c"] == "0.1"
    assert (ours[-1]["c"], ours[-1]["dimension"]) == ("", "")
    theirs = {(line["network"], line["layer"], line["classifier"], line["train"]): line for line in lines}
    assert theirs["Bo et al.", "", "", "30"]["quality"] == "0.814"
    assert theirs["Bo et al.", "", "", "30"]["spread"] == "0.0033"
    assert theirs["convnet, pretrained", "layer7", "softmax", "30"]["quality"] == "0.854"
    assert len(lines) - len(ours) == 7 + 8
    assert "NaN" not in document(found).markdown()
    assert table(document(found).markdown())[0]["15 images"] == MISSING


def test_names_keep_to_their_cells() -> None:
    found = transfer(network("a|b & 50%", ["conv_1"], ["svm"]), categories=("x|y", "50%", "a_b", "#"))
    assert r"| a\|b & 50% | conv_1 |" in document(found).markdown()
    assert r"a\textbar{}b \& 50\% & conv\_1 & svm" in document(found).latex()
    assert r"$\pm$" in document(found).latex()
    assert r"| x\|y |" in categories.document(found).markdown()
    assert r"a\_b & " in categories.document(found).latex()
    assert r"\# & " in categories.document(found).latex()


def test_another_measure_than_the_papers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r"average precision, but .* Caltech-101 are accuracies"):
        TransferTable(paper="caltech101").render(split(), None, tmp_path)  # type: ignore[arg-type]
    with pytest.raises(StepError, match="VOC 2012 are average precisions"):
        categories.TransferCategories(paper="voc2012").render(transfer(), None, tmp_path)  # type: ignore[arg-type]


def test_each_category_by_layer_with_the_best_marked() -> None:
    found = transfer(network(kinds=("svm",)))
    lines = table(categories.document(found).markdown())
    assert [line["category"] for line in lines] == [*VOC, "mean"]
    for number, line in enumerate(lines[:-1]):
        values = [100 * float(row.by_category[1, number]) for row in found.networks[0].layers]
        shown = [line[layer].strip("*") for layer in LAYERS]
        assert shown == [f"{value:.1f}" for value in values]
        assert [layer for layer in LAYERS if line[layer].startswith("**")] == [
            LAYERS[values.index(max(values))]
        ]
    assert lines[-1]["layer1"] == f"{100 * float(found.networks[0].layers[0].mean[1]):.1f}"
    written = list(csv.DictReader(StringIO(categories.document(found).csv())))
    assert len(written) == 7 * 2 * 4
    assert written[5]["quality"] == repr(float(found.networks[0].layers[0].by_category[1, 1]))


def test_a_table_for_each_network_and_classifier() -> None:
    text = categories.document(transfer(network(), network("other", ["a"], ["svm"]), scratch())).markdown()
    titles = [line.strip("*") for line in text.splitlines() if line.startswith("**")]
    assert titles == ["ZFNet, svm", "ZFNet, softmax", "other, svm", "ZFNet, from scratch"]


def test_categories_without_images_and_the_papers_row() -> None:
    lines = table(categories.document(split(), "voc2012").markdown())
    cow, plane = lines[3], lines[0]
    assert {cow[layer] for layer in LAYERS} == {MISSING}
    assert cow["paper: convnet, pretrained"] == "74.4"
    assert cow["paper: Sande et al."] == "63.2"
    assert plane["paper: Yan et al."] == "97.3"
    assert lines[4]["paper: convnet, pretrained"] == "79.0"
    written = list(csv.DictReader(StringIO(categories.document(split(), "voc2012").csv())))
    assert written[3]["quality"] == ""
    assert len(written) == 7 * 4 + 60
    assert written[-1] == {
        "source": "paper, Table 6", "network": "convnet, pretrained", "layer": "", "classifier": "",
        "train": "", "category": "tvmonitor", "quality": "0.761",
    }  # fmt: skip


def test_the_papers_columns_add_up_as_its_contradictions_are_known() -> None:
    means = {name: mean(found.values()) for name, found in CATEGORIES["voc2012"].items()}
    assert means == pytest.approx(
        {"Sande et al.": 74.03, "Yan et al.": 82.33, "convnet, pretrained": 79.005}, abs=1e-9
    )
    best = [
        max(CATEGORIES["voc2012"], key=lambda name: CATEGORIES["voc2012"][name][one])
        for one in categories_of()
    ]
    assert [best.count(name) for name in CATEGORIES["voc2012"]] == [0, 15, 5]
    assert METHODS["caltech101"]["convnet, pretrained"][30].mean == 86.5


def categories_of() -> list[str]:
    return list(CATEGORIES["voc2012"]["Yan et al."])


@pytest.mark.parametrize("renderer", [TransferTable, categories.TransferCategories])
def test_they_keep_their_promises(
    renderer: type[TransferTable | categories.TransferCategories], made: SimpleNamespace, tmp_path: Path
) -> None:
    assert renderer_input(renderer) is Transfer
    check_renderer(renderer(), transfer(network(), scratch()), made.Squares())
    check_renderer(renderer(paper="voc2012"), split(), made.Squares())
    files = renderer(formats=("csv", "latex")).render(transfer(), made.Squares(), tmp_path)
    assert [file.suffix for file in files] == [".csv", ".tex"]
    again = renderer(formats=("csv", "latex")).render(transfer(), made.Squares(), tmp_path / "again")
    assert [file.read_bytes() for file in files] == [file.read_bytes() for file in again]
