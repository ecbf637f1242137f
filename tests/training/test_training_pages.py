"""The pages of trainings, evaluations, evolutions and ablations: what they say is what was found."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from ablation_cases import ablation, history
from evolution_cases import SPEC, evolution, layer
from hand_context import context_of, pixels_of
from page_reading import HOSTILE, charts, read_page, tables, told
from squares import Squares

from interpret.errors import DatasetError
from interpret_figures.text import number
from interpret_training import Evaluation, History, Scores, Training
from interpret_training.evaluation.evaluating import score
from interpret_training.pages import AblationPage, EvaluationPage, EvolutionPage, TrainingPage
from interpret_training.pages.evaluation import confusions


class Gone(Squares):
    """Photographs that cannot be read any more."""

    def __getitem__(self, index):
        raise DatasetError(f"Photograph {index} is gone.")


def training(epochs=12, *, validated=True, name="validation"):
    fall = torch.linspace(1, 0.1, epochs)
    missing = fall if validated else fall * torch.nan
    rate = torch.tensor([0.01] * (epochs - epochs // 2) + [0.001] * (epochs // 2))
    done = History(rate, 2 * fall, 0.9 * fall, 2 * missing, missing, missing / 2)
    scores = {"train": Scores(0.1, 0.0, 0.3, 100, 1), name: Scores(0.25, 0.05, 0.7, 40, 10)}
    recipe = {"batch": 16, "seed": 3, "rate": 0.01, "epochs": epochs}
    return Training(recipe, done, torch.linspace(2, 1, 450), (), scores, 100)


def evaluated(labels, answers, classes, names=()):
    """What a network says that is sure of its answers."""
    probabilities = torch.full((len(labels), classes), 0.1 / (classes - 1))
    probabilities[torch.arange(len(labels)), torch.tensor(answers)] = 0.9
    found = torch.tensor(labels)
    ids = tuple(f"image-{place}" for place in range(len(labels)))
    return Evaluation(probabilities, found, ids, 1, score(probabilities, found, 1), tuple(names))


def composed(page, result, tmp_path, images=None):
    context = context_of(tmp_path, images or Squares(), "step")
    return context, list(page.compose(result, context))


# --- training


def test_every_epoch_is_in_the_chart_and_in_the_table(tmp_path):
    result = training(4)
    _, (sheet,) = composed(TrainingPage(), result, tmp_path)
    page = read_page(sheet.body)
    head, *rows = tables(page)["Every epoch"]
    assert head[:4] == ["epoch", "rate", "loss", "error, %"]
    assert [row[0] for row in rows] == ["1", "2", "3", "4"]
    assert [float(row[3]) for row in rows] == pytest.approx([90, 63, 36, 9])
    assert told(charts(page)["Error"])[1] == ("2", "training: 63\nvalidation: 70\nvalidation, top 5: 35")
    assert "rate 0.001" in charts(page)["Loss"].text  # where it falls


def test_what_was_not_measured_is_left_out(tmp_path):
    _, (sheet,) = composed(TrainingPage(), training(3, validated=False), tmp_path)
    page = read_page(sheet.body)
    assert "validation" not in " ".join(tables(page)["Every epoch"][0])
    assert [text for _, text in told(charts(page)["Error"])] == [
        "training: 90",
        "training: 49.5",
        "training: 9",
    ]


def test_many_steps_are_averaged_without_losing_any(tmp_path):
    result = training()
    _, (sheet,) = composed(TrainingPage(), result, tmp_path)
    found = told(charts(read_page(sheet.body))["Loss of every step, means of 3 steps"])
    assert [int(name) for name, _ in found] == list(range(3, 451, 3))
    values = [float(text.partition(": ")[2]) for _, text in found]
    assert values == pytest.approx(result.losses.view(-1, 3).mean(1).tolist(), rel=0.01)


def test_a_single_epoch_is_drawn(tmp_path):
    _, (sheet,) = composed(TrainingPage(), training(1), tmp_path)
    assert len(told(charts(read_page(sheet.body))["Loss"])) == 1


def test_trainings_side_by_side_have_names_of_their_own(tmp_path):
    one, other = (context_of(tmp_path, Squares(), "learn", run=name) for name in ("before", "after"))
    (sheet,) = TrainingPage().compare([(training(2), one), (training(4), other)])
    page = read_page(sheet.body)
    names = [row[0] for row in tables(page)["Errors of the trained network"][1:]]
    assert names == [
        f"{run}: learn: {kind}" for run in ("before", "after") for kind in ("train", "validation")
    ]
    found = told(charts(page)["Error, validation images"])
    assert [text.count("\n") for _, text in found] == [1, 1, 0, 0]  # the shorter one ends


# --- evaluation


def test_confusions_are_counted():
    random = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 5, (200,), generator=random).tolist()
    answers = torch.randint(0, 5, (200,), generator=random).tolist()
    slow = [
        [sum(a == i and b == j for a, b in zip(labels, answers, strict=True)) for j in range(5)]
        for i in range(5)
    ]
    assert confusions(evaluated(labels, answers, 5)).tolist() == slow


def test_few_categories_have_the_whole_table_of_confusions(tmp_path):
    result = evaluated([0, 0, 0, 1, 2], [0, 1, 1, 1, 0], 3, ["cat", "dog", "bird"])
    _, (sheet,) = composed(EvaluationPage(), result, tmp_path)
    page = read_page(sheet.body)
    (grid,) = page.find("table", class_="confusion")
    assert grid.rows() == [
        ["label", "cat", "dog", "bird"],
        ["cat", "1", "2", ""],
        ["dog", "", "1", ""],
        ["bird", "1", "", ""],
    ]
    assert [cell.text for cell in grid.find("td", class_="own")] == ["1", "1", ""]
    rows = {row[0]: row for row in tables(page)["Every category"][1:]}
    assert rows["cat"][1:3] == ["3", "66.7"]
    assert rows["cat"][4] == "dog (2)"
    assert rows["dog"][4] == ""


def test_of_a_thousand_categories_the_worst_are_drawn_and_all_listed(tmp_path):
    labels = list(range(1000))
    answers = [(label + 1) % 1000 if label % 2 else label for label in labels]
    _, (sheet,) = composed(EvaluationPage(), evaluated(labels, answers, 1000), tmp_path)
    page = read_page(sheet.body)
    assert not page.find("table", class_="confusion")
    assert len(told(charts(page)["The 40 worst categories"])) == 40
    assert len(tables(page)["Every category"]) == 1001
    assert tables(page)["Confusions"][1] == ["class 1", "class 2", "1", "100"]


def test_categories_without_images_are_left_out(tmp_path):
    _, (sheet,) = composed(EvaluationPage(), evaluated([3, 3], [3, 1], 100), tmp_path)
    assert [row[0] for row in tables(read_page(sheet.body))["Every category"][1:]] == ["class 3"]


def test_without_a_mistake_there_are_no_pairs(tmp_path):
    _, (sheet,) = composed(EvaluationPage(), evaluated([0, 30], [0, 30], 40), tmp_path)
    page = read_page(sheet.body)
    assert "Confused most often" not in page.text


def seen(result, names, images, tmp_path):
    """The page of an evaluation of these images, by a network of their size."""
    context = context_of(tmp_path, images, "step")
    context.__dict__["network"] = SimpleNamespace(input=SPEC)
    found = replace(result, ids=tuple(names))
    (sheet,) = EvaluationPage().compose(found, context)
    return context, read_page(sheet.body).find("ul", class_="thumbnails")


def test_the_surest_mistakes_are_shown_with_their_photographs(tmp_path):
    result = evaluated([0, 1, 2, 0], [1, 1, 0, 2], 3, ["cat", "dog", "bird"])
    result.probabilities[3, 2] = 0.95
    context, (found,) = seen(result, ["square-9", "square-4", "square-2", "square-7"], Squares(), tmp_path)
    assert [item.text for item in found.find("li")] == [
        "bird, 0.95 label: cat square-7",
        "dog, 0.90 label: cat square-9",
        "cat, 0.90 label: bird square-2",
    ]
    for image, place in zip(found.find("img"), (7, 9, 2), strict=True):
        pixels = pixels_of(context, image.attributes["src"]).reshape(-1, 3).mean(0)
        assert np.abs(pixels - (place, 100, 200)).max() < 6


@pytest.mark.parametrize("images", [Gone(), Squares(1)])
def test_mistakes_are_told_where_photographs_are_gone(tmp_path, images):
    result = evaluated([0, 1], [1, 0], 2, ["cat", "dog"])
    _, (found,) = seen(result, ["square-9", "square-4"], images, tmp_path)
    assert len(found.find("li")) == 2
    assert not found.find("img")


def test_evaluations_side_by_side(tmp_path):
    steps = [context_of(tmp_path, Squares(), name) for name in ("before", "after")]
    results = [evaluated([0, 1], [0, 0], 2), evaluated([0, 1], [0, 1], 2)]
    (sheet,) = EvaluationPage().compare(list(zip(results, steps, strict=True)))
    rows = tables(read_page(sheet.body))["Errors"]
    assert [row[:2] for row in rows[1:]] == [["before", "50"], ["after", "0"]]


# --- evolution


def test_an_evolution_has_a_page_for_all_layers_and_one_for_each(tmp_path):
    result = evolution(conv1=layer(), fc=layer((0, 4, 2), seed=1))
    context, (front, *layers) = composed(EvolutionPage(), result, tmp_path)
    assert [(sheet.layer, list(sheet.units)) for sheet in layers] == [("conv1", [3, 1]), ("fc", [0, 4, 2])]
    page = read_page(front.body)
    links = [link.attributes["href"] for link in page.find("a")]
    assert links == [context.sheet_url("conv1"), context.sheet_url("fc")]
    assert (front.name, bool(front.cover)) == ("", True)


def test_the_slider_shows_the_strongest_neuron_of_every_checkpoint(tmp_path):
    found = layer((3, 1), dead=[(1, 0)], image=[[0, 0, 0]] + [[7, 8, 8]] + [[0, 0, 0]] * 3)
    context, (_, sheet) = composed(EvolutionPage(), evolution(conv1=found), tmp_path)
    frames = read_page(sheet.body).find("section", class_="frame")
    assert [frame.attributes["data-name"] for frame in frames] == ["epoch 0", "epoch 1", "epoch 5"]
    first, second, third = ([item.text for item in frame.find("li")] for frame in frames)
    assert first[1].startswith("Unit 1 not positive in any image at epoch 0")
    assert "square-8" in second[1]
    assert "first seen here" in second[1]
    assert "the same neuron as before" in third[1]  # the position is the same, too
    for frame, column in zip(frames, range(3), strict=True):
        for item, unit in zip(frame.find("li"), (3, 1), strict=True):
            for piece, kind in zip(item.find("svg", class_="piece"), ("projection", "patch"), strict=False):
                pixels = _piece(context, piece)
                wanted = _tile(found, unit, column, kind)
                assert np.abs(pixels.astype(int) - wanted).mean() < 14  # WebP is not exact


def _piece(context, element):
    """The pixels that a piece shows."""
    x, y, width, height = map(int, element.attributes["viewbox"].split())
    (image,) = element.find("image")
    return pixels_of(context, image.attributes["href"])[y : y + height, x : x + width]


def _tile(found, unit, column, kind):
    """What it has to show: the field (-2, 3) to (6, 11), twelve times as large; pale outside the image."""
    row = found.unit.tolist().index(unit)
    if kind == "projection":
        values = found.patches[row, column].double()
        values = values / values.abs().quantile(0.995)
        tile = (values.clamp(-1, 1) * 127 + 128).permute(1, 2, 0).numpy()
    else:
        tile = np.full((8, 8, 3), (float(found.image[unit, column, 0]), 100, 200))
    tile[:2] = (222, 228, 238)
    return tile.repeat(12, 0).repeat(12, 1)


def test_all_checkpoints_stand_beside_each_other_at_the_unit(tmp_path):
    _, (_, sheet) = composed(EvolutionPage(), evolution(conv1=layer()), tmp_path)
    (table,) = read_page(sheet.body).find("table", class_="formed-all")
    rows = [row for row in table.find("tr") if "id" in row.attributes]
    assert [row.attributes["id"] for row in rows] == ["3", "1"]
    assert [len(row.find("td")) for row in rows] == [3, 3]


def test_photographs_that_are_gone_leave_the_projections(tmp_path):
    _, (_, sheet) = composed(EvolutionPage(), evolution(conv1=layer()), tmp_path, Gone())
    page = read_page(sheet.body)
    assert "Photographs cannot be shown: Photograph" in page.text
    assert {piece.attributes["aria-label"] for piece in page.find("svg", class_="piece")} == {"projection"}


def test_without_projections_the_numbers_stay(tmp_path):
    _, (front, sheet) = composed(EvolutionPage(), evolution(conv1=layer(())), tmp_path)
    page = read_page(sheet.body)
    assert "No unit of this layer was projected." in page.text
    assert len(tables(page)["Every checkpoint"]) == 4
    assert front.cover == ""


def test_one_checkpoint_is_enough(tmp_path):
    found = layer(epochs=(3,))
    _, (front, sheet) = composed(EvolutionPage(), evolution(epochs=(3,), conv1=found), tmp_path)
    read_page(front.body)
    assert len(read_page(sheet.body).find("section", class_="frame")) == 1


def test_many_layers_are_drawn_in_part_and_listed_all(tmp_path):
    layers = {f"block{place}": layer((), seed=place) for place in range(20)}
    _, (front, *others) = composed(EvolutionPage(), evolution(**layers), tmp_path)
    page = read_page(front.body)
    drawn = next(iter(charts(page).values()))
    shown = [item.text for item in drawn.find("li")]
    assert (shown[0], shown[-1], len(shown)) == ("block0", "block19", 7)
    assert len(others) == 20
    assert "the tables have all" in page.text


# --- ablation


def test_variants_stand_beside_the_paper(tmp_path):
    result = ablation()
    _, (sheet,) = composed(AblationPage(), result, tmp_path)
    page = read_page(sheet.body)
    found = dict(told(charts(page)["Error on validation images, top 1"]))
    lines = found["our model"].splitlines()
    mean, spread = 100 * result.mean("validation")[3], 100 * result.spread("validation")[3]
    assert lines[0] == f"here: {number(float(mean))} ± {number(float(spread))}"
    assert lines[1] == "paper: 38.4"
    assert "guessing" in charts(page)["Error on validation images, top 1"].text
    (rows,) = tables(page).values()
    assert [row[0] for row in rows[1:]] == list(result.labels)


def test_what_diverged_is_said(tmp_path):
    _, (sheet,) = composed(AblationPage(), ablation(diverged=[(1, 0), (1, 1), (1, 2)], paper=False), tmp_path)
    page = read_page(sheet.body)
    assert "AlexNet, removed 3, 4, seed 1: It diverged at step 3." in page.text
    assert dict(told(charts(page)["Error on training images, top 1"]))["AlexNet, removed 3, 4"] == ""
    assert "paper" not in [item.text for item in page.find("li")]


def test_where_all_diverged_there_is_still_a_page(tmp_path):
    result = ablation(seeds=(0,), diverged=[(row, 0) for row in range(5)])
    _, (sheet,) = composed(AblationPage(), result, tmp_path)
    assert "there are no values" in read_page(sheet.body).text


def test_curves_are_means_over_the_seeds(tmp_path):
    result = replace(ablation(), histories=(((history(4), history(2))),) * 5, seeds=(0, 1))
    _, (sheet,) = composed(AblationPage(), result, tmp_path)
    (title,) = [name for name in charts(read_page(sheet.body)) if "while training" in name]
    found = told(charts(read_page(sheet.body))[title])
    values = [float(text.splitlines()[0].partition(": ")[2]) for _, text in found]
    long, short = torch.linspace(100, 50, 4), torch.linspace(100, 50, 2)
    assert values == pytest.approx([100, float(long[1] + short[1]) / 2, float(long[2]), 50], rel=0.01)


# --- names of strangers


@pytest.mark.parametrize("page", ["training", "evaluation", "evolution", "ablation"])
def test_names_stay_text(page, tmp_path):
    made = {
        "training": (TrainingPage(), training(2, name=HOSTILE)),
        "evaluation": (EvaluationPage(), evaluated([0, 1], [1, 1], 2, [HOSTILE, "b"])),
        "evolution": (
            EvolutionPage(),
            replace(evolution(**{HOSTILE: layer()}), ids={str(place): HOSTILE for place in range(12)}),
        ),
        "ablation": (AblationPage(), ablation([(HOSTILE, 1.0, 2.0, 3.0), ("b", 1.0, 2.0, 3.0)])),
    }
    class_of, result = made[page]
    images = Squares()
    images.names = [HOSTILE] * 12
    _, sheets = composed(class_of, result, tmp_path, images)
    for sheet in sheets:
        for link in read_page(sheet.body).find("a"):
            assert re.fullmatch(r"(\.\./\.\./photos/)?[\w./-]+", link.attributes["href"])
    assert any("{{ 7*7 }}" in read_page(sheet.body).text for sheet in sheets)
