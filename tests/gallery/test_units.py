"""The page of a layer in a real browser: what is shown is what the run holds, by pointer and by keyboard."""

from __future__ import annotations

import re

import pytest
from browsing import PHONE, settle

import interpret
from interpret.files import read_text
from interpret_scenes import Scenes
from interpret_topk import LayerExemplars

LAYER = "steps/features/layer2.html"


@pytest.fixture(scope="module")
def mined(scenes_run) -> LayerExemplars:
    """What the run holds of the layer: the oracle of these tests."""
    return interpret.load_result(scenes_run / "strongest")["layer2"]


@pytest.fixture(scope="module")
def categories(mined):
    """The names of the categories of each unit's exemplars, strongest first."""
    images = Scenes(split="val", limit=40).open()
    names = [images.categories[label] for label in images.labels]
    return [
        [names[image] for image, value in zip(row.tolist(), values.tolist(), strict=True) if values[0] > 0]
        for row, values in zip(mined.image, mined.values, strict=True)
    ]


def shown(page):
    """The numbers of the units that are shown, in order."""
    return page.evaluate("[...document.querySelectorAll('.tile')].map(node => Number(node.dataset.unit))")


def focused(page):
    """What the keyboard is at, as text."""
    return page.evaluate("(document.activeElement.textContent || document.activeElement.ariaLabel).trim()")


def test_all_units_are_there(visit, gallery, mined):
    page = visit(gallery, LAYER)
    assert shown(page) == list(range(len(mined.values)))
    told = page.locator(".tile").nth(1).inner_text()
    assert re.search(rf"{float(mined.values[1, 0]):.3g}\b", told)


def test_sorted_by_strength(visit, gallery, mined):
    page = visit(gallery, LAYER)
    page.get_by_label("Sort by").select_option("strength")
    found = shown(page)
    alive = [unit for unit in found if not mined.dead[unit]]
    strengths = [float(f"{mined.values[unit, 0]:.4g}") for unit in alive]
    assert strengths == sorted(strengths, reverse=True)
    assert found[: len(alive)] == alive  # dead ones come last
    assert sorted(found) == list(range(len(mined.values)))


def test_sorted_by_purity(visit, gallery, categories):
    page = visit(gallery, LAYER)
    page.get_by_label("Sort by").select_option("purity")
    purity = [max((names.count(name) for name in names), default=-9) / 9 for names in categories]
    found = [purity[unit] for unit in shown(page)]
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize("kept", ["alive", "quiet"])
def test_dead_units_alone_or_left_out(visit, gallery, mined, kept):
    page = visit(gallery, LAYER)
    page.locator("select", has=page.locator("option[value=quiet]")).select_option(kept)
    expected = [unit for unit, dead in enumerate(mined.dead.tolist()) if dead == (kept == "quiet")]
    assert shown(page) == expected
    assert f"{len(expected)} of 64 units" in page.locator("main").inner_text()


def test_units_are_found_by_category_photograph_and_number(visit, gallery, mined, categories):
    page = visit(gallery, LAYER)
    field = page.get_by_label(re.compile("^Show units with this category"))
    field.fill("Butter")
    some = [unit for unit, names in enumerate(categories) if "butterfly" in names]
    assert shown(page) == sorted(some, key=lambda unit: -categories[unit].count("butterfly"))
    assert "those with most first" in page.locator("main").inner_text()
    field.fill("val-000007")
    assert shown(page) == [unit for unit in range(64) if 7 in mined.image[unit] and not mined.dead[unit]]
    field.fill("6")
    assert shown(page) == [6, *range(60, 64)]
    field.fill("no such thing")
    assert "No unit fits" in page.locator("main").inner_text()


def test_enter_leads_to_the_unit_whose_number_is_typed(visit, gallery):
    page = visit(gallery, LAYER)
    page.keyboard.press("/")
    page.keyboard.type("no such thing")
    page.keyboard.press("Enter")
    assert "#" not in page.url
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("6")
    page.keyboard.press("Enter")
    assert page.url.endswith("#6")
    assert page.get_by_role("heading", name="Unit 6").is_visible()


def test_a_unit_shows_its_exemplars_and_their_photographs(visit, gallery, mined, categories):
    page = visit(gallery, LAYER)
    page.locator(".tile a").nth(7).click()
    assert page.url.endswith("#7")
    assert page.get_by_role("heading", name="Unit 7").is_visible()
    buttons = page.get_by_role("button", name="Show the whole photograph")
    assert buttons.count() == 9
    for rank in range(9):
        name = buttons.nth(rank).get_attribute("aria-label")
        assert name.startswith(f"{rank + 1}: activation {float(mined.values[7, rank]):.3g}")
        assert categories[7][rank] in name
        assert f"val-{int(mined.image[7, rank]):06d}" in name
    buttons.nth(3).click()
    box = page.locator("dialog rect").last
    seen = [float(box.get_attribute(name)) for name in ("y", "x", "height", "width")]
    top, left, bottom, right = mined.field.boxes(mined.position)[7, 3].tolist()
    assert seen == [top, left, bottom - top, right - left]
    settle(page)
    assert page.evaluate("document.querySelector('dialog img').naturalWidth") == 96
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("heading", name="Unit 7, strongest image 5").is_visible()
    page.keyboard.press("Escape")
    page.locator("dialog").wait_for(state="detached")  # an event later
    assert focused(page).startswith(f"{float(mined.values[7, 3]):.3g}")


