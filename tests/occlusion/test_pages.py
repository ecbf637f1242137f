"""The pages of occlusion: a window over each photograph, and what is told of it."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from hand_context import context_of, data_of, pixels_of
from occlusion_fixtures import NAMES, features, followed, maps_of, occlusions
from squares import SPEC, Squares

from interpret.errors import DatasetError
from interpret.images import InputSpec
from interpret_figures.colours import LABELS, rgb
from interpret_gallery.names import file_name
from interpret_occlusion.pages import OcclusionPage
from interpret_occlusion.pages.maps import at_a_glance, fill_colour, outcome
from interpret_occlusion.renderers.places import lowest_place

CHANCES = [[0.9, 0.8, 0.9], [0.7, 0.05, 0.6], [0.9, 0.8, 0.95]]
LABELLED = [[0, 0, 0], [0, 2, 0], [0, 0, 0]]


class Unreadable(Squares):
    """Photographs that are gone."""

    def __getitem__(self, index):
        raise DatasetError(f"Photograph {index} is gone.")


def one(**more):
    return maps_of(CHANCES, labels=LABELLED, followed={"conv1": followed(CHANCES, 3.0, unit=7)}, **more)


def composed(result, context):
    return list(OcclusionPage().compose(result, context))


def test_one_photograph_is_one_page_about_it(tmp_path):
    (sheet,) = composed(occlusions(one(), spec=SPEC), context_of(tmp_path, Squares()))
    assert (sheet.name, sheet.image, sheet.title) == ("", 4, "Occlusion: square in square-4")
    assert sheet.summary == "Covered at row 4, column 4, square falls from 0.90 to 0.05."
    assert "rows 4 to 11, columns 4 to 11" in sheet.body
    assert "grey 0.5, every 4 pixels" in sheet.body


def test_the_window_has_the_value_of_every_map_at_every_place(tmp_path):
    context, maps = context_of(tmp_path, Squares()), one()
    (sheet,) = composed(occlusions(maps, spec=SPEC), context)
    data = data_of(context, *sheet.scripts)
    assert f'data-window="{"covered 1"}"' in sheet.body
    assert (data["rows"], data["columns"], data["window"]) == ([0, 4, 8], [0, 4, 8], [8, 8])
    assert data["start"] == [1, 1]
    target, label, response = data["maps"]
    assert target["name"] == "probability of square"
    assert np.allclose(target["values"], maps.probability, rtol=1e-4)
    assert target["whole"] == pytest.approx(0.9, rel=1e-4)
    shown = [[label["names"][place] for place in row] for row in label["values"]]
    assert shown == [[NAMES[index] for index in row] for row in maps.label.tolist()]
    assert label["names"][label["whole"]] == "square"
    assert response["name"] == "summed response of conv1, unit 7"
    assert np.allclose(response["values"], CHANCES, rtol=1e-4)
    assert response["whole"] == 3


def test_the_labels_have_the_colours_of_their_legend(tmp_path):
    context = context_of(tmp_path, Squares())
    (sheet,) = composed(occlusions(one(), spec=SPEC), context)
    label = data_of(context, *sheet.scripts)["maps"][1]
    names, swatches = zip(*label["legend"], strict=True)
    assert [name.split()[0] for name in names] == ["square", "star"]
    assert [tuple(pixels_of(context, url)[0, 0]) for url in swatches] == [rgb(each) for each in LABELS[:2]]
    map_ = pixels_of(context, label["url"])
    assert tuple(map_[8, 8]) == rgb(LABELS[1])
    assert tuple(map_[5, 5]) == rgb(LABELS[0])
    assert map_.shape == (16, 16, 3)


def test_several_photographs_have_an_overview_that_leads_to_each(tmp_path):
    context = context_of(tmp_path, Squares())
    first, *others = composed(occlusions(one(), maps_of(CHANCES), spec=SPEC), context)
    assert first.image is None
    assert [sheet.image for sheet in others] == [4, 2]
    for place, sheet in enumerate(others):
        assert f'href="{file_name(sheet.name)}.html"' in first.body
        assert f"square-{[4, 2][place]}" in first.body
    assert pixels_of(context, first.cover).shape == (240, 480, 3)
    assert [sheet.cover for sheet in others] == ["", ""]
    assert "0.90 → 0.05" in first.body


def test_on_one_page_there_is_no_overview_and_addresses_count_from_that_page(tmp_path):
    context = context_of(tmp_path, Squares(), single=True)
    first, other = composed(occlusions(one(), one(), spec=SPEC), context)
    assert [first.image, other.image] == [4, 2]
    assert other.scripts[0].startswith("steps/covered/")
    assert context.sheet_url(other.name).startswith("#sheet-covered-")


def test_the_same_photograph_twice_has_two_pages(tmp_path):
    result = replace(occlusions(one(), one(), spec=SPEC), image=torch.tensor([4, 4]))
    _, *sheets = composed(result, context_of(tmp_path, Squares()))
    assert len({sheet.name for sheet in sheets}) == 2


def test_what_the_strongest_unit_looks_for_stands_below(tmp_path):
    patches = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    found = {"conv1": features(patches, [4, 9])}
    result = occlusions(one(), spec=SPEC, features=(found,))
    (sheet,) = composed(result, context_of(tmp_path, Squares()))
    assert "What unit 7 of <bdi>conv1</bdi> looks for" in sheet.body
    assert "1 in this photograph" in sheet.body
    assert "1 in square-9" in sheet.body
    assert sheet.body.count('alt="Projection of the unit') == 2
    assert sheet.body.count('alt="What the unit sees') == 2


def test_a_unit_that_is_never_positive_here_is_told(tmp_path):
    found = {"conv1": features(torch.zeros(0, 3, 8, 8), [])}
    (sheet,) = composed(occlusions(one(), spec=SPEC, features=(found,)), context_of(tmp_path, Squares()))
    assert "never positive in this photograph" in sheet.body


def test_why_a_layer_is_not_projected_is_told(tmp_path):
    result = occlusions(one(), spec=SPEC, notes={"conv1": "no rule for <fft>"})
    (sheet,) = composed(result, context_of(tmp_path, Squares()))
    assert "no rule for &lt;fft&gt;" in sheet.body


def test_without_its_photographs_the_maps_are_shown_alone(tmp_path):
    context = context_of(tmp_path, Unreadable())
    patches = torch.ones(2, 3, 8, 8)
    result = occlusions(one(), spec=SPEC, features=({"conv1": features(patches, [4, 9])},))
    (sheet,) = composed(result, context)
    assert data_of(context, *sheet.scripts)["photo"] == ""
    assert sheet.body.count('alt="Projection of the unit') == 2
    assert "What the unit sees" not in sheet.body
    assert "is gone" in context.photos.refused["val"]


def test_one_output_has_no_label_and_no_probability(tmp_path):
    maps = replace(
        one(), logits=torch.tensor(CHANCES)[..., None] * 10, unoccluded=torch.tensor([9.0]), target=0
    )
    context = context_of(tmp_path, Squares())
    (sheet,) = composed(occlusions(maps, spec=SPEC, categories=()), context)
    assert [shown["name"] for shown in data_of(context, *sheet.scripts)["maps"]] == [
        "output", "summed response of conv1, unit 7",
    ]  # fmt: skip
    assert "output uncovered" in sheet.body
    assert "have no probability" in sheet.body


def test_names_of_strangers_stay_text(tmp_path):
    hostile = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "\u202eevil", "a" * 200)
    images = Squares()
    images.names[4] = "../<i>'\"%#?.jpg"
    result = occlusions(one(), maps_of(CHANCES), spec=SPEC, categories=hostile)
    result = replace(result, ids=result.ids | {"4": images.names[4]})
    context = context_of(tmp_path, images)
    sheets = composed(result, context)
    for sheet in sheets:
        assert not re.search(r"<(script|i|img src=x)[ >]", sheet.body)
    written = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")]
    assert all(re.fullmatch(r"[a-z0-9/._-]+", name) for name in written)
    assert "<" not in (context.folder / sheets[1].scripts[0]).read_text()


def test_a_fall_that_cannot_be_seen_in_the_numbers_is_none():
    maps = maps_of([[0.8999, 0.9], [0.9, 0.9]], starts=((0, 8), (0, 8)))
    said = outcome(maps, "star", lowest_place(maps))
    assert said == "Wherever it is covered, star does not fall below 0.90."


def test_what_never_falls_is_said_so():
    maps = maps_of([[0.95, 0.97], [0.96, 0.99]], starts=((0, 8), (0, 8)))
    assert (
        outcome(maps, "star", lowest_place(maps)) == "Wherever it is covered, star does not fall below 0.90."
    )


@pytest.mark.parametrize(
    ("fill", "expected"),
    [
        (0.5, (128, 128, 128)),
        ((1.0, 0.0, 0.2), (255, 0, 51)),
        ("mean", (4, 100, 200)),
        ("blur", (4, 100, 200)),
        ("noise", None),
    ],
)
def test_the_window_has_the_colour_of_what_covers(fill, expected):
    photograph = np.full((16, 16, 3), (4, 100, 200), np.uint8)
    maps = one(fill=fill)
    assert fill_colour(occlusions(maps, spec=SPEC), maps, photograph) == expected


def test_one_channel_is_covered_with_grey():
    spec = InputSpec((16, 16), (0.5,), (0.25,), resize=16)
    maps = one(fill=(0.2,), channels=1)
    assert fill_colour(occlusions(maps, spec=spec), maps, None) == (51, 51, 51)


def test_at_a_glance_red_is_where_covering_lowers_the_target_and_blue_where_it_raises_it():
    photograph = np.full((16, 16, 3), 128, np.uint8)
    maps = maps_of([[0.1, 0.9], [0.9, 1.0]], starts=((0, 8), (0, 8)))
    shown = at_a_glance(maps, photograph).astype(int)
    high, wide = shown.shape[0] // 4, shown.shape[1] // 4
    assert shown[high, wide, 0] > shown[high, wide, 2] + 50
    assert shown[3 * high, 3 * wide, 2] > shown[3 * high, 3 * wide, 0]
    assert np.ptp(shown[high, 3 * wide]) < 3


def test_what_is_lost_is_bright_and_where_nothing_was_covered_the_photograph_is_seen(tmp_path):
    context = context_of(tmp_path, Squares())
    (sheet,) = composed(occlusions(one(), spec=SPEC), context)
    target, _, response = data_of(context, *sheet.scripts)["maps"]
    assert (target["low"], target["high"]) == ("0.95", "0")  # the largest of all places is darkest
    for shown in (target, response):
        pixels, bar = (
            pixels_of(context, shown["url"]).astype(int),
            pixels_of(context, shown["bar"]).astype(int),
        )
        assert pixels[8, 8].sum() > pixels[4, 4].sum() + 200  # the middle, where least is left
        assert bar[0, -1].sum() > bar[0, 0].sum() + 200
        assert np.abs(pixels[0, 0] - (4, 100, 200)).max() < 40  # of a lossy picture
        assert np.abs(pixels[15, 15] - (4, 100, 200)).max() < 40  # of a lossy picture


def test_a_response_of_two_signs_keeps_its_colours(tmp_path):
    context = context_of(tmp_path, Squares())
    both = {"conv1": followed([[2.0, -1.0, 0.0]] * 3, 1.0)}
    (sheet,) = composed(occlusions(maps_of(CHANCES, followed=both), spec=SPEC), context)
    response = data_of(context, *sheet.scripts)["maps"][2]
    assert (response["low"], response["high"]) == ("\N{MINUS SIGN}2", "2")
    left, right = (pixels_of(context, response["url"])[8, x].astype(int) for x in (4, 8))
    assert left[0] > left[2]
    assert right[2] > right[0]


def test_classes_without_names_are_told_as_classes(tmp_path):
    context, result = context_of(tmp_path, Squares()), replace(occlusions(one(), spec=SPEC), categories=())
    (sheet,) = composed(result, context)
    label = data_of(context, *sheet.scripts)["maps"][1]
    expected = [[f"class {index}" for index in row] for row in result.maps[0].label.tolist()]
    assert [[label["names"][place] for place in row] for row in label["values"]] == expected
    assert all(name.startswith("class ") for name, _ in label["legend"])


def test_a_network_that_answers_no_number_is_said_to(tmp_path):
    maps = maps_of(CHANCES, labels=LABELLED)
    broken = replace(
        maps,
        logits=torch.full_like(maps.logits, torch.nan),
        unoccluded=torch.full_like(maps.unoccluded, torch.nan),
    )
    (sheet,) = composed(occlusions(broken, spec=SPEC), context_of(tmp_path, Squares()))
    assert sheet.summary == "The network's answer for square is no number, wherever it is covered."
