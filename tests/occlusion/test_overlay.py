"""The map laid over the image: colours where covering changes something, the greyed image elsewhere."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from occlusion_fixtures import label_box, maps_of, occlusions
from PIL import Image

from interpret.errors import DatasetError
from interpret.plugin.interfaces import renderer_input
from interpret_figures.colours import LOWERS, RAISES, Scale
from interpret_figures.grid import Heading
from interpret_figures.pairs import Pair, pair_page, picture_size
from interpret_occlusion import OcclusionMaps
from interpret_occlusion.renderers import OcclusionOverlay
from interpret_occlusion.renderers.overlay import greyed, outline

FACTOR = 14
BRIGHT = (0.299 * 4 + 0.587 * 100 + 0.114 * 200) / 255
GREY = round(56 + BRIGHT * 160)


def render(made, folder, *maps, **parameters):
    result = occlusions(*maps, spec=made.SPEC)
    files = OcclusionOverlay(**parameters).render(result, made.Squares(), folder)
    with Image.open(files[0]) as image:
        return np.asarray(image).astype(int)


def right(page):
    """The picture of the first pair's map: the only grey field of that tone in the first row."""
    left = (page == (4, 100, 200)).all(-1).nonzero()
    top, x = left[0].min(), left[1].min()
    step = 224 + round(0.06 * 140)
    return page[top : top + 224, x + step : x + step + 224]


def mixed(hue, value, strength=0.85):
    share = abs(value) * strength
    return [round(GREY * (1 - share) + part * share) for part in hue]


CHANCES = [
    [0.5, 0.9],
    [0.9, 1.0],
]  # 0.9 uncovered: covering the first quarter costs 0.4, the last one brings 0.1
QUARTERS = {"starts": ([0, 8], [0, 8])}


def test_red_where_covering_lowers_the_probability_blue_where_it_raises_it(made: SimpleNamespace, tmp_path):
    tile = right(render(made, tmp_path, maps_of(CHANCES, **QUARTERS)))
    half = 8 * FACTOR
    assert np.abs(tile[:half, :half] - mixed(LOWERS, 1)).max() <= 1
    assert np.abs(tile[half:, half:] - mixed(RAISES, 0.25)).max() <= 1
    assert np.abs(tile[half:, :half] - GREY).max() <= 1


def test_pixels_are_averaged_over_the_occluders_that_cover_them(made: SimpleNamespace, tmp_path):
    chances = torch.full((3, 3), 0.9).double()
    chances[1, 1] = 0.5
    tile = right(render(made, tmp_path, maps_of(chances), strength=1.0))
    for y in range(16):
        for x in range(16):
            rows = [row for row in (0, 4, 8) if row <= y < row + 8]
            columns = [column for column in (0, 4, 8) if column <= x < column + 8]
            share = (4 in rows and 4 in columns) / (len(rows) * len(columns))
            pixel = tile[y * FACTOR + 5, x * FACTOR + 5]
            # a quarter is the most, where four occluders cover a pixel; half of it at the border's middle
            most = max(1 / 4, share)
            assert most == 1 / 4
            assert np.abs(pixel - mixed(LOWERS, share / most, 1.0)).max() <= 1


def test_noise_gets_no_full_colour(made: SimpleNamespace, tmp_path):
    nearly = [[0.9, 0.9], [0.9, 0.9 - 1e-5]]
    tile = right(render(made, tmp_path, maps_of(nearly, **QUARTERS)))
    assert np.abs(tile - GREY).max() <= 1


def test_the_logit_does_not_saturate(made: SimpleNamespace, tmp_path):
    nearly = [[0.9, 0.9], [0.9, 0.9 - 1e-5]]
    maps = maps_of(nearly, **QUARTERS)
    tile = right(render(made, tmp_path, maps, of="logit"))
    assert np.abs(tile[-20, -20] - mixed(LOWERS, 1)).max() <= 1
    assert np.abs(tile[20, 20] - GREY).max() <= 1


def test_one_scale_for_all_images(made: SimpleNamespace, tmp_path):
    strong, weak = maps_of(CHANCES, **QUARTERS), maps_of([[0.7, 0.9], [0.9, 0.9]], **QUARTERS)
    own = right(render(made, tmp_path, weak, strong))
    shared = right(render(made, tmp_path, weak, strong, scale="all"))
    assert np.abs(own[5, 5] - mixed(LOWERS, 1)).max() <= 1
    assert np.abs(shared[5, 5] - mixed(LOWERS, 0.5)).max() <= 1


def test_a_contour_runs_along_the_largest_fall(made: SimpleNamespace, tmp_path):
    tile = right(render(made, tmp_path, maps_of(CHANCES, **QUARTERS), contour=0.5))
    white = (tile == 255).all(-1)
    expected = np.zeros((224, 224), bool)
    expected[8 * FACTOR - 1, : 8 * FACTOR] = expected[: 8 * FACTOR, 8 * FACTOR - 1] = True
    assert (white == expected).all()


def test_the_outline_of_a_region():
    inside = np.zeros((5, 6), bool)
    inside[1:4, 1:] = True
    expected = inside.copy()
    expected[2, 2:] = False
    assert (outline(inside) == expected).all()


def test_greyed():
    picture = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0]]], np.uint8)
    assert greyed(picture).tolist() == [[56, 216, round(56 + 0.299 * 160)]]


@pytest.mark.parametrize("size", [(16, 128), (128, 16), (300, 500), (5, 5)])
def test_no_word_of_a_pair_touches_another_or_leaves_the_page(size):
    tile = np.zeros((*picture_size(*size), 3), np.uint8)
    pair = Pair("W" * 90, "a long caption " * 20, tile, tile, Scale(-0.0123, 0.0123, "signed"))
    page = pair_page([pair] * 5, 2, Heading("Occlusion sensitivity", ("a word " * 40,), "1 / 2"))
    boxes = [label_box(label, page.dpi) for label in page.labels]
    for place, (left, top, right, bottom) in enumerate(boxes):
        assert 0 <= left < right <= page.canvas.shape[1]
        assert 0 <= top < bottom <= page.canvas.shape[0]
        for first, above, last, below in boxes[:place]:
            assert right <= first or last <= left or bottom <= above or below <= top


def test_many_images_take_several_pages(made: SimpleNamespace, tmp_path):
    result = occlusions(*[maps_of(CHANCES, **QUARTERS)] * 5, spec=made.SPEC)
    files = OcclusionOverlay(columns=2, rows=1).render(result, made.Squares(), tmp_path)
    assert [file.name for file in files] == [f"overlay-{number}.png" for number in (1, 2, 3)]


def test_a_photograph_that_changed(made: SimpleNamespace, tmp_path):
    result = occlusions(maps_of(CHANCES, **QUARTERS), spec=made.SPEC)
    with pytest.raises(DatasetError, match="square-4"):
        OcclusionOverlay().render(result, made.Squares(3), tmp_path)


def test_it_draws_occlusions():
    assert renderer_input(OcclusionOverlay) is OcclusionMaps
