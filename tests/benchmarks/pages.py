"""A layer of 1,024 units in a real browser: its first screen, and scrolling through it.

``python tests/benchmarks/pages.py SITE PAGE`` measures a page of a gallery that is there already.
"""

import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from table import Row

from interpret.plugin import registry
from interpret.run import export_runs, run_pipeline

sys.path.insert(0, str(Path(__file__).parents[1] / "gallery"))
from browsing import address, chromium, find_browser, opened

PIPELINE: dict[str, Any] = {
    "version": 1,
    "models": {"net": {"name": "zfnet", "categories": 10, "input_size": 96, "widths": {"3": 1024}}},
    "datasets": {"val": {"name": "scenes", "split": "val", "limit": 40}},
    "steps": {
        "strongest": {"probe": "topk", "layers": ["layer3"], "k": 9},
        "features": {"probe": "deconv", "inputs": {"exemplars": "strongest"}},
    },
}
REPEATS = 5
FRAME = 1 / 30
"""Seconds; what is slower is seen to jerk."""

WATCH = """(() => {
  const look = () => {
    const tiles = []
    for (const tile of document.querySelectorAll(".tile")) {
      if (tile.getBoundingClientRect().top > innerHeight) break
      tiles.push(tile.querySelector(".sprite:not(.none)"))
    }
    const sheets = tiles.filter(Boolean).map(node => node.style.backgroundImage.slice(5, -2))
    if (!sheets.length || !sheets.every(Boolean)) return requestAnimationFrame(look)
    const loaded = [...new Set(sheets)].map(url => Object.assign(new Image(), { src: url }).decode())
    Promise.all(loaded).then(() => requestAnimationFrame(() => requestAnimationFrame(() => {
      window.firstScreen = performance.now()
    })))
  }
  requestAnimationFrame(look)
})()"""
"""Notes when all tiles in sight are drawn, in milliseconds since the page was asked for."""

SCROLL = """() => new Promise(done => {
  const frames = []
  let before = null
  const step = now => {
    if (before !== null) frames.push(now - before)
    before = now
    const top = scrollY
    scrollBy(0, 120)
    if (scrollY > top) requestAnimationFrame(step)
    else done(frames)
  }
  requestAnimationFrame(step)
})"""
"""From the top to the end at 120 pixels a frame: how long each frame took, in milliseconds."""


CASES = ("layer",)


def measured(case: str) -> Iterator[Row]:
    """Two rows: the ratio is to the time that it may take."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder, "run")
        run_pipeline(PIPELINE, out=run)
        site = export_runs([run], registry().exporters["gallery"]()).folder
        yield from of_page(site, "steps/features/layer3.html")


def of_page(site: Path, place: str) -> Iterator[Row]:
    """The rows of one page."""
    program = find_browser()
    if program is None:
        print("There is no Chromium, so no page is measured: make browser", file=sys.stderr)
        return
    with chromium(program) as browser:
        found = [visit(browser, site, place) for _ in range(REPEATS + 1)][1:]  # the first starts the browser
    units = found[0][0]
    first = statistics.median(time for _, time, _ in found)
    frames = sorted(frame for _, _, times in found for frame in times)
    late = frames[round(0.95 * (len(frames) - 1))]
    what = f"gallery, a layer of {units:,} units"
    yield Row(f"{what}: first screen", "a second", first, 1.0, first, "<= 1", noisy=True)
    yield Row(
        f"{what}: 95 % of frames when scrolled", "a 30th", late, FRAME, late / FRAME, "<= 1", noisy=True
    )


def visit(browser: Any, site: Path, place: str) -> tuple[int, float, list[float]]:
    """How many units a page has, seconds until its first screen, and those of each frame of scrolling."""
    with opened(browser, site, reduced_motion="no-preference") as (page, _):
        page.set_default_timeout(60_000)
        page.add_init_script(WATCH)
        page.goto(address(site, place))
        page.wait_for_function("() => window.firstScreen")
        count = page.locator(".tile").count()
        first = page.evaluate("firstScreen") / 1000
        return count, first, [time / 1000 for time in page.evaluate(SCROLL)]


if __name__ == "__main__":
    from report import show

    show(of_page(Path(sys.argv[1]), sys.argv[2]) if len(sys.argv) > 2 else measured("layer"))
