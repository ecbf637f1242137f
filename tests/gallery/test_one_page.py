"""All steps on one page: each keeps its own data, addresses and heading, whatever another one is called."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from browsing import settle
from hand_context import context_of
from site_fixtures import Page, run
from squares import Squares
from test_attributions_page import attributions

from interpret.run import export_runs
from interpret_gallery import Gallery
from interpret_gallery.attributions import AttributionsPage

STEPS = {
    "predict": {"probe": "predict"},
    "three": {"probe": "topk", "layers": ["layer1"], "k": 3},
    "two": {"probe": "topk", "layers": ["layer1"], "k": 2},
    "where": {"probe": "occlusion", "images": [0, 1], "window": 48, "stride": 48, "target": "cat"},
    "there": {"probe": "occlusion", "images": [0], "window": 32, "stride": 64, "target": "cat"},
    "other": {"probe": "occlusion", "images": [0], "window": 48, "stride": 48, "target": "fish"},
    "saliency": {"probe": "captum.saliency", "images": [0], "target": "cat"},
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = run(tmp_path_factory.mktemp("one page") / "run", STEPS, {"name": "scenes", "limit": 3})
    return export_runs([out], Gallery(layout="page")).folder


def test_headings_name_what_was_asked_and_the_step_where_that_is_the_same(site: Path) -> None:
    html = (site / "index.html").read_text("utf-8")
    first, second, *_ = html.split('<section class="photograph"')[1:]
    assert re.findall(r"<h2><bdi>(.*?)</bdi></h2>", first)[:5] == [
        "Prediction",
        "Occlusion: cat (where)",
        "Occlusion: cat (there)",
        "Occlusion: fish",
        "captum.saliency: cat",
    ]
    assert "<h2><bdi>Occlusion: cat</bdi></h2>" in second
    assert Page(site / "index.html").missing() == []


@pytest.mark.parametrize("single", [True, False])
def test_what_an_overview_says_is_said_once(tmp_path: Path, single: bool) -> None:
    result = replace(attributions(4, 2), matching="Labels: matched by name.")
    context = context_of(tmp_path, Squares(), single=single)
    bodies = [sheet.body for sheet in AttributionsPage().compose(result, context)]
    assert [body.count(result.matching) for body in bodies] == ([1, 0] if single else [1, 0, 0])


def test_two_steps_with_the_same_layer_keep_their_units(site: Path, visit: Callable[..., Any]) -> None:
    page = visit(site)
    hosts = page.locator("[data-units]")
    assert hosts.count() == 2
    for host, k in ((hosts.nth(0), 3), (hosts.nth(1), 2)):
        host.locator(".tile a").nth(4).click()
        settle(page)
        assert host.locator("h2").inner_text() == "Unit 4"
        assert (
            0 <= host.locator("h2").bounding_box()["y"] < 400
        )  # where it was clicked, not at the top of all
        assert page.title().startswith("Unit 4, ")
        assert host.locator(".nine li").count() == k
        assert page.locator(".unit:visible").count() == 1  # the other one shows all of its units
        page.keyboard.press("ArrowRight")
        assert host.locator("h2").inner_text() == "Unit 5"
        page.keyboard.press("Escape")
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(node => node.id)")
    assert len(ids) == len(set(ids))


def test_each_occluder_has_its_own_places(site: Path, visit: Callable[..., Any]) -> None:
    page = visit(site)
    widths = page.evaluate(
        "[...document.querySelectorAll('.window .box')].map(node => node.getAttribute('width'))"
    )
    assert widths == ["48", "32", "48", "48"]
