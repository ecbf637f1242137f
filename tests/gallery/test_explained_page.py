"""The page of ``interpret explain`` in a real browser: both widths and themes, nothing hides or overflows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browsing import DESKTOP, PHONE, overflow, violations

from interpret.plugin import registry
from interpret.run import export_runs, run_pipeline

ASKED = {
    "version": 1,
    "models": {"net": {"name": "zfnet", "weights": "scenes"}},
    "datasets": {"photographs": {"name": "scenes", "limit": 2}},
    "steps": {"predict": {"probe": "predict"}, "strongest": {"probe": "strongest"}},
}


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("explained") / "run"
    run_pipeline(ASKED, out=run)
    exporter = registry().exporters["gallery"](layout="page", title="Two scenes")
    return export_runs([run], exporter, run / "page").folder


@pytest.mark.parametrize(("size", "theme"), [(DESKTOP, "light"), (PHONE, "dark")])
def test_the_page_is_whole_at_both_widths(
    explained: Path, visit: Callable[..., Any], size: Any, theme: str
) -> None:
    page = visit(explained, size=size, theme=theme)
    assert not overflow(page)
    assert not violations(page)
    assert page.locator(".photograph").count() == 2
    for photo in page.locator(".photograph").all():
        assert photo.locator("tbody tr").count() == 5
        assert photo.locator("svg image").count() == 4 * 6
        for cell in photo.locator("svg:has(image)").all():
            box = cell.bounding_box()
            assert box["width"] > 40
            assert abs(box["width"] / box["height"] - 260 / 128) < 0.1
