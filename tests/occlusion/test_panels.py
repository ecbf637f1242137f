"""The five panels: each where it belongs, in the right colours, with words that do not touch."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from matplotlib import colormaps
from occlusion_fixtures import features, followed, label_box, maps_of, occlusions
from PIL import Image
from seen import find_one

from interpret.errors import DatasetError
from interpret.images import InputSpec, as_images
from interpret.plugin.interfaces import renderer_input
from interpret_figures.colours import HEAT, LABELS, rgb, tint
from interpret_figures.display import NO_NUMBER, OUTSIDE
from interpret_figures.page import INK, TIMES
from interpret_figures.pairs import picture_size
from interpret_figures.photographs import Photographs
from interpret_figures.text import MINUS
from interpret_occlusion import OcclusionMaps
from interpret_occlusion.renderers import OcclusionOverlay, OcclusionPanels
from interpret_occlusion.renderers.panels import OcclusionPages
from interpret_occlusion.renderers.tiles import VEIL, Panels

FACTOR = 14  # 16 pixels are drawn 224 long
CHANCES = [[0.9, 0.8, 0.7], [0.6, 0.05, 0.4], [0.3, 0.2, 0.1]]
LABELLED = [[1, 1, 1], [1, 2, 3], [2, 2, 0]]


def chart(result, images, labels=7, percentile=100.0):
    tile = picture_size(*result.maps[0].size)
    photographs = Photographs(images, result.ids, result.input)
    return OcclusionPages(result, Panels(result, photographs, tile, percentile, labels))


def draw(made, *maps, rows=None, **more):
    result = occlusions(*maps, spec=made.SPEC, **more)
    return chart(result, made.Squares()).page(rows or range(len(maps)))


def by_hand(colours, extent=16):
    """A 3 x 3 map of centres 4, 8 and 12: cells of 4 pixels from 2 to 14, pale around them."""
    tile = np.empty((extent * FACTOR, extent * FACTOR, 3), int)
    tile[:] = OUTSIDE
    for row in range(3):
        for column in range(3):
            y, x = (2 + 4 * row) * FACTOR, (2 + 4 * column) * FACTOR
            tile[y : y + 4 * FACTOR, x : x + 4 * FACTOR] = colours[row][column]
    return tile


def test_probabilities_are_drawn_from_zero_to_one_around_the_centres(made: SimpleNamespace):
    page = draw(made, maps_of(CHANCES))
    ramp = colormaps[HEAT](np.array(CHANCES), bytes=True)[..., :3]
    y, x = find_one(page.canvas, by_hand(ramp))
    bar = page.canvas[y + 224 + 12, x : x + 224]
    assert (bar[0] == colormaps[HEAT](0.0, bytes=True)[:3]).all()
    assert (bar[-1] == colormaps[HEAT](1.0, bytes=True)[:3]).all()


def test_labels_have_the_colours_of_their_legend(made: SimpleNamespace):
    maps = maps_of(np.where(np.array(LABELLED) == 1, 0.9, 0.1).tolist(), labels=LABELLED)
    assert maps.label.tolist() == LABELLED
    page = draw(made, maps)
    order = {1: 0, 2: 1, 0: 2, 3: 3}  # the target, then by frequency, then by number
    colours = [[rgb(LABELS[order[label]]) for label in row] for row in LABELLED]
    _, x = find_one(page.canvas, by_hand(colours))
    legend = {label.text: label for label in page.labels if label.text and label.x > x + 224}
    assert list(legend) == ["square", "44 %", "star", "33 %", "circle", "11 %", "moon"]
    for name, rank in (("square", 0), ("star", 1), ("circle", 2), ("moon", 3)):
        label = legend[name]
        assert (page.canvas[round(label.y) - 3, x + 224 + 20 + 3] == rgb(LABELS[rank])).all()


def covered(top, left, height=8, width=8):
    """The photograph with the occluder at a place in pixels of the image."""
    tile = np.empty((224, 224, 3), int)
    tile[:] = (4, 100, 200)
    top, left, bottom, right = (edge * FACTOR for edge in (top, left, top + height, left + width))
    tile[top:bottom, left:right] = (np.array((4, 100, 200)) * (1 - VEIL) + 128 * VEIL).round()
    for inset, colour in ((0, rgb(INK)), (1, (255, 255, 255)), (2, (255, 255, 255))):
        tile[[top + inset, bottom - inset - 1], left + inset : right - inset] = colour
        tile[top + inset : bottom - inset, [left + inset, right - inset - 1]] = colour
    return tile


def test_the_occluder_is_drawn_where_the_target_is_least_probable(made: SimpleNamespace):
    find_one(draw(made, maps_of(CHANCES)).canvas, covered(4, 4))


def test_probabilities_that_round_to_one_still_have_a_lowest(made: SimpleNamespace):
    maps = maps_of([[0.5, 0.5]], starts=([4], [0, 8]))
    maps = replace(maps, logits=torch.tensor([[[0.0, 30, 0, 0], [0.0, 25, 0, 0]]]))
    assert maps.probability.tolist() == [[1, 1]]
    find_one(draw(made, maps).canvas, covered(4, 8))


def test_the_response_goes_from_zero_to_the_most(made: SimpleNamespace):
    response = [[4, 3, 2], [1, 0, 2], [8, 3, 3]]
    projected = {"conv": features(torch.ones(1, 3, 8, 8), [4])}
    page = draw(made, maps_of(CHANCES, followed={"conv": followed(response, 6.0)}), features=(projected,))
    ramp = colormaps[HEAT](np.array(response) / 8, bytes=True)[..., :3]
    _, x = find_one(page.canvas, by_hand(ramp))
    texts = {label.text for label in page.labels if label.x == x}
    assert {"b", "unit 5, 6 uncovered", "0"} <= texts
    assert "in other images" not in " ".join(label.text for label in page.labels)
    assert any(label.text == "8" and label.x == x + 224 for label in page.labels)


def test_a_response_below_zero_is_drawn_around_grey(made: SimpleNamespace):
    response = np.array([[-4, 0, 2], [1, 0, 2], [2, 3, 3]])
    page = draw(made, maps_of(CHANCES, followed={"conv": followed(response.tolist(), 1.0)}))
    colours = tint(np.full((3, 3), 128, np.uint8), response / 4)
    assert (colours[0, 1] == 128).all()
    _, x = find_one(page.canvas, by_hand(colours))
    texts = {label.text for label in page.labels if label.x == x}
    assert {"b", "unit 5, 1 uncovered", f"{MINUS}4"} <= texts  # a unit that was listed, not the strongest
    assert "Unit 5" in {label.text for label in page.labels}


def test_projections_stand_together_with_this_image_in_a_black_frame(made: SimpleNamespace):
    patches = torch.stack([torch.full((3, 8, 8), value) for value in (1.0, -1.0, 1.0, 1.0)])
    projected = {"conv": features(patches, [4, 0, 1, 3])}
    page = draw(made, maps_of(CHANCES, followed={"conv": followed(CHANCES, 1.0)}), features=(projected,))
    assert "in other images" in " ".join(label.text for label in page.labels)
    caption = next(label for label in page.labels if label.text == "unit 5, here + 3 others")
    top, left = round(caption.y) + 8, round(caption.x)
    tile = page.canvas[top : top + 224, left : left + 224]
    ink = np.array(rgb(INK))
    assert (tile[[0, 107], :108] == ink).all()
    assert (tile[:108, [0, 107]] == ink).all()
    assert (tile[20, 50] == OUTSIDE).all()  # two of eight rows lie above the image
    assert (tile[60, 50] == 255).all()
    assert (tile[60, 170] == 1).all()
    assert not (tile[0, 112:] == ink).all(-1).any()


def test_a_small_signal_of_a_neuron_that_sees_all_is_shown_large(made: SimpleNamespace):
    patches = torch.zeros(2, 3, 16, 16)
    patches[:, :, 6:8, 9:11] = 1.0
    found = replace(features(patches, [4, 0]), box=torch.tensor([[0, 0, 16, 16]] * 2))
    maps = maps_of(CHANCES, followed={"conv": followed(CHANCES, 1.0)})
    page = draw(made, maps, features=({"conv": found},))
    caption = next(label for label in page.labels if label.text == "unit 5, here + 1 other, zoomed")
    top, left = round(caption.y) + 8, round(caption.x)
    bright = (page.canvas[top : top + 224, left : left + 105] == 255).all(-1).mean()
    assert bright > 0.2  # 2 x 2 of 16 x 16 pixels would be a sixtieth


def test_a_network_that_gives_no_number_is_drawn_as_that(made: SimpleNamespace, tmp_path):
    nowhere = torch.full((3, 3), torch.nan, dtype=torch.float64)
    response = {"conv": followed(nowhere.tolist(), float("nan"))}
    result = occlusions(maps_of(nowhere, unoccluded=float("nan"), followed=response), spec=made.SPEC)
    for renderer in (OcclusionPanels(), OcclusionOverlay()):
        (file,) = renderer.render(result, made.Squares(), tmp_path)
        pixels = np.array(Image.open(file))
        assert all((pixels == tone).all(-1).mean() > 0.01 for tone in NO_NUMBER), renderer
    texts = " ".join(label.text for label in chart(result, made.Squares()).page(range(1)).labels)
    assert "no number uncovered" in texts
    assert "nan" not in texts.split()
    assert "no number" in result.summary()["lowest probability"]
    assert result.warnings() == ("At 9 of 9 places the network gave no number (NaN).",)


def test_the_lowest_place_is_one_that_has_a_number(made: SimpleNamespace):
    chances = torch.tensor(CHANCES, dtype=torch.float64)
    chances[0, 0] = torch.nan
    assert occlusions(maps_of(chances), spec=made.SPEC).summary()["lowest probability"].startswith("0.05, ")


def test_without_a_projection_the_note_says_why(made: SimpleNamespace):
    note = "r: gelu has no deconvnet rule."
    maps = maps_of(CHANCES, followed={"conv": followed(CHANCES, 1.0)})
    texts = " ".join(label.text for label in draw(made, maps, features=({},), notes={"conv": note}).labels)
    assert note in texts
    empty = {"conv": features(torch.ones(0, 3, 8, 8), [])}
    texts = " ".join(label.text for label in draw(made, maps, features=(empty,)).labels)
    assert "never positive in this image" in texts


def test_panels_are_lettered_without_gaps(made: SimpleNamespace):
    letters = [label.text for label in draw(made, maps_of(CHANCES)).labels if label.text in set("abcde")]
    assert letters == ["a", "b", "c"]


def test_a_row_says_what_was_asked_and_what_came_of_it(made: SimpleNamespace):
    texts = [label.text for label in draw(made, maps_of(CHANCES, engine="incremental")).labels]
    assert "square" in texts
    assert "probability 0.90 uncovered, 0.05 at the lowest" in texts
    assert any(f"occluder 8 {TIMES} 8 pixels, grey 0.5, every 4 pixels" in text for text in texts)
    assert any(text.endswith("engine incremental") for text in texts)
    old = [label.text for label in draw(made, maps_of(CHANCES, engine="approximate")).labels]
    assert any("engine approximate, which interpolated some" in text for text in old)
    assert "class 1" in [label.text for label in draw(made, maps_of(CHANCES), categories=()).labels]


ODD = {
    "one place": {"starts": ([0], [0]), "window": (16, 16)},
    "many": {"starts": (range(13), range(13)), "window": (4, 4)},
    "wide": {"starts": (range(9), range(57)), "window": (8, 8), "size": (16, 64)},
    "tall": {"starts": (range(57), range(9)), "window": (8, 8), "size": (64, 16), "channels": 1},
    "large": {"starts": ([0, 100], [0, 100]), "window": (300, 300), "size": (400, 500)},
}
LONG = ("a" * 80, "soft-coated wheaten terrier of the Nova Scotia duck tolling kind", "W" * 60, "b")


@pytest.mark.parametrize("layers", [0, 1, 3])
@pytest.mark.parametrize("odd", ODD)
def test_no_word_touches_another_or_leaves_the_page(odd, layers):
    shape = ODD[odd]
    rows, columns = (len(starts) for starts in shape["starts"])
    height, width = shape.get("size", (16, 16))
    channels = shape.get("channels", 3)
    spec = InputSpec((height, width), (0.5,) * channels, (0.25,) * channels)
    draws = torch.Generator().manual_seed(0)
    units = {
        f"features.{place}.with.a.long.name": followed(
            (torch.rand(rows, columns) * 1e5 - place).tolist(), 12345.6
        )
        for place in range(layers)
    }
    maps = maps_of(
        torch.rand(rows, columns, generator=draws) * 0.9, followed=units,
        labels=torch.randint(0, 4, (rows, columns), generator=draws).tolist(), **shape,
    )  # fmt: skip
    patches = features(torch.rand(3, channels, 5, 5), [4, 2, 7])
    projected = dict.fromkeys(list(units)[1:], patches)
    notes = dict.fromkeys(list(units)[:1], "There is no rule for this operation. " * 20)
    images = as_images([torch.zeros(channels, height, width)] * 8)
    result = occlusions(maps, maps, spec=spec, categories=LONG, features=(projected, projected), notes=notes)
    result = replace(result, ids={str(i): images.ids[i] for i in range(8)})
    page = chart(result, images).page(range(2))
    boxes = [(label.text, *label_box(label, page.dpi)) for label in page.labels if label.text]
    for place, (text, left, top, right, bottom) in enumerate(boxes):
        assert 0 <= left < right <= page.canvas.shape[1], text
        assert 0 <= top < bottom <= page.canvas.shape[0], text
        for other, first, above, last, below in boxes[:place]:
            assert right <= first or last <= left or bottom <= above or below <= top, (text, other)


def test_many_images_take_several_pages(made: SimpleNamespace, tmp_path):
    result = occlusions(*[maps_of(CHANCES)] * 5, spec=made.SPEC)
    files = OcclusionPanels(rows=2, formats=("png", "svg")).render(result, made.Squares(), tmp_path / "new")
    assert [file.name for file in files] == [
        f"occlusion-{number}.{ending}" for number in (1, 2, 3) for ending in ("png", "svg")
    ]
    heights = []
    for file in files[::2]:
        with Image.open(file) as image:
            heights.append(image.height)
    assert heights[0] == heights[1] > heights[2]


def test_the_same_result_gives_the_same_bytes(made: SimpleNamespace, tmp_path):
    result = occlusions(maps_of(CHANCES), spec=made.SPEC)
    one, two = (OcclusionPanels().render(result, made.Squares(), tmp_path / name) for name in "ab")
    assert one[0].read_bytes() == two[0].read_bytes()


def test_a_photograph_that_changed(made: SimpleNamespace, tmp_path):
    with pytest.raises(DatasetError, match="square-4"):
        OcclusionPanels().render(occlusions(maps_of(CHANCES), spec=made.SPEC), made.Squares(3), tmp_path)


def test_it_draws_occlusions():
    assert renderer_input(OcclusionPanels) is OcclusionMaps
