"""The pages of predictions and of strongest units: what they say, and that names of strangers stay text."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from hand_context import context_of, pixels_of
from PIL import Image
from torch import nn

from interpret.images import Images, Sample, as_images
from interpret.network import Network, wrap
from interpret.plugin import registry
from interpret_explain import Predictions, predict, strongest_units
from interpret_explain.pages import PredictionPage, StrongestPage
from interpret_explain.pages.predictions import ALONE

EVIL = '<script>alert("&")</script>'


class Shades(Images):
    """Grey pictures, half of them with a label."""

    def __init__(self, count: int, *, names: str = "shade", categories: tuple[str, ...] = ()) -> None:
        self._ids, self.categories = [f"{names}-{i}" for i in range(count)], categories

    @property
    def ids(self) -> list[str]:
        return self._ids

    @property
    def labels(self) -> list[int | None]:
        return [i % 2 if self.categories and i % 3 else None for i in range(len(self._ids))]

    def __getitem__(self, index: int) -> Sample:
        shade = Image.linear_gradient("L").resize((12, 12)).point(lambda v: min(v + 9 * index, 255))
        return Sample(self._ids[index], shade.convert("RGB"), self.labels[index])

    def fingerprint(self) -> str:
        return f"shades-{len(self._ids)}"


def network(categories: tuple[str, ...] = ("cat", "dog", "elk"), act: nn.Module | None = None) -> Network:
    torch.manual_seed(2)
    module = nn.Sequential(
        nn.Conv2d(3, 5, 3), act or nn.ReLU(), nn.Conv2d(5, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(6, len(categories) or 3),
    )  # fmt: skip
    return wrap(module, input_size=12, categories=categories)


def test_both_results_have_their_page() -> None:
    assert {"predictions", "strongest_units"} <= set(registry().pages)


def test_one_photograph_stands_beside_its_categories(tmp_path: Path) -> None:
    images = Shades(1)
    found, context = predict(network(), images), context_of(tmp_path, images, single=True)
    (sheet,) = PredictionPage().compose(found, context)
    assert (sheet.title, sheet.name, sheet.image) == ("Prediction", "", 0)
    names = re.findall(r'<th scope="row"><bdi>(\w+)</bdi>', sheet.body)
    assert names == [found.category(index) for index in found.classes[0].tolist()]
    shares = [float(value) for value in re.findall(r'<meter min="0" max="1" value="([\d.e-]+)"', sheet.body)]
    assert shares == pytest.approx(found.scores[0].tolist())
    assert sheet.summary.startswith(f"{names[0]}, ")
    assert pixels_of(context, sheet.cover).shape == (12, 12, 3)


def test_several_have_a_table_and_a_page_each(tmp_path: Path) -> None:
    images = Shades(4, categories=("cat", "dog"))
    found = predict(network(), images)
    table, *sheets = PredictionPage().compose(found, context_of(tmp_path, images))
    assert table.image is None
    assert table.body.count("<tr") == 5
    assert "2 labelled images" in table.summary
    assert [sheet.image for sheet in sheets] == [0, 1, 2, 3]
    assert "Its label is" in sheets[1].body
    assert "Its label is" not in sheets[0].body
    assert len({sheet.name for sheet in sheets}) == 4


def test_the_table_leads_to_the_pages_of_the_images(tmp_path: Path) -> None:
    images = Shades(3, names=EVIL)
    context = context_of(tmp_path, images)
    table, *sheets = PredictionPage().compose(predict(network(), images), context)
    for sheet in sheets:
        assert f'<a href="{context.sheet_url(sheet.name)}">&lt;script' in table.body
    assert EVIL not in table.body


@pytest.mark.parametrize("single", [True, False])
def test_strongest_units_of_several_images_have_a_first_page_that_leads_to_them(
    tmp_path: Path,
    single: bool,
) -> None:
    images = Shades(3)
    context = context_of(tmp_path, images, single=single)
    sheets = list(StrongestPage().compose(strongest_units(network(), images, ["0"], 2), context))
    assert [sheet.image for sheet in sheets] == ([] if single else [None]) + [0, 1, 2]
    if not single:
        assert sheets[0].name == ""
        links = re.findall(r'<a href="([^"]*)"', sheets[0].body)
        assert links == [context.sheet_url(sheet.name) for sheet in sheets[1:]]


def test_many_have_the_table_alone(tmp_path: Path) -> None:
    images = Shades(ALONE + 1)
    (table,) = PredictionPage().compose(predict(network(), images), context_of(tmp_path, images))
    assert table.body.count("<tr") == ALONE + 2


def test_values_have_no_bars(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(3 * 12 * 12, 1))
    images = Shades(1)
    (sheet,) = PredictionPage().compose(
        predict(wrap(module, input_size=12), images), context_of(tmp_path, images)
    )
    assert "<meter" not in sheet.body
    assert "Value" in sheet.body


def test_names_of_strangers_are_text_on_both_pages(tmp_path: Path) -> None:
    images, net = Shades(2, names=EVIL), network((EVIL, "b", "c"))
    context = context_of(tmp_path, images)
    found: Predictions = predict(net, images)
    sheets = [*PredictionPage().compose(found, context)]
    sheets += StrongestPage().compose(strongest_units(net, images), context_of(tmp_path, images, "units"))
    for sheet in sheets:
        assert "<script" not in sheet.body
    assert any("&lt;script&gt;" in sheet.body for sheet in sheets)


def test_every_layer_has_its_units_with_pictures_and_places(tmp_path: Path) -> None:
    images, net = Shades(2), network()
    context = context_of(tmp_path, images)
    found = strongest_units(net, images, ["1", "3"], units=2)
    _, first, second = StrongestPage().compose(found, context)
    assert (first.image, second.image) == (0, 1)
    assert pixels_of(context, first.cover).shape == (128, 2 * 128 + 4, 3)
    body = str(first.body)
    for layer in found.layers.values():
        for unit in layer.of_images([0]).unit.tolist():
            assert f"unit <strong>{unit}</strong>" in body
    count = sum(len(layer.of_images([0]).unit) for layer in found.layers.values())
    assert body.count("<image ") == count
    urls = sorted(set(re.findall(r'<image href="([^"]+)"', body)))
    assert len(urls) == 2
    cells = pixels_of(context, urls[0])
    assert cells.shape[1] == 2 * 128 + 4
    boxes = [list(map(float, found)) for found in re.findall(
        r'class="box" x="([-\d]+)" y="([-\d]+)" width="(\d+)" height="(\d+)"', body)]  # fmt: skip
    wanted = [
        [left, top, right - left, bottom - top]
        for layer in found.layers.values()
        for top, left, bottom, right in layer.of_images([0]).box.tolist()
    ]
    assert boxes == wanted


def test_the_patch_beside_a_projection_is_the_part_of_the_photograph(tmp_path: Path) -> None:
    images, net = Shades(1), network()
    context = context_of(tmp_path, images)
    found = strongest_units(net, images, ["1"], units=1)
    (sheet,) = StrongestPage().compose(found, context)
    shown = pixels_of(context, re.findall(r'<image href="([^"]+)"', sheet.body)[0])[:, 132:]
    top, left, bottom, right = found["1"].box[0].tolist()
    whole = net.input.denormalize(net.preprocess(images[0].image))[:, top:bottom, left:right] * 255
    assert abs(shown.mean() - float(whole.mean())) < 4
    assert abs(np.asarray(shown)[::43, ::43].mean((0, 1)) - whole.mean((1, 2)).numpy()).max() < 8


def test_what_cannot_be_projected_shows_patches_alone_and_why(tmp_path: Path) -> None:
    images, net = Shades(1), network(act=nn.SiLU())
    context = context_of(tmp_path, images)
    (sheet,) = StrongestPage().compose(strongest_units(net, images, ["1"], nonlinear="refuse"), context)
    assert "Not projected" in sheet.body
    assert "zero is mid-grey" not in sheet.body
    shown = pixels_of(context, re.findall(r'<image href="([^"]+)"', sheet.body)[0])
    assert shown.shape[1] == 128


def test_an_image_that_excites_nothing_says_so(tmp_path: Path) -> None:
    net = network()
    with torch.no_grad():
        net.module[0].bias.fill_(-1e3)  # type: ignore[index, union-attr]
    images = as_images([torch.zeros(3, 12, 12)])
    (sheet,) = StrongestPage().compose(strongest_units(net, images, ["1"]), context_of(tmp_path, images))
    assert "No unit is positive in this image." in sheet.body
