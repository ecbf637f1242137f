"""The units of any two layers beside each other, in a real browser: each side shows its own step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browsing import PHONE, overflow, settle, violations
from site_fixtures import run

from interpret.run import export_runs
from interpret_gallery import Gallery

STEPS = {
    "three": {"probe": "topk", "layers": ["layer1", "layer2"], "k": 3},
    "two": {"probe": "topk", "layers": ["layer1"], "k": 2},
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = run(tmp_path_factory.mktemp("beside") / "run", STEPS, {"name": "scenes", "limit": 4})
    return export_runs([out], Gallery()).folder


def compared(site: Path) -> str:
    (file,) = (site / "compare").iterdir()
    return file.relative_to(site).as_posix()


def test_each_side_has_the_units_of_its_step_and_leads_to_them(site: Path, visit: Callable[..., Any]) -> None:
    page = visit(site, compared(site))
    left, right = page.locator(".side-units").all()
    right.locator(".tile").nth(31).wait_for()
    assert [side.locator("select").first.input_value() for side in (left, right)] == [
        "three, layer1",
        "two, layer1",
    ]
    sheets = [
        side.locator(".sprite:not(.none)").first.evaluate("node => node.style.backgroundImage")
        for side in (left, right)
    ]
    assert ["steps/three/layer1" in sheets[0], "steps/two/layer1" in sheets[1]] == [True, True]
    left.locator("select").first.select_option("three, layer2")
    left.locator('.sprite[style*="three/layer2"]').first.wait_for()
    left.locator("select").first.select_option("two, layer1")
    left.locator('.sprite[style*="two/layer1"]').first.wait_for()
    right.locator(".tile a").nth(5).click()
    settle(page)
    assert page.url.endswith("steps/two/layer1.html#5")
    assert page.locator("main h2").first.inner_text() == "Unit 5"
    assert page.locator(".nine li").count() == 2


def test_both_sides_fit_a_phone(site: Path, visit: Callable[..., Any]) -> None:
    page = visit(site, compared(site), size=PHONE, theme="dark")
    page.locator(".side-units").nth(1).locator(".tile").nth(31).wait_for()
    assert overflow(page) <= 0
    assert violations(page) == []
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(node => node.id)")
    assert len(ids) == len(set(ids))
