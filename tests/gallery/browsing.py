"""Pages in a real browser: Chromium with whatever a page does watched, and axe to judge it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

Theme = Literal["light", "dark"]
DESKTOP, PHONE = (1280, 800), (390, 844)
"""Widths and heights of windows, in CSS pixels."""

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
ARGUMENTS = (
    "--no-sandbox",  # root has none
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # no name leads out of this machine
)
AXE = Path(__file__).parent / "axe" / "axe.min.js"
RUN_AXE = """async (only) => (await axe.run({preload: false, resultTypes: ["violations"]})).violations
    .filter(found => only.includes(found.impact))
    .flatMap(found => found.nodes.map(node =>
        `${found.id} (${found.impact}): ${node.target.join(" ")}: ${node.failureSummary}`))"""
WITHIN = frozenset({"data", "blob", "about"})
"""Schemes of what a page makes itself."""


def find_browser() -> str | None:
    """The program: what ``INTERPRET_BROWSER`` names, else the first Chromium or Chrome that is installed."""
    named = os.environ.get("INTERPRET_BROWSER", "").removeprefix("required")
    names = [named] if named else NAMES
    return next(filter(None, map(shutil.which, names)), None)


@contextmanager
def chromium(program: str) -> Iterator[Any]:
    """The browser, without a window, until the end of the block; see `opened` for its pages."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where there is a browser

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


class Watch:
    """What goes wrong on a page, and where it sends requests.

    Args:
        page: A page of Playwright's, before it goes anywhere.
        home: What the page may ask for: a folder, or the address of a server (``http://127.0.0.1:8000``).
    """

    def __init__(self, page: Any, home: Path | str) -> None:
        self.home = home.resolve() if isinstance(home, Path) else home.rstrip("/")
        self.problems: list[str] = []
        self.requests: list[str] = []
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("request", self._asked)
        page.on("requestfailed", lambda asked: self.problems.append(f"failed: {asked.url} {asked.failure}"))
        page.on("response", self._answered)
        page.on("crash", lambda _: self.problems.append("the page has crashed"))
        page.on("dialog", self._opened)

    def _said(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.problems.append(f"console {message.type}: {message.text}")

    def _asked(self, request: Any) -> None:
        self.requests.append(request.url)
        if not self.is_home(request.url):
            self.problems.append(f"outside: {request.url}")

    def _answered(self, response: Any) -> None:
        if response.status >= 400:
            self.problems.append(f"status {response.status}: {response.url}")

    def _opened(self, dialog: Any) -> None:
        """``alert(1)`` of a name that has run."""
        self.problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def is_home(self, url: str) -> bool:
        """Whether an address is of the page's own folder or server."""
        parts = urlsplit(url)
        if parts.scheme in WITHIN:
            return True
        if isinstance(self.home, str):
            return f"{parts.scheme}://{parts.netloc}" == self.home
        path = Path(os.path.normpath(unquote(parts.path)))
        return parts.scheme == "file" and not parts.netloc and path.is_relative_to(self.home)


@contextmanager
def opened(
    browser: Any,
    home: Path | str,
    *,
    size: tuple[int, int] = DESKTOP,
    theme: Theme = "light",
    **options: Any,
) -> Iterator[tuple[Any, Watch]]:
    """An empty page and who watches it, in a context of its own.

    Args:
        browser: As `chromium` gives it.
        home: The folder of a site, or the address of its server.
        size: Width and height of the window, in CSS pixels; `PHONE` has a touch screen.
        theme: What the reader's system asks for.
        options: Of Playwright's ``new_context``.
    """
    phone = {"has_touch": True, "is_mobile": True, "device_scale_factor": 2} if size == PHONE else {}
    given = {**phone, "reduced_motion": "reduce", **options}
    viewport = {"width": size[0], "height": size[1]}
    with browser.new_context(viewport=viewport, color_scheme=theme, **given) as context:
        page = context.new_page()
        page.set_default_timeout(20_000)  # of a busy machine; nothing waits that long unless it fails
        yield page, Watch(page, home)


def address(home: Path | str, place: str = "index.html") -> str:
    """Where a page of a site is; ``place`` may end in ``?…`` or ``#…``."""
    if isinstance(home, str):
        return f"{home.rstrip('/')}/{place}"
    file, sign, rest = _split(place)
    return (home.resolve() / file).as_uri() + sign + rest


def _split(place: str) -> tuple[str, str, str]:
    at = min((place.index(sign) for sign in "?#" if sign in place), default=len(place))
    return place[:at], place[at : at + 1], place[at + 1 :]


def settle(page: Any) -> None:
    """Wait until a page has loaded, decoded its images and drawn them, and said what it had to say."""
    page.wait_for_load_state("load")
    page.wait_for_function(
        """async () => {
        const seen = [...document.images].filter(image => image.loading !== "lazy" || image.complete)
        await Promise.all(seen.map(image => image.decode().catch(() => 0)))
        await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))
        return true
    }"""
    )


@cache
def _axe() -> str:
    return AXE.read_text("utf-8")


def violations(page: Any, impacts: tuple[str, ...] = ("serious", "critical")) -> list[str]:
    """What axe finds wrong with a page as it stands: rule, element and cure, one line or more for each."""
    page.evaluate(_axe())
    return list(page.evaluate(RUN_AXE, list(impacts)))


def overflow(page: Any) -> int:
    """By how many pixels a page is wider than its window: people would have to scroll sideways."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
