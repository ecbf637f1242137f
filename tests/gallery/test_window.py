"""The occluder on a photograph in a real browser: the values at its place are those of the run."""

from __future__ import annotations

import re

import pytest
from browsing import PHONE

import interpret

PAGE = "steps/where/photograph-1.html"


@pytest.fixture(scope="module")
def maps(scenes_run):
    """What the run holds of the first photograph."""
    return interpret.load_result(scenes_run / "where").maps[0]


def told(page):
    """What is read off: the occluder's place, and the values with it there and without it."""
    rows = page.locator(".readout tbody tr").all_inner_texts()
    place = page.locator(".readout p").inner_text()
    return [int(found) for found in re.findall(r"\d+", place)], [row.split("\t")[1:] for row in rows]


def at(page, row, column):
    """The middle of the occluder at a place, in pixels of the window."""
    box = page.locator(".stage").bounding_box()
    return (box["x"] + (column + 12) * box["width"] / 96, box["y"] + (row + 12) * box["height"] / 96)


def expected(maps, row, column):
    return [
        f"{float(maps.probability[row, column]):.2g}",
        f"{float(maps.unoccluded.softmax(0)[maps.target]):.2g}",
    ]


@pytest.mark.parametrize("size", [(1280, 800), PHONE])
def test_the_pointer_moves_the_occluder(visit, gallery, maps, size):
    page = visit(gallery, PAGE, size=size)
    page.locator(".stage").scroll_into_view_if_needed()
    for row, column in [(0, 0), (3, 2), (len(maps.rows) - 1, len(maps.columns) - 1)]:
        y, x = int(maps.rows[row]), int(maps.columns[column])
        page.mouse.move(*at(page, y, x))
        place, (chance, label) = told(page)
        assert place == [y, x]
        assert [float(value) for value in chance] == [float(value) for value in expected(maps, row, column)]
        categories = ["face", "cat", "fish", "bird", "butterfly", "flower", "car", "bicycle", "boat", "house"]
        assert label == [categories[maps.label[row, column]], categories[maps.unoccluded.argmax()]]
        assert page.locator(".stage rect").first.get_attribute("x") == str(x)


def test_so_do_the_arrow_keys(visit, gallery, maps):
    page = visit(gallery, PAGE)
    page.mouse.move(*at(page, 0, 0))
    page.locator(".stage").focus()
    for key, place in [
        ("ArrowRight", (0, 1)),
        ("ArrowDown", (1, 1)),
        ("ArrowUp", (0, 1)),
        ("ArrowUp", (0, 1)),
    ]:
        page.keyboard.press(key)
        row, column = place
        assert told(page)[0] == [int(maps.rows[row]), int(maps.columns[column])]


def test_another_map_over_the_photograph(visit, gallery):
    page = visit(gallery, PAGE)
    heat = page.locator(".stage img").nth(1)
    before = heat.get_attribute("src")
    page.get_by_role("button", name="most probable category").click()
    assert heat.get_attribute("src") != before
    assert page.get_by_role("button", name="most probable category").get_attribute("aria-pressed") == "true"
    assert "fish" in page.locator(".scale").first.inner_text()
    page.get_by_role("slider").fill("0")
    assert heat.evaluate("node => getComputedStyle(node).opacity") == "0"


def test_the_table_of_photographs_sorts(visit, gallery):
    page = visit(gallery, "steps/where/index.html")
    table = page.locator("table").first
    head = table.get_by_role("columnheader").filter(has_text="lowest").first
    place = head.evaluate("node => node.cellIndex")
    cells = f"[...document.querySelectorAll('tbody tr')].map(row => Number(row.cells[{place}].dataset.key))"
    for direction, sign in [("descending", -1), ("ascending", 1)]:
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") == direction
        found = page.evaluate(cells)
        assert len(found) == 2
        assert found == sorted(found, key=lambda value: sign * value)
