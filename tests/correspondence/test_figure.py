"""Figure 8: every picture with its mask in its place; and the distances as dots."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from correspondence_cases import correspondence
from seen import find_all, find_one, pixels
from written import check_texts, texts

from interpret import DatasetError, UnknownNameError
from interpret.images import InputSpec, as_images
from interpret.plugin.interfaces import renderer_input
from interpret.testing import check_renderer
from interpret_correspondence import Correspondence
from interpret_correspondence.renderers.chart import draw
from interpret_correspondence.renderers.figure import EMPTY, CorrespondenceFigure, MaskedImages
from interpret_figures.photographs import Photographs
from interpret_figures.text import text_inches

SIDE = 224  # 16 pixels, enlarged 14 times


def tile(image: int, mask: int | None, *, fill: int = 128) -> np.ndarray:
    """The picture of ``Squares`` with the mask of ``correspondence``, in the size of the page."""
    canvas = np.tile(np.array([image, 100, 200]), (16, 16, 1))
    if mask is not None:
        canvas[2 * mask : 2 * mask + 4, image : image + 4] = fill
    return canvas


def sheet(made: SimpleNamespace, result: Correspondence, images: int = 5, draws: int = 3) -> MaskedImages:
    squares = made.Squares()
    for index, name in result.ids.items():
        squares.names[int(index)] = name
    return MaskedImages(result, Photographs(squares, result.ids, result.input), images, draws)


def test_every_picture_has_its_mask_in_its_place(made: SimpleNamespace, tmp_path) -> None:
    result = correspondence()
    masked, distances = CorrespondenceFigure().render(result, made.Squares(), tmp_path)
    assert (masked.name, distances.name) == ("masked.png", "distances.png")
    page = pixels(masked)
    titles = ["original", *result.parts, "random 1", "random 2"]
    found = sheet(made, result).page()
    columns = {label.text: round(label.x) for label in found.labels if label.text in titles}
    assert list(columns) == titles
    rows = [label for label in found.labels if label.text.startswith("square-")]
    assert [label.text for label in rows] == [f"square-{place}" for place in range(4)]
    for place, label in enumerate(rows):
        for mask, x in zip([None, *range(5)], columns.values(), strict=True):
            top = round(label.y + 0.04 * found.dpi)
            seen = page[top : top + SIDE, x : x + SIDE]
            middles = seen[7::14, 7::14]  # it is enlarged smoothly
            assert np.abs(middles - tile(place, mask)).max() < 12


def test_the_original_stands_on_the_page_as_it_is(made: SimpleNamespace, tmp_path) -> None:
    masked, _ = CorrespondenceFigure(images=2, draws=0).render(correspondence(), made.Squares(), tmp_path)
    page = pixels(masked)
    for place in range(2):
        plain = np.tile(np.array([place, 100, 200]), (SIDE, SIDE, 1))
        find_one(page, plain)
    assert not find_all(page, np.tile(np.array([2, 100, 200]), (SIDE, SIDE, 1)))


def test_images_with_all_parts_come_first_and_others_say_why(made: SimpleNamespace) -> None:
    result = correspondence(lacking=[(1, 0)])
    found = sheet(made, result, images=4)
    assert found.rows == [1, 2, 3, 0]
    page = found.page()
    texts = " ".join(label.text for label in page.labels)
    assert "'left_eye' is not visible" in texts
    empty = (page.canvas == EMPTY).all(-1).sum()
    assert empty == SIDE * SIDE
    assert sheet(made, result, images=3).rows == [1, 2, 3]


@pytest.mark.parametrize("fill", ["noise", "mean", (1.0, 0.0, 0.0)])
def test_masks_show_what_they_showed(made: SimpleNamespace, fill) -> None:
    pictures = list(sheet(made, correspondence(fill=fill)).pictures(2))
    seen = pictures[1][:4, 2:6].reshape(-1, 3)
    if fill == "noise":
        assert seen.std(0).min() > 20
    else:
        expected = [2, 100, 200] if fill == "mean" else [255, 0, 0]
        assert np.abs(seen.astype(int) - expected).max() <= 1
    assert (pictures[1][8:] == [2, 100, 200]).all()


@pytest.mark.parametrize(("channels", "formats"), [(1, ("png", "svg", "pdf")), (5, ("png",))])
def test_other_channels(channels, formats, tmp_path) -> None:
    spec = InputSpec((12, 20), (0.5,) * channels, (0.25,) * channels)
    images = as_images([torch.zeros(channels, 12, 20)] * 4)
    known = correspondence(("nose",), ("fc7",), draws=1, spec=spec)
    result = replace(known, ids={str(place): str(place) for place in range(4)})
    files = CorrespondenceFigure(images=2, formats=formats).render(result, images, tmp_path)
    assert [file.suffix for file in files] == [f".{ending}" for ending in formats] * 2


def test_no_word_touches_another_or_leaves_the_page(made: SimpleNamespace) -> None:
    names = ("right eye of a very long name", "w" * 60, "nose", "tail")
    result = correspondence(names, lacking=[(1, 2), (0, 2), (3, 1)])
    result = replace(
        result,
        ids={key: name + "-long" * 80 for key, name in result.ids.items()},
        missing=tuple((part, name + "-long" * 80, why * 6) for part, name, why in result.missing),
    )
    found = sheet(made, result)
    page = found.page()
    boxes = []
    for label in filter(lambda label: label.text, page.labels):
        width, height = (
            text_inches(label.text, label.size, bold=label.bold) * page.dpi,
            label.size / 72 * page.dpi,
        )
        left = label.x - {"left": 0, "center": width / 2, "right": width}[label.align]
        boxes.append((label.text, left, label.y - 0.75 * height, left + width, label.y))
    for place, (text, left, top, right, bottom) in enumerate(boxes):
        assert 0 <= left < right <= page.canvas.shape[1], text
        assert 0 <= top < bottom <= page.canvas.shape[0], text
        for other, first, above, last, below in boxes[:place]:
            assert right <= first or last <= left or bottom <= above or below <= top, (text, other)


def marks(axes, symbol: str) -> list[tuple[float, float]]:
    """Where marks of one kind stand in a panel."""
    return [(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines if line.get_marker() == symbol]


def test_dots_are_means_and_diamonds_the_papers() -> None:
    result = correspondence()
    figure = draw(result, {"conv5": 5})
    panels = [(layer, zeros) for zeros in ("agree", "ignore") for layer in result.layers]
    for axes, (layer, zeros) in zip(figure.axes, panels, strict=True):
        expected = [(mean, row + 0.5) for row, mean in enumerate(result.mean(layer, zeros).tolist())]
        assert marks(axes, "o") == expected
        printed = [(0.067, 0.5), (0.069, 1.5), (0.079, 2.5), (0.107, 3.5)]
        assert marks(axes, "D") == (printed if (layer, zeros) == ("conv5", "agree") else [])
        low, high = axes.get_xlim()
        assert all(low < line.get_xdata()[0] < high for line in axes.lines)
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()


def test_the_chances_stand_beside_their_rows() -> None:
    figure = draw(correspondence(layers=("fc7",)), {})
    boxes = dict(texts(figure))
    assert {"0.012", "0.900", "1e-04", "0.006", "0.450"} <= set(boxes)
    for text, row in (("0.012", 0), ("0.900", 1)):
        y = (boxes[text].y0 + boxes[text].y1) / 2
        middle = figure.axes[0].transData.transform((0, row + 0.5))[1]
        assert abs(y - middle) < 0.1 * figure.dpi


@pytest.mark.parametrize(
    "given",
    [
        {"parts": ("a" * 50, "b"), "layers": ("features.12.squeeze.activation.of.a.long.name",), "images": 3},
        {"parts": ("nose",), "layers": ("x", "y", "z", "w"), "draws": 0},
        {"layers": ("fc",), "images": 2},
    ],
)
def test_no_text_of_the_chart_is_cut_or_touches_another(given) -> None:
    check_texts(draw(correspondence(**given), {}))


def test_bad_input(made: SimpleNamespace, tmp_path) -> None:
    with pytest.raises(UnknownNameError, match=r"no layer 'conv6'\. Did you mean 'conv5'"):
        CorrespondenceFigure(paper={"conv6": 5}).render(correspondence(), made.Squares(), tmp_path)
    with pytest.raises(DatasetError, match="square-2"):
        CorrespondenceFigure().render(correspondence(), made.Squares(2), tmp_path)


def test_it_keeps_its_promises(made: SimpleNamespace) -> None:
    assert renderer_input(CorrespondenceFigure) is Correspondence
    check_renderer(
        CorrespondenceFigure(paper={"fc7": 7}, images=2), correspondence(lacking=[(1, 0)]), made.Squares()
    )
