"""The page of a transfer: charts and tables of every layer, and the paper's numbers where they belong."""

from dataclasses import replace

import pytest
import torch
from hand_context import context_of
from page_reading import HOSTILE, charts, read_page, tables, told
from squares import Squares
from transfer_cases import VOC, network, scratch, split, transfer

from interpret_figures.text import number
from interpret_transfer.pages import TransferPage
from interpret_transfer.pages.published import published
from interpret_transfer.paper import CATEGORIES

ALL_VOC = tuple(next(iter(CATEGORIES["voc2012"].values())))
CALTECH101 = ("accordion", "wild_cat", "yin_yang", *(f"other{place}" for place in range(98)))
CALTECH256 = ("001.ak47", "186.skunk", "250.zebra", *(f"{place}.thing{place}" for place in range(300, 553)))


def composed(result, tmp_path):
    (sheet,) = TransferPage().compose(result, context_of(tmp_path, Squares(), "layers"))
    return read_page(sheet.body)


@pytest.mark.parametrize(
    ("categories", "measure", "expected"),
    [
        (CALTECH101, "accuracy", "caltech101"),
        (CALTECH256, "accuracy", "caltech256"),
        (ALL_VOC, "average precision", "voc2012"),
        (ALL_VOC, "accuracy", None),
        (VOC, "average precision", None),
        (CALTECH101[:50], "accuracy", None),
        (("cat", "dog"), "accuracy", None),
    ],
)
def test_categories_tell_which_of_the_papers_numbers_belong_here(categories, measure, expected):
    result = replace(transfer(), categories=categories, measure=measure)
    assert published(result) == expected


def test_every_layer_is_drawn_with_its_spread(tmp_path):
    result = transfer()
    page = composed(result, tmp_path)
    found = dict(told(charts(page)["With 15 training images of each category"]))
    (row,) = [row for row in result.networks[0].layers if (row.layer, row.classifier) == ("layer4", "svm")]
    mean, spread = 100 * float(row.mean[1]), 100 * float(row.spread[1])
    assert found["layer4"].splitlines()[0] == f"ZFNet, svm: {number(mean)} ± {number(spread)}"
    assert "guessing" in charts(page)["With 15 training images of each category"].text
    assert len(tables(page)["What each layer is worth"]) == 15  # seven layers, two classifiers, the head


def test_the_papers_numbers_stand_beside_ours(tmp_path):
    result = transfer(network(sizes=2, categories=101), sizes=(15, 30), categories=CALTECH101)
    page = composed(result, tmp_path)
    found = dict(told(charts(page)["With 30 training images of each category"]))
    assert found["layer3"].splitlines()[-1] == "the paper, Table 7: 72.3"
    curve = charts(page)["ZFNet, svm"]
    assert "convnet, pretrained (paper): 83.8" in dict(told(curve))["15"]
    assert any("paper, Table 4: Bo et al." in row for row in tables(page)["What each layer is worth"])


def test_categories_are_in_tabs_and_the_best_layer_is_bold(tmp_path):
    result = transfer(network("a", kinds=("svm",)), network("b", kinds=("svm",), seed=1))
    page = composed(result, tmp_path)
    assert [button.text for button in page.find("button")] == ["a", "b"]
    rows = tables(page)["a"]
    values = result.networks[0].layers
    cat = [round(100 * float(row.by_category[1, 2]), 1) for row in values]
    assert [float(text) for text in rows[3][1:]] == cat
    (panel, _) = page.find("section", class_="panel")
    assert float(panel.find("tr")[3].find("b")[0].text) == max(cat)


def test_one_size_has_no_curve(tmp_path):
    page = composed(transfer(network(sizes=1), sizes=(5,)), tmp_path)
    assert "With few images" not in page.text


def test_a_given_split_has_no_guessing_and_says_what_is_left_out(tmp_path):
    page = composed(split(), tmp_path)
    assert "guessing" not in charts(page)["With 120 training images"].text
    assert "left out: cow" in page.text


def test_a_network_trained_as_a_whole_stands_beside_layers(tmp_path):
    page = composed(transfer(network(kinds=("svm",)), scratch()), tmp_path)
    assert dict(told(charts(page)["With 15 training images of each category"]))["all layers"] == (
        "ZFNet, from scratch: 25 ± 0"
    )


def test_many_layers_are_drawn_in_part(tmp_path):
    deep = network(layers=[f"block{place}" for place in range(40)], kinds=("svm",))
    page = composed(transfer(deep), tmp_path)
    names = [item.text for item in charts(page)["ZFNet"].find("li")]
    assert (names[0], names[-1], len(names)) == ("block0", "block39", 7)


def test_steps_about_one_task_stand_side_by_side_once_each(tmp_path):
    steps = [context_of(tmp_path, Squares(), name) for name in ("one", "two", "three")]
    one, two = network("one", kinds=("svm",)), network("two", kinds=("svm",), seed=1)
    other = transfer(network("other", sizes=1), sizes=(7,))
    given = list(zip((transfer(one), transfer(two), other), steps, strict=True))
    (sheet,) = TransferPage().compare(given)
    page = read_page(sheet.body)
    assert [button.text for button in page.find("button")] == ["one", "two"]
    both = list(zip((transfer(one), transfer(one, two)), steps[:2], strict=True))
    assert list(TransferPage().compare(both)) == []


def test_networks_of_one_name_stay_apart(tmp_path):
    alike = [network("net", kinds=("svm",), seed=seed) for seed in (0, 1)]
    page = composed(transfer(*alike), tmp_path)
    assert [button.text for button in page.find("button")] == ["net (1)", "net (2)"]
    steps = [context_of(tmp_path, Squares(), "layers", run=run) for run in ("before", "after")]
    (sheet,) = TransferPage().compare([(transfer(one), step) for one, step in zip(alike, steps, strict=True)])
    names = [button.text for button in read_page(sheet.body).find("button")]
    assert names == ["net, before: layers", "net, after: layers"]


def test_nothing_known_is_said(tmp_path):
    lost = network(kinds=("svm",))
    for row in lost.layers:
        row.quality[:] = torch.nan
        row.by_category[:] = torch.nan
    assert "there are no values" in composed(transfer(lost), tmp_path).text


def test_names_stay_text(tmp_path):
    result = transfer(network(HOSTILE, layers=[HOSTILE, "b"]), categories=(HOSTILE, "a", "b", "c"))
    assert "{{ 7*7 }}" in composed(result, tmp_path).text
