"""The picture of a diagnosis: one scale for all filters, nothing beyond the page, the same bytes."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgba
from PIL import Image
from torch import nn
from written import check_texts, texts

import interpret
from interpret.testing import check_renderer, small_images, small_network
from interpret_diagnosis import Diagnosis, Finding, diagnose
from interpret_diagnosis.renderers import panels
from interpret_diagnosis.renderers.figure import DiagnosisFigure, draw
from interpret_diagnosis.renderers.panels import EMPTY


def conv_network(*layers, channels=3):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = nn.Sequential(*[layer() for layer in layers]).eval()
    images = [torch.randn(channels, 32, 32, generator=torch.Generator().manual_seed(i)) for i in range(3)]
    return diagnose(interpret.wrap(module, input_size=32, mean=[0] * channels, std=[1] * channels), images)


@pytest.fixture(scope="module")
def strided():
    return conv_network(
        lambda: nn.Conv2d(3, 8, 7, 2), nn.ReLU, lambda: nn.Conv2d(8, 20, 5), nn.ReLU, *[nn.ReLU] * 9
    )


@pytest.fixture(scope="module")
def small():
    return diagnose(small_network(), small_images(), label="a name that is far too long for its column " * 3)


@pytest.fixture(scope="module")
def bare():
    return conv_network(nn.Flatten, lambda: nn.Linear(3072, 4), nn.ReLU)


@pytest.fixture(scope="module")
def two_channels():
    return conv_network(lambda: nn.Conv2d(2, 3, 1, 2), nn.ReLU, channels=2)


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["strided"], marks=pytest.mark.slow),
        ["small", "strided"],
        pytest.param(["bare", "two_channels", "strided"], marks=pytest.mark.slow),
        ["bare", "two_channels"],
    ],
)
def test_no_text_leaves_the_page_or_covers_another(names, request):
    figure = draw(Diagnosis(tuple(request.getfixturevalue(name) for name in names)))
    check_texts(figure, tight=(0.9, 0.8))


def test_all_filters_have_one_scale():
    values = torch.zeros(4, 3, 2, 2)
    values[0], values[1] = 1.0, 0.01
    sheet = panels.mosaic(values, values.abs().amax().expand(4), 4)
    assert sheet[0, 0].tolist() == [255] * 3
    tile = sheet.shape[0]
    gap = (sheet.shape[1] - 4 * tile) // 3
    assert sheet[0, tile + gap].tolist() == [129] * 3
    assert sheet[0, 2 * (tile + gap)].tolist() == [128] * 3
    assert sheet[0, tile].tolist() == [255] * 3


@pytest.mark.parametrize(("count", "wide", "columns"), [(16, 4, 8), (1, 4, 1), (5, 100, 5), (6, 1, 2)])
def test_projections_fill_their_place(count, wide, columns):
    assert panels.projection_columns(count, wide) == columns


@pytest.mark.parametrize(
    "name",
    ["bare", "two_channels", *(pytest.param(name, marks=pytest.mark.slow) for name in ("strided", "small"))],
)
def test_contract(name, request):
    result = Diagnosis((request.getfixturevalue(name),))
    check_renderer(DiagnosisFigure(formats=("png", "svg"), projections=5), result)


def test_the_picture_is_large_enough_for_print(small, tmp_path):
    DiagnosisFigure().render(Diagnosis((small,)), small_images(), tmp_path / "a")
    with Image.open(tmp_path / "a" / "diagnosis.png") as image:
        assert image.info["dpi"] == pytest.approx((200, 200), abs=0.1)
        assert np.asarray(image)[0, 0].tolist()[:3] == [255] * 3


def test_networks_share_their_scales(strided, small):
    figure = draw(Diagnosis((strided, small)))
    limits = [
        axes.get_ylim() for axes in figure.axes if axes.get_yscale() == "log" and axes.get_xlim()[1] > 1
    ]
    assert len(limits) == 2
    assert limits[0] == limits[1]


def test_what_no_network_has_leaves_no_hole(bare, strided):
    """Neither aliasing nor shifts: their reasons stand close above what follows."""
    figure = draw(Diagnosis((bare,)))
    written = texts(figure)
    heads = [
        next(box for text, box in written if text.startswith(head)) for head in ("Shift", "Alias", "Find")
    ]
    for upper, lower in pairwise(heads):
        assert 0 < (upper.y0 - lower.y1) / figure.dpi < 0.6
    assert len(draw(Diagnosis((strided,))).axes) == len(figure.axes) + 1


def test_what_only_another_network_has_says_so_in_its_place(bare, strided):
    figure = draw(Diagnosis((strided, bare)))
    grey = [axes for axes in figure.axes if axes.get_facecolor() == to_rgba(EMPTY)]
    assert len(grey) == 2  # projections and their spectrum
    place = grey[0].get_window_extent()
    (said,) = [text for text, box in texts(figure) if place.contains(*box.get_points().mean(0))]
    assert said.split() == bare.notes["aliasing"].split()
    check_texts(figure, tight=(0.9, 0.8))


def test_long_names_and_facts_are_told_in_full(bare, strided):
    first = replace(strided.first, layer="vision_model.embeddings.patch_embedding.projection.convolution")
    long = replace(
        strided, first=first, label="timm:vit_base_patch16_clip_quickgelu_224.openai_ft_in12k 7 / 2"
    )
    figure = draw(Diagnosis((long, bare)))
    check_texts(figure, tight=(0.9, 0.8))
    written = "".join(text for text, _ in texts(figure)).replace(" ", "")
    assert long.label.replace(" ", "") in written
    assert f"{first.layer}:8filtersof7\N{MULTIPLICATION SIGN}7,stride2" in written
    assert "findingson3images" in written


def test_the_bars_of_layers_without_a_relu_are_not_called_dead(strided):
    some = dict(strided.activity)
    some["1"] = replace(some["1"], signed=True)
    every = {layer: replace(counted, signed=True) for layer, counted in some.items()}
    said = [
        panels.rarely_active_title(replace(strided, activity=activity))
        for activity in (strided.activity, some, every)
    ]
    assert [title.startswith("Dead units") for title in said] == [True, False, False]
    assert ["with a ReLU, dead" in title for title in said] == [False, True, False]


def test_many_findings_are_cut(small):
    findings = tuple(Finding("dead units", f"layer{n}", 1.0, 0.0, "Some are dead.", "") for n in range(20))
    shown = [text for text, _ in texts(draw(Diagnosis((replace(small, findings=findings),))))]
    assert "and 12 more" in shown
