"""The feature grid: every patch in its place, the right units on the right pages."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from seen import find_all, pixels

from interpret.errors import DatasetError, StepError
from interpret.images import InputSpec
from interpret.plugin.interfaces import renderer_input
from interpret_deconv import Projections
from interpret_deconv.renderers import FeatureGrid
from interpret_figures.display import OUTSIDE
from interpret_figures.grid import Grid, Heading
from interpret_figures.photographs import Photographs
from interpret_figures.text import number, text_inches
from interpret_topk.renderers.unit_pages import EMPTY, UnitCell

FACTOR = 8  # a patch of 8 pixels is drawn 64 pixels long


def test_each_projection_stands_left_and_its_photograph_right(made: SimpleNamespace, tmp_path: Path) -> None:
    layer, images = made.layer(units=2), made.Squares()
    renderer = FeatureGrid(percentile=100, names=False)
    file, _ = renderer.render(made.projections(conv=layer), images, tmp_path)
    page = pixels(file)
    lefts, rights = [], []
    for neuron in range(9):
        values = layer.projection(neuron).numpy()
        patch = (values / abs(values).max() * 127).round().transpose(1, 2, 0) + 128
        patch[:2] = OUTSIDE
        photograph = np.broadcast_to([int(layer.image[neuron]), 100, 200], patch.shape).copy()
        photograph[:2] = OUTSIDE
        lefts += find_all(page, patch.repeat(FACTOR, 0).repeat(FACTOR, 1))
        rights.append(find_all(page, photograph.repeat(FACTOR, 0).repeat(FACTOR, 1))[0])
    assert len(lefts) == 9  # rank by rank, three in a row
    assert all(lefts[i + 1][1] - lefts[i][1] == 66 and lefts[i + 1][0] == lefts[i][0] for i in (0, 1, 3, 4))
    assert lefts[3] == (lefts[0][0] + 66, lefts[0][1])
    across = {(right[0] - left[0], right[1] - left[1]) for left, right in zip(lefts, rights, strict=True)}
    assert across == {(0, 3 * 66 - 2 + 4 * 2)}


def test_blocks_do_not_overlap() -> None:
    cell = UnitCell((64, 48), 3)
    everything = [
        *cell.corners(range(9), (5, 7), 0),
        *cell.corners(range(9), (5, 7), 1),
    ]
    canvas = np.zeros((5 + cell.size[0], 7 + cell.size[1]), int)
    for y, x in everything:
        canvas[y : y + 64, x : x + 48] += 1
    assert canvas.max() == 1
    assert canvas.sum() == 18 * 64 * 48  # none reaches over the cell
    assert canvas[-1].any()
    assert canvas[:, -1].any()


def test_large_layers_take_several_pages(made: SimpleNamespace, tmp_path: Path) -> None:
    result = made.projections(conv=made.layer(units=7, ranks=1), **{"deep.1:2": made.layer(units=2, ranks=4)})
    files = FeatureGrid(columns=2, rows=2).render(result, made.Squares(), tmp_path / "new" / "folder")
    assert [file.name for file in files] == [
        "conv-1.png",
        "conv-2.png",
        "conv-patches.csv",
        "deep.1_2-1.png",
        "deep.1_2-patches.csv",
    ]
    assert all(file.is_file() for file in files)
    assert pixels(files[0]).shape[0] == pixels(files[1]).shape[0]  # 7 units: two rows, then two with a gap


def test_dead_units_are_marked(made: SimpleNamespace, tmp_path: Path) -> None:
    layer = made.layer(units=3, dead=[1])
    result = made.projections(dead={"conv": [1]}, conv=layer)
    file, _ = FeatureGrid(names=False).render(result, made.Squares(), tmp_path)
    page = pixels(file)
    cell = UnitCell((64, 64), 3)
    empty = (page == EMPTY).all(2)
    assert 0.95 * cell.size[0] * cell.size[1] < empty.sum() < cell.size[0] * cell.size[1]
    rows, columns = np.nonzero(empty)
    assert rows.max() - rows.min() + 1 == cell.size[0]
    assert columns.max() - columns.min() + 1 == cell.size[1]


def test_dead_units_are_left_out_where_only_some_units_were_projected(made: SimpleNamespace) -> None:
    result = made.projections(dead={"conv": [1, 9]}, conv=made.layer(units=3, dead=[1]))
    photographs = Photographs(made.Squares(), result.ids, result.input)
    (page,) = FeatureGrid()._pages(result, "conv", photographs)
    assert [label.text for label in page.labels if label.text.isdigit() and label.size > 6] == ["0", "2"]


def test_a_layer_in_which_all_is_dead_is_drawn(made: SimpleNamespace, tmp_path: Path) -> None:
    layer = made.layer(units=2, dead=[0, 1])
    file, _ = FeatureGrid().render(
        made.projections(dead={"conv": [0, 1]}, conv=layer), made.Squares(), tmp_path
    )
    assert (pixels(file) == EMPTY).any()


@pytest.mark.parametrize(
    ("units", "count"), [("all", 3), (2, 2), (99, 3), ([1, 0], 2), ({"conv": [1]}, 1), ({"other": [1]}, 0)]
)
def test_units_are_chosen(made: SimpleNamespace, tmp_path: Path, units: Any, count: int) -> None:
    result = made.projections(conv=made.layer(units=3, ranks=1), other=made.layer(units=2, ranks=1))
    files = FeatureGrid(units=units, columns=1, rows=1).render(result, made.Squares(), tmp_path)
    assert sum(file.match("conv-*.png") for file in files) == count


def test_a_random_choice_follows_the_seed(made: SimpleNamespace, tmp_path: Path) -> None:
    result, images = made.projections(conv=made.layer(units=30, ranks=1)), made.Squares()

    def drawn(seed: int) -> bytes:
        file, _ = FeatureGrid(units=4, seed=seed).render(result, images, tmp_path)
        return file.read_bytes()

    assert drawn(1) == drawn(1)
    assert len({drawn(seed) for seed in range(3)}) > 1


def test_units_that_are_not_there_are_named(made: SimpleNamespace, tmp_path: Path) -> None:
    result = made.projections(conv=made.layer())
    with pytest.raises(
        StepError, match=r"conv has no unit 9 to show: the result holds 5 units: 0, 1, 2, 3, 4"
    ):
        FeatureGrid(units=[9]).render(result, made.Squares(), tmp_path)
    with pytest.raises(StepError, match=r"no layer 'con'. It has conv"):
        FeatureGrid(units={"con": [1]}).render(result, made.Squares(), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "wrong", [{"units": -1}, {"units": 0}, {"units": "some"}, {"formats": ["gif"]}, {"formats": []}]
)
def test_wrong_parameters_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FeatureGrid(**wrong)


def test_another_image_in_its_place_is_refused(made: SimpleNamespace, tmp_path: Path) -> None:
    result, images = made.projections(conv=made.layer()), made.Squares()
    images.names[3] = "circle"
    with pytest.raises(
        DatasetError, match=r"Image 3 was 'square-3' .* but now the dataset has 'circle' there"
    ):
        FeatureGrid().render(result, images, tmp_path)
    with pytest.raises(DatasetError, match=r"Image 5 was 'square-5' .* but now the dataset has 5 images"):
        FeatureGrid().render(result, made.Squares(5).subset(range(5)), tmp_path)


def test_each_photograph_is_read_once(made: SimpleNamespace, tmp_path: Path) -> None:
    result, images = made.projections(one=made.layer(), two=made.layer(size=4)), made.Squares()
    FeatureGrid().render(result, images, tmp_path)
    assert sorted(images.reads) == list(range(12))


def test_all_formats_are_the_same_every_time(made: SimpleNamespace, tmp_path: Path) -> None:
    result = made.projections(conv=made.layer(units=2))
    renderer = FeatureGrid(formats=("png", "svg"))
    first = renderer.render(result, made.Squares(), tmp_path / "1")
    second = renderer.render(result, made.Squares(), tmp_path / "2")
    assert [file.suffix for file in first] == [".png", ".svg", ".csv"]
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


def test_one_channel_is_grey(made: SimpleNamespace, tmp_path: Path) -> None:
    spec = InputSpec((16, 16), (0.5,), (0.25,), resize=16)
    result = made.projections(conv=made.layer(channels=1), spec=spec)
    file, _ = FeatureGrid(names=False).render(result, made.Squares(), tmp_path)
    page = pixels(file)
    colours = (page != page[..., :1]).any(2) & (page != OUTSIDE).any(2)
    inked = colours[200:]  # labels are not quite grey
    assert inked.mean() < 0.001


def test_of_many_channels_the_chosen_one_is_shown(made: SimpleNamespace, tmp_path: Path) -> None:
    layer = made.layer(channels=5, images=1)
    layer.patches[:, [0, 1, 2, 4]] *= 0.1
    spec = InputSpec((16, 16), (0.0,) * 5, (1.0,) * 5, shown_channels=(3,))
    x = torch.zeros(5, 16, 16)
    x[3] = 0.5

    class Tensors(made.Squares):  # type: ignore[misc, name-defined]
        def __getitem__(self, index: int) -> Any:
            return replace(super().__getitem__(index), image=x)

    file, _ = FeatureGrid(names=False).render(made.projections(conv=layer, spec=spec), Tensors(), tmp_path)
    photograph = np.full((64, 64, 3), 128)
    photograph[:16] = OUTSIDE
    assert len(find_all(pixels(file), photograph)) == 45


def test_labels_name_the_units_in_order(made: SimpleNamespace) -> None:
    renderer, result = FeatureGrid(units=[3, 1], names=False), made.projections(conv=made.layer())
    (page,) = renderer._pages(result, "conv", Photographs(made.Squares(), result.ids, result.input))
    texts = [label.text for label in page.labels]
    assert texts[0] == "conv"
    assert texts[-2:] == ["3", "1"]
    assert "2 units" in texts[1]
    assert "receptive field 8" in texts[1]


def test_it_draws_projections() -> None:
    assert renderer_input(FeatureGrid) is Projections


def test_cells_are_below_each_other_without_touching() -> None:
    grid = Grid(Heading("t", ("d",)), (10, 20), (3, 4), (2, 3), 100)
    corners = [grid.corner(i) for i in range(6)]
    top, left = corners[0]
    assert [(y - top, x - left) for y, x in corners] == [
        (0, 0),
        (0, 24),
        (0, 48),
        (13, 0),
        (13, 24),
        (13, 48),
    ]
    height = grid.paper().shape[0]
    assert height == corners[-1][0] + 10 + grid.margin


def named(made: SimpleNamespace, **layers: Any) -> Projections:
    """A result that knows the categories of its photographs, by names that strangers chose."""
    found = made.projections(**layers)
    labels = {index: int(index) % 3 for index in found.ids if index != "4"}
    return replace(
        found, labels=labels, categories=("=cat()", "<b>dog</b>\u202e", "a, very, long, name " * 20)
    )


def test_few_units_have_category_and_activation_under_each_patch(made: SimpleNamespace) -> None:
    result = named(made, conv=replace(made.layer(units=2), value=torch.arange(18) * 1.5 + 0.25))
    photographs = Photographs(made.Squares(), result.ids, result.input)
    (page,) = FeatureGrid()._pages(result, "conv", photographs)
    under = [label for label in page.labels if label.size < 5]
    assert len(under) == 2 * 18
    names, values = [label.text for label in under[::2]], [label.text for label in under[1::2]]
    assert names[0].startswith("=cat()")
    assert names[4] == "square-4"  # the name of its file, where the category is not known
    assert values == [number(1.5 * i + 0.25) for i in range(18)]
    cells = sorted({(label.x, label.y) for label in under[::2]})
    assert len(cells) == 18
    for label in under:
        assert text_inches(label.text, label.size) <= 0.81  # within its patch
    (many,) = FeatureGrid()._pages(named(made, conv=made.layer(units=13)), "conv", photographs)
    assert not [label for label in many.labels if label.size < 5]


def test_names_overlap_nothing(made: SimpleNamespace) -> None:
    cell = UnitCell((80, 80), 3, 2, 0.5, named=True)
    rows = [y for y, _ in cell.corners([0, 3, 6], (0, 0), 1)]
    assert rows[1] - rows[0] == 80 + cell.below + cell.gap
    assert cell.below > 0.15 * cell.dpi  # two lines
    assert cell.size[0] == rows[2] + 80 + cell.below
    assert cell.corners([2], (0, 0), 1)[0][1] + 80 == cell.size[1]


def test_a_table_says_where_each_patch_comes_from(made: SimpleNamespace, tmp_path: Path) -> None:
    result = named(made, conv=made.layer(units=3, ranks=2))
    files = FeatureGrid(units=[2, 0]).render(result, made.Squares(), tmp_path)
    table = files[-1]
    assert table.name == "conv-patches.csv"
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["unit"], row["rank"]) for row in rows] == [("2", "1"), ("2", "2"), ("0", "1"), ("0", "2")]
    assert [row["photograph"] for row in rows] == ["square-4", "square-5", "square-0", "square-1"]
    assert rows[0]["category"] == ""
    assert rows[2]["category"] == "'=cat()"  # no formula
    assert rows[3]["category"] == "<b>dog</b>\\u202e"
    assert [rows[0][edge] for edge in ("top", "left", "bottom", "right")] == ["-2", "3", "6", "11"]
    (page,) = FeatureGrid()._pages(result, "conv", Photographs(made.Squares(), result.ids, result.input))
    assert "conv-patches.csv" in " ".join(label.text for label in page.labels)
