"""The paper's Figure 4: every projection in its row and column, lines that break where the image changes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from evolution_cases import evolution, layer
from pydantic import ValidationError
from seen import find_all, pixels

from interpret.errors import DatasetError, StepError
from interpret.images import InputSpec
from interpret.plugin.interfaces import renderer_input
from interpret.testing import check_renderer
from interpret_figures.display import OUTSIDE
from interpret_figures.page import TIMES
from interpret_figures.photographs import Photographs
from interpret_figures.text import text_inches
from interpret_topk.renderers.unit_pages import EMPTY
from interpret_training.evolution.renderers.grid import DPI, SAME, EvolutionGrid
from interpret_training.evolution.results import Evolution, LayerEvolution

FACTOR = 12  # a patch of 8 pixels is drawn 96 pixels long


def drawn(found: LayerEvolution, row: int, column: int) -> np.ndarray[Any, Any]:
    """What a projection looks like: grey at zero, under its own scale, pale outside the image."""
    values = found.patches[row, column].float().numpy()
    tile = (values / abs(values).max() * 127).round().transpose(1, 2, 0) + 128
    tile[:2] = OUTSIDE
    return tile.repeat(FACTOR, 0).repeat(FACTOR, 1)


def page_of(renderer: EvolutionGrid, result: Evolution, images: Any) -> Any:
    photographs = Photographs(images, result.ids, result.input)
    charts = [renderer._layer_rows(result, name, photographs) for name in result.layers]
    return next(iter(renderer._pages(result, charts)))


def places(page: np.ndarray[Any, Any], found: LayerEvolution) -> list[list[tuple[int, int]]]:
    rows, columns = found.patches.shape[:2]
    return [
        [find_all(page, drawn(found, row, column))[0] for column in range(columns)] for row in range(rows)
    ]


def test_a_row_for_each_unit_and_a_column_for_each_epoch(made: SimpleNamespace, tmp_path: Path) -> None:
    found, images = layer(), made.Squares()
    (file,) = EvolutionGrid(percentile=100).render(evolution(conv=found), images, tmp_path)
    assert file.name == "evolution-1.png"
    at = places(pixels(file), found)
    for line in at:
        assert len({y for y, _ in line}) == 1
        assert len({right[1] - left[1] for left, right in pairwise(line)}) == 1
        assert line[1][1] - line[0][1] >= 96 + 4
    assert at[1][0][0] - at[0][0][0] >= 96 + 10
    assert at[1][0][1] == at[0][0][1]
    assert images.reads == []


def test_photographs_stand_below(made: SimpleNamespace, tmp_path: Path) -> None:
    found, images = layer(), made.Squares()
    (file,) = EvolutionGrid(percentile=100, patches=True).render(evolution(conv=found), images, tmp_path)
    page = pixels(file)
    for row, line in enumerate(places(page, found)):
        for column, (y, x) in enumerate(line):
            index = int(found.image[found.unit[row], column, 0])
            below = page[y + 98 : y + 98 + 96, x : x + 96]
            assert (below[24:] == [index, 100, 200]).all()
            assert (below[:24] == OUTSIDE).all()
    assert len(images.reads) == len(set(images.reads))


def test_lines_join_neighbours_from_one_image(made: SimpleNamespace, tmp_path: Path) -> None:
    image = [[0, 0, 0], [1, 1, 2], [0, 0, 0], [3, 4, 4], [5, 5, 5]]
    found = layer([3, 1, 4], image=image, dead=[(4, 1)])
    (file,) = EvolutionGrid(percentile=100).render(evolution(conv=found), made.Squares(), tmp_path)
    page = pixels(file)
    joined = []
    for row in range(3):
        y, x = find_all(page, drawn(found, row, 0))[0]
        below = page[y + 96 : y + 96 + 14]
        step = 96 + round(0.04 * DPI)
        gaps = [x + 96 + 1 + number * step for number in range(2)]
        joined.append([bool((below[:, gap] == SAME).all(1).any()) for gap in gaps])
    assert joined == [[False, True], [True, False], [False, False]]


def test_dead_units_say_so(made: SimpleNamespace, tmp_path: Path) -> None:
    result = evolution(conv=layer(dead=[(3, 0)]))
    (file,) = EvolutionGrid().render(result, made.Squares(), tmp_path)
    empty = (pixels(file) == EMPTY).all(2)
    assert 0.9 * 96 * 96 < empty.sum() < 96 * 96
    page = page_of(EvolutionGrid(), result, made.Squares())
    assert [label.text for label in page.labels].count("dead") == 1


def test_units_of_layers_without_a_relu_are_not_called_dead(made: SimpleNamespace) -> None:
    result = evolution(conv=replace(layer(dead=[(3, 0)]), signed=True))
    said = [label.text for label in page_of(EvolutionGrid(), result, made.Squares()).labels]
    assert "dead" not in said
    assert said.count("\N{LESS-THAN OR EQUAL TO} 0") == 1


def test_labels_name_epochs_and_units_in_order_and_fit(made: SimpleNamespace) -> None:
    result = evolution(conv=layer([3, 1]), deep=layer([2, 1023], units=1024), wide=layer([0, 4]))
    page = page_of(EvolutionGrid(across=2), result, made.Squares())
    texts = [label.text for label in page.labels]
    assert [text for text in texts if text in result.layers] == ["conv", "deep", "wide"]
    assert texts.count("epoch") == 3
    assert texts[texts.index("epoch") :][:6] == ["epoch", "0", "1", "5", "3", "1"]
    height, width = page.canvas.shape[:2]
    boxes = []
    for label in page.labels:
        if not label.text:
            continue
        long, tall = text_inches(label.text, label.size, bold=label.bold) * DPI, label.size / 72 * DPI
        left = label.x - long * {"left": 0, "center": 0.5, "right": 1}[label.align]
        boxes.append((label.y - 0.75 * tall, left, label.y, left + long, label.text))
        assert 0 <= left < left + long <= width, label
        assert 0 < label.y <= height, label
    for number, one in enumerate(boxes):
        for other in boxes[number + 1 :]:
            apart = one[2] < other[0] or other[2] < one[0] or one[3] < other[1] or other[3] < one[1]
            assert apart, (one, other)


def test_many_units_go_over_several_pages(made: SimpleNamespace, tmp_path: Path) -> None:
    result = evolution(conv=layer(range(3)), other=layer([1]))
    files = EvolutionGrid(rows=1).render(result, made.Squares(), tmp_path / "new" / "folder")
    assert [file.name for file in files] == ["evolution-1.png", "evolution-2.png", "evolution-3.png"]
    assert pixels(files[0]).shape[1] > pixels(files[1]).shape[1]  # the second layer is on the first page only


def test_layers_without_units_are_left_out(made: SimpleNamespace, tmp_path: Path) -> None:
    result = evolution(conv=layer(), none=layer([]))
    assert len(EvolutionGrid().render(result, made.Squares(), tmp_path)) == 1
    said = [label.text for label in page_of(EvolutionGrid(), evolution(conv=layer()), made.Squares()).labels]
    assert not any("Without projections" in text for text in said)
    said = [label.text for label in page_of(EvolutionGrid(), result, made.Squares()).labels]
    assert "Without projections: none." in said
    with pytest.raises(StepError, match=r"nothing to draw: no unit was projected"):
        EvolutionGrid().render(evolution(none=layer([])), made.Squares(), tmp_path)
    assert not EvolutionGrid(units={"conv": [3]}).render(result, made.Squares(), tmp_path / "1")[1:]


def test_units_that_are_not_there_are_named(made: SimpleNamespace, tmp_path: Path) -> None:
    result = evolution(conv=layer())
    with pytest.raises(StepError, match=r"conv has no unit 2 to show: the result holds 2 units: 3, 1"):
        EvolutionGrid(units=[2]).render(result, made.Squares(), tmp_path)
    with pytest.raises(StepError, match=r"no layer 'con'. It has conv"):
        EvolutionGrid(units={"con": [1]}).render(result, made.Squares(), tmp_path)


def test_another_image_in_its_place_is_refused(made: SimpleNamespace, tmp_path: Path) -> None:
    images = made.Squares()
    images.names[:] = [f"circle-{place}" for place in range(12)]
    with pytest.raises(DatasetError, match="when the result was made"):
        EvolutionGrid(patches=True).render(evolution(conv=layer()), images, tmp_path)


def test_where_units_see_all_the_part_around_the_signal_is_shown(made: SimpleNamespace) -> None:
    found = layer(size=16)
    found.patches[:, :, :, 6:] = 0
    found.patches[:, :, :, :, 6:] = 0
    result = evolution(conv=found)
    page = page_of(EvolutionGrid(), result, made.Squares())
    said = " ".join(label.text for label in page.labels)
    assert f"pixels around each signal, of 16 {TIMES} 16 seen" in said
    page = page_of(EvolutionGrid(zoom=False), result, made.Squares())
    assert any("whole image" in label.text for label in page.labels)


@pytest.mark.parametrize("channels", [1, 5])
def test_other_numbers_of_channels(made: SimpleNamespace, tmp_path: Path, channels: int) -> None:
    spec = InputSpec((16, 16), (0.5,) * channels, (0.25,) * channels, resize=16)
    result = evolution(conv=layer(channels=channels), spec=spec)
    assert EvolutionGrid().render(result, made.Squares(), tmp_path)
    page = page_of(EvolutionGrid(), result, made.Squares())
    assert any(f"of {channels}" in label.text and "channel" in label.text for label in page.labels) == (
        channels == 5
    )


def test_all_formats_are_the_same_every_time(made: SimpleNamespace, tmp_path: Path) -> None:
    renderer, result = EvolutionGrid(formats=("png", "svg"), patches=True), evolution(conv=layer())
    first = renderer.render(result, made.Squares(), tmp_path / "1")
    second = renderer.render(result, made.Squares(), tmp_path / "2")
    assert [file.suffix for file in first] == [".png", ".svg"]
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


def test_it_keeps_its_promises(made: SimpleNamespace) -> None:
    assert renderer_input(EvolutionGrid) is Evolution
    check_renderer(EvolutionGrid(patches=True), evolution(conv=layer(dead=[(1, 2)])), made.Squares())


@pytest.mark.parametrize(
    "wrong", [{"rows": 0}, {"across": 0}, {"formats": []}, {"percentile": 0}, {"units": 0}]
)
def test_wrong_parameters_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        EvolutionGrid(**wrong)
