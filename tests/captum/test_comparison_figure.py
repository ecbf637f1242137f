"""The figure of a comparison: photographs and maps in their places, numbers under their columns."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from seen import find_one

from interpret.attributions import Attributions
from interpret.errors import DatasetError, StepError
from interpret.plugin.interfaces import renderer_input
from interpret_captum import Comparison
from interpret_captum.comparison import METRICS
from interpret_captum.renderers import ComparisonFigure
from interpret_captum.renderers.figure import ComparisonPages, _name_lines
from interpret_figures import display
from interpret_figures.colours import HEAT, Scale, overlaid
from interpret_figures.page import INK, QUIET
from interpret_figures.photographs import Photographs

DASH = "\N{EN DASH}"
FACTOR = 10  # a map of 16 pixels is drawn 160 pixels long
NAMES = ("project", "captum.guided_backprop", "captum.occlusion (window=4, stride=2)")


def attributions(spec, seed, images=3):
    maps = torch.randn(images, 3, 16, 16, generator=torch.Generator().manual_seed(seed))
    places = torch.tensor([4, 2, 7, 1, 0][:images])
    return Attributions(
        maps=maps * 10.0**seed,
        image=places,
        ids={str(place): f"square-{place}" for place in places.tolist()},
        target=torch.tensor([1, 0, 1, 0, 1][:images]),
        layer="",
        position=torch.zeros(images, 2, dtype=torch.long),
        score=torch.ones(images),
        method="x",
        input=spec,
        categories=("circle", "a very long name of a category"),
    )


def comparison(spec, names=NAMES, reference=(0, 0, 0), images=3, maps=None):
    columns = tuple(metric for metric in METRICS if metric.name in {"relative_l2", "deletion", "overlap"})
    table = torch.tensor([[torch.nan, torch.nan, 0.5], [0.25, torch.nan, 0.125], [2.0, torch.nan, 0.75]])
    found = (
        {name: attributions(spec, seed, images) for seed, name in enumerate(names)} if maps is None else maps
    )
    return Comparison(names, reference, columns, table.double(), torch.full((3, 3, images), torch.nan), found)


def render(made, result, folder, **parameters):
    files = ComparisonFigure(**{"percentile": 100, **parameters}).render(result, made.Squares(), folder)
    pages = []
    for file in files:
        with Image.open(file) as image:
            pages.append(np.asarray(image).astype(int))
    return files, pages


def drawn(values):
    """A map as it is drawn: zero is 128, its largest magnitude full colour."""
    pixels = (values / values.abs().max() * 127).round().permute(1, 2, 0).numpy().astype(int) + 128
    return pixels.repeat(FACTOR, 0).repeat(FACTOR, 1)


def test_every_map_stands_in_the_row_of_its_image_and_the_column_of_its_probe(
    made: SimpleNamespace, tmp_path
):
    result = comparison(made.SPEC)
    files, (page,) = render(made, result, tmp_path / "new" / "folder", view="signed")
    assert [file.name for file in files] == ["comparison-1.png"]
    places = [
        [find_one(page, drawn(found.maps[row])) for found in result.attributions.values()] for row in range(3)
    ]
    for row in range(3):
        assert len({y for y, _ in places[row]}) == 1
        assert [x for _, x in places[row]] == [x for _, x in places[0]]
        y, x = places[row][0]
        step = places[0][1][1] - places[0][0][1]
        photograph = page[y : y + 160, x - step : x - step + 160]
        assert (photograph == [int(result.attributions["project"].image[row]), 100, 200]).all()
    assert places[0][0][0] < places[1][0][0] - 160 < places[2][0][0] - 2 * 160


@pytest.mark.parametrize("view", ["heat", "overlay"])
def test_magnitudes_are_heat(made: SimpleNamespace, tmp_path, view):
    result = comparison(made.SPEC)
    _, (page,) = render(made, result, tmp_path, view=view)
    found = next(iter(result.attributions.values()))
    heat = display.heat(found.maps[:1])[0]
    pixels = Scale(0.0, float(heat.max()), HEAT).pixels(heat.numpy())
    tile = display.resize(pixels[None], (160, 160), smooth=True)
    if view == "overlay":
        photograph = np.full((160, 160, 3), [int(found.image[0]), 100, 200], np.uint8)
        tile = overlaid(tile[0], photograph)[None]
    find_one(page, tile[0].astype(int))


def labels(made, result, percentile=100.0):
    first = next(iter(result.attributions.values()))
    pages = ComparisonPages(
        result, Photographs(made.Squares(), first.ids, first.input), percentile, smooth=False
    )
    return pages.page(range(len(first.maps)), "").labels


def test_numbers_stand_under_their_columns(made: SimpleNamespace):
    found = labels(made, comparison(made.SPEC))
    columns = {label.text: label.x for label in found if label.bold and label.align == "center"}
    at = [columns[name] for name in ("project", "guided_backprop", "occlusion")]
    titles = [label for label in found if label.text.endswith(" ↓")]
    rows = {title.text: [label for label in found if label.y == title.y] for title in titles}
    assert list(rows) == ["relative L2 ↓", "deletion ↓"]  # no probe has an overlap
    assert [label.text for label in rows["relative L2 ↓"]][1:] == ["reference", "0.250", "2.00"]
    assert [label.text for label in rows["deletion ↓"]][1:] == ["0.500", "0.125", "0.750"]
    for line in rows.values():
        assert [label.x for label in line][1:] == at
    assert [label.bold for label in rows["deletion ↓"]][1:] == [False, True, False]
    assert rows["relative L2 ↓"][1].colour == QUIET


def test_what_is_asked_stands_above_each_image(made: SimpleNamespace):
    texts = [label.text for label in labels(made, comparison(made.SPEC))]
    assert texts.count("circle") == 1
    assert texts.count("a very long name of a…") + texts.count("a very long name of…") == 2


def test_pairs_say_what_they_are_measured_against(made: SimpleNamespace):
    found = labels(made, comparison(made.SPEC, reference=(0, 0, 2)))
    y = next(label.y for label in found if label.text == "measured against")
    assert [label.text for label in found if label.y == y][1:] == [DASH, "project", DASH]
    assert not any(label.text == "measured against" for label in labels(made, comparison(made.SPEC)))


def test_many_images_take_several_pages(made: SimpleNamespace, tmp_path):
    files, pages = render(made, comparison(made.SPEC, images=5), tmp_path, rows=2, formats=("png",))
    assert [file.name for file in files] == [f"comparison-{number}.png" for number in (1, 2, 3)]
    heights = [page.shape[0] for page in pages]
    assert heights[0] == heights[1] > heights[2]


def test_probes_without_attributions_are_left_out(made: SimpleNamespace):
    maps = {"captum.guided_backprop": attributions(made.SPEC, 0)}
    found = labels(made, comparison(made.SPEC, maps=maps))
    assert not any(label.text == "project" for label in found)
    assert any(label.text.startswith("3 images  ·  1 probe") for label in found)


def test_nothing_to_draw(made: SimpleNamespace, tmp_path):
    with pytest.raises(StepError, match="Use the renderer comparison_table"):
        render(made, comparison(made.SPEC, maps={}), tmp_path)


def test_a_photograph_that_changed(made: SimpleNamespace, tmp_path):
    with pytest.raises(DatasetError, match="square-4"):
        ComparisonFigure().render(comparison(made.SPEC), made.Squares(3), tmp_path)


def test_the_same_result_gives_the_same_bytes(made: SimpleNamespace, tmp_path):
    first, _ = render(made, comparison(made.SPEC), tmp_path / "a")
    second, _ = render(made, comparison(made.SPEC), tmp_path / "b")
    assert first[0].read_bytes() == second[0].read_bytes()


def test_names_are_broken_into_family_name_and_parameters():
    assert _name_lines("captum.occlusion (window=4, stride=2)", 1.2) == [
        ("captum.", QUIET), ("occlusion", INK), ("window=4, stride=2", QUIET)
    ]  # fmt: skip
    assert _name_lines("project", 1.2) == [("project", INK)]


def test_it_draws_comparisons():
    assert renderer_input(ComparisonFigure) is Comparison