def test_units_with_the_same_photographs_are_named(visit, gallery, mined):
    page = visit(gallery, f"{LAYER}#7")
    mine = set(mined.image[7].tolist())
    for link in page.get_by_role("link", name=re.compile(r"^unit \d+ \(\d of 9\)")).all():
        unit, count = map(int, re.findall(r"\d+", link.inner_text())[:2])
        assert len(mine & set(mined.image[unit].tolist())) == count


def test_the_distribution_of_its_maxima_is_that_of_the_run(visit, gallery, mined):
    page = visit(gallery, f"{LAYER}#7")
    told = page.locator(".maxima title").all_text_contents()
    counts = [int(re.search(r"([\d,]+) image", text)[1].replace(",", "")) for text in told]
    found = mined.maxima[7].tolist()
    first, last = min(i for i, n in enumerate(found) if n), max(i for i, n in enumerate(found) if n)
    assert counts == found[first : last + 1]
    assert sum(counts) == 40


def test_from_the_overview_to_a_unit_and_back_by_keyboard(visit, gallery):
    page = visit(gallery)
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the content"
    page.keyboard.press("Enter")
    for _ in range(30):
        page.keyboard.press("Tab")
        if focused(page) == "layer2":
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/layer2.html")
    settle(page)
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.type") == "search"
    for _ in range(8):
        page.keyboard.press("Tab")
        if page.evaluate("!!document.activeElement.closest('.tile')"):
            break
    across = page.evaluate("""(() => { const tiles = [...document.querySelectorAll(".tile")]
        return tiles.filter(tile => tile.offsetTop === tiles[0].offsetTop).length })()""")
    for key, unit in [
        ("ArrowRight", 1),
        ("ArrowDown", 1 + across),
        ("ArrowLeft", across),
        ("End", 63),
        ("Home", 0),
    ]:
        page.keyboard.press(key)
        assert page.evaluate("Number(document.activeElement.closest('.tile').dataset.unit)") == unit
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.get_by_role("heading", name="Unit 1", exact=True).is_visible()
    assert focused(page) == "Unit 1"
    assert page.title().startswith("Unit 1, layer2")
    page.keyboard.press("ArrowRight")
    page.get_by_role("heading", name="Unit 2", exact=True).wait_for()
    page.keyboard.press("Escape")
    assert page.evaluate("Number(document.activeElement.closest('.tile').dataset.unit)") == 2
    assert not page.title().startswith("Unit")
    for place in ("layer2.html#2", "layer2.html#1", "layer2.html", "index.html*"):
        page.go_back()
        page.wait_for_url(f"**/{place}")


def test_any_page_is_found_by_typing(visit, gallery):
    page = visit(gallery)
    field = page.get_by_role("searchbox", name="Find a page, layer or unit")
    field.press_sequentially("layer2 12")
    links = page.locator(".found a")
    assert [link for link in links.all_inner_texts() if "unit 12" in link] == ["features · layer2, unit 12"]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{LAYER}#12")
    assert page.get_by_role("heading", name="Unit 12").is_visible()
    field = page.get_by_role("searchbox", name="Find a page, layer or unit")
    field.fill("nothing like it")
    assert "Nothing is called so" in page.locator(".found").inner_text()
    page.keyboard.press("Escape")
    assert not page.locator(".found").is_visible()


def test_what_is_linked_from_the_network_is_the_layer(visit, gallery):
    page = visit(gallery, "networks/net.html", size=PHONE)
    link = page.get_by_role("row", name=re.compile(r"^layer2 \w+ Sequential")).get_by_role("link").first
    box = link.bounding_box()
    assert box["x"] + box["width"] <= PHONE[0]  # nobody has to scroll sideways for it
    link.click()
    settle(page)
    assert page.get_by_role("heading", name="layer2").is_visible()


def test_data_are_scripts_that_only_hand_them_over(gallery):
    for file in (*gallery.glob("steps/*/*.js"), gallery / "assets" / "pages.js"):
        assert re.fullmatch(
            r'gallery\.put\("[^"\n]*", ?[\[{].*[\]}]\);?\n?', read_text(file, 10**7), re.DOTALL
        )
