"""Every page of a site as people see it: ``python tests/gallery/screenshots.py SITE OUT [PATTERN ...]``.

Each page at both widths and in both themes, as PNG; patterns such as ``steps/*/*.html`` choose some.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from browsing import DESKTOP, PHONE, Theme, address, chromium, find_browser, opened, overflow, settle

TALLEST = 2400
"""CSS pixels of a page that are drawn."""


def main(site: Path, out: Path, *patterns: str) -> None:
    """Draw the pages, and say what is wrong with them."""
    program = find_browser()
    if program is None:
        sys.exit("There is no Chromium: make browser")
    out.mkdir(parents=True, exist_ok=True)
    with chromium(program) as browser:
        for size, theme in product((DESKTOP, PHONE), ("light", "dark")):
            for line in shoot(browser, site, out, patterns or ("**/*.html",), size, theme):
                print(line)


def shoot(  # noqa: PLR0917 - a private script's
    browser: Any, site: Path, out: Path, patterns: tuple[str, ...], size: tuple[int, int], theme: Theme
) -> Iterator[str]:
    """Draw the pages in one window; gives the problems of each."""
    for path in sorted({path for pattern in patterns for path in site.glob(pattern)}):
        place = path.relative_to(site).as_posix()
        with opened(browser, site, size=size, theme=theme) as (page, watch):
            page.goto(address(site, place))
            settle(page)
            width, height = page.evaluate(
                "[document.documentElement.clientWidth, document.body.scrollHeight]"
            )
            name = f"{place.removesuffix('.html').replace('/', '-')}-{size[0]}-{theme}.png"
            clip = {"x": 0, "y": 0, "width": width, "height": min(max(height, size[1]), TALLEST)}
            page.evaluate("dispatchEvent(new Event('beforeprint'))")  # draws what is below the window
            settle(page)
            page.screenshot(path=out / name, full_page=True, clip=clip)
            wide = [f"{overflow(page)} pixels too wide"] if overflow(page) > 0 else []
            yield from (f"{name}: {problem}" for problem in [*watch.problems, *wide])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
