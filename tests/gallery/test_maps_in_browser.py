"""Maps over a photograph and small pictures in a real browser: what a person chooses, sorts and fades."""

from dataclasses import replace

import pytest
from browsing import violations
from correspondence_cases import correspondence
from hand_context import check_reading, written
from occlusion_fixtures import maps_of, occlusions
from squares import SPEC
from test_attributions_page import attributions
from test_comparison_page import comparison
from test_filters_page import filters
from test_overlap_page import overlap

from interpret_captum.pages import ComparisonPage
from interpret_correspondence.pages import CorrespondencePage
from interpret_datasets.pages import OverlapPage
from interpret_filters.pages import FiltersPage
from interpret_gallery.attributions import AttributionsPage
from interpret_occlusion.pages import OcclusionPage

CHANCES = [[0.9, 0.8, 0.9], [0.7, 0.05, 0.6], [0.9, 0.8, 0.95]]

MADE = {
    "occlusion": lambda: (OcclusionPage(), occlusions(maps_of(CHANCES), maps_of(CHANCES), spec=SPEC)),
    "attributions": lambda: (AttributionsPage(), attributions(4, 2)),
    "comparison": lambda: (ComparisonPage(), comparison(notes=("Left out: <i>",))),
    "correspondence": lambda: (CorrespondencePage(), correspondence(lacking=[(1, 3)])),
    "overlap": lambda: (OverlapPage(), overlap(5)),
    "filters": lambda: (FiltersPage(), filters(11)),
}


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    """The pages of one result, written when they are first asked for."""
    made = {}

    def site(name):
        if name not in made:
            made[name] = written(tmp_path_factory.mktemp(name), *MADE[name]())
        return made[name]

    return site


@pytest.mark.parametrize("name", MADE)
def test_pages_fit_a_phone_and_axe_finds_nothing_serious_in_either_theme(visit, sites, name):
    folder, places = sites(name)
    check_reading(visit, folder, places)


def test_a_method_is_laid_over_the_photograph_by_pointer_and_by_keys(visit, sites):
    folder, places = sites("comparison")
    page = visit(folder, places[1])
    choices, heat = page.locator(".choices button"), page.locator(".overlay .heat")
    pictures = [choices.nth(i).locator("img").get_attribute("src") for i in range(3)]
    assert heat.get_attribute("src") == pictures[0]
    choices.nth(2).click()
    assert heat.get_attribute("src") == pictures[2]
    assert page.locator(".overlay h3").inner_text() == "<i>&%"
    choices.nth(1).focus()
    page.keyboard.press("Enter")
    assert heat.get_attribute("src") == pictures[1]
    pressed = [choices.nth(i).get_attribute("aria-pressed") for i in range(3)]
    assert pressed == ["false", "true", "false"]


def test_the_strength_of_the_map_follows_its_slider(visit, sites):
    folder, places = sites("attributions")
    page = visit(folder, places[1])
    strength = page.locator(".overlay input[type=range]")
    for key, opacity in (("Home", 0.0), ("End", 1.0)):
        strength.press(key)
        assert (
            page.locator(".overlay .heat").evaluate("node => Number(getComputedStyle(node).opacity)")
            == opacity
        )


def test_an_overview_leads_to_a_photograph_and_back(visit, sites):
    folder, places = sites("occlusion")
    page = visit(folder, places[0])
    page.locator(".thumbnails a").nth(1).click()
    page.wait_for_selector(".window .stage")
    assert page.url.endswith("photograph-2.html")
    assert page.locator("h1").inner_text() == "Occlusion: square in square-2"
    page.go_back()
    page.get_by_role("link", name="square-4", exact=True).click()
    page.wait_for_selector(".window .stage")
    assert page.url.endswith("photograph-1.html")


def test_filters_sort_by_their_largest_weight(visit, sites):
    folder, places = sites("filters")
    page = visit(folder, places[0])
    numbers = page.locator(".panel:visible .crisp b")
    assert numbers.all_inner_texts() == [str(place) for place in range(11)]
    page.locator(".panel:visible select").select_option("measure")
    assert numbers.all_inner_texts() == [str(place) for place in reversed(range(11))]
    page.get_by_role("button", name="Each at its own scale").click()
    assert numbers.all_inner_texts() == [str(place) for place in range(11)]


@pytest.mark.parametrize("name", ["occlusion", "attributions", "comparison"])
def test_a_photograph_that_is_gone_is_a_panel_that_says_so(visit, tmp_path, name):
    page, result = MADE[name]()
    gone = {"4": "gone", "2": "gone too"}
    if name == "comparison":
        found = {key: replace(value, ids=gone) for key, value in result.attributions.items()}
        result = replace(result, attributions=found)
    else:
        result = replace(result, ids=gone)
    folder, places = written(tmp_path, page, result)
    shown = visit(folder, places[1])
    assert shown.locator(".stage .blank").inner_text() == "The photograph cannot be read here"
    assert shown.locator(".stage .heat").evaluate("node => node.naturalWidth > 0")
    assert violations(shown) == []


def test_one_place_on_an_image_that_is_no_square_has_a_window(visit, tmp_path):
    maps = maps_of([[0.5]], starts=((4,), (8,)), size=(16, 24), unoccluded=0.9)
    result = occlusions(maps, spec=replace(SPEC, size=(16, 24)))
    folder, places = written(tmp_path, OcclusionPage(), result)
    page = visit(folder, places[0])
    page.locator(".stage").press("ArrowRight")
    assert page.locator(".readout p").inner_text() == "Occluder at row 4, column 8"
    box = page.locator(".stage").bounding_box()
    assert box["width"] / box["height"] == pytest.approx(1.5, rel=0.02)
