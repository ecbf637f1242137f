"""The browser sees what it should: each thing that a page must not do is done once, and found."""

from __future__ import annotations

import pytest
from browsing import DESKTOP, PHONE, address, find_browser, opened, overflow, settle, violations

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>A page</title><link rel="stylesheet" href="style.css"><main><h1>A page</h1>{}</main></html>"""
PIXEL = b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
STYLE = """body { color: #111; background: #fff } main { max-width: 100% } .no { display: none }
@media (prefers-color-scheme: dark) { body { color: #eee; background: #111 } }
@media print { .screen { display: none } }"""


@pytest.fixture
def site(tmp_path):
    """Write a page with something in it, and give its folder, whose name is none that addresses like."""
    folder = tmp_path / "a site, 100 % #1"
    folder.mkdir()
    (folder / "style.css").write_text(STYLE)

    def write(body=""):
        (folder / "index.html").write_text(PAGE.format(body))
        return folder

    return write


def problems_of(browser, home, place="index.html", act=lambda page: None):
    with opened(browser, home) as (page, watch):
        page.goto(address(home, place))
        settle(page)
        act(page)
        settle(page)
        return watch.problems


MISDEEDS = {
    "console.error('no')": "console error: no",
    "console.warn('hm')": "console warning: hm",
    "throw new Error('thrown')": "error: thrown",
    "Promise.reject(new Error('later'))": "error: later",
    "alert(1)": "dialog: 1",
}


def test_what_a_script_does_is_seen(browser, site):
    scripts = "".join(f"<script>{script}</script>" for script in ["console.log('fine')", *MISDEEDS])
    assert sorted(problems_of(browser, site(scripts))) == sorted(MISDEEDS.values())


OUTSIDE = {
    '<img alt="" src="../out.png">': "/out.png",
    '<img alt="" src="%2e%2e/out2.png">': "/out2.png",
    '<img alt="" src="https://example.com/a.png">': "https://example.com/a.png",
    '<script src="//cdn.example.com/a.js"></script>': "//cdn.example.com/a.js",
    '<link rel="stylesheet" href="https://fonts.example.com/a.css">': "https://fonts.example.com/a.css",
    '<p style="background: url(http://example.com/b.png)">x</p>': "http://example.com/b.png",
    "<script>fetch('http://127.0.0.1:9/x').catch(() => 0)</script>": "http://127.0.0.1:9/x",
}


def test_what_leads_outside_is_seen(browser, site):
    folder = site("".join(OUTSIDE))
    (folder.parent / "out.png").write_bytes(PIXEL)
    seen = [line for line in problems_of(browser, folder) if line.startswith("outside: ")]
    assert all(any(line.endswith(url) for line in seen) for url in OUTSIDE.values()), seen
    assert len(seen) == len(OUTSIDE)


def test_what_is_missing_is_seen(browser, site):
    first, *_ = problems_of(browser, site('<img alt="" src="gone.png">'))
    assert first.startswith("failed: ")
    assert first.endswith("gone.png net::ERR_FILE_NOT_FOUND")


def test_what_a_page_makes_itself_is_inside(browser, site):
    data = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
    assert problems_of(browser, site(f'<img alt="" src="{data}"><a href="#x" id="x">x</a>')) == []


def test_a_link_that_leads_outside_is_seen_when_it_is_followed(browser, site):
    folder = site('<a href="../other.html">other</a>')
    (folder.parent / "other.html").write_text(PAGE.format(""))
    assert "outside: " in "\n".join(problems_of(browser, folder, act=lambda page: page.click("a")))


def test_a_page_that_does_nothing_wrong_passes(visit, site):
    page = visit(site("<p>text</p>"), "index.html?q=a b#here")
    assert page.title() == "A page"
    assert violations(page) == []


SERIOUS = {
    "image-alt": '<img src="a.gif">',
    "color-contrast": '<p style="color: #bbb">pale</p>',
    "button-name": "<button></button>",
    "label": '<input type="text">',
    "link-name": '<a href="index.html"></a>',
}


def test_axe_finds_what_is_serious(browser, site):
    folder = site("".join(SERIOUS.values()))
    (folder / "a.gif").write_bytes(PIXEL)
    with opened(browser, folder) as (page, watch):
        page.goto(address(folder))
        assert sorted(line.split()[0] for line in violations(page)) == sorted(SERIOUS)
        assert watch.problems == []


@pytest.mark.parametrize(("theme", "color"), [("light", "rgb(17, 17, 17)"), ("dark", "rgb(238, 238, 238)")])
def test_themes(visit, site, theme, color):
    page = visit(site(), theme=theme)
    assert page.evaluate("getComputedStyle(document.body).color") == color


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_windows(visit, site, size):
    page = visit(site('<div style="width: 1000px; background: #ccc">wide</div>'), size=size)
    assert page.evaluate("innerWidth") >= size[0]
    assert (overflow(page) > 0) == (size == PHONE)
    assert page.evaluate("matchMedia('(pointer: coarse)').matches") == (size == PHONE)


def test_print(visit, site):
    page = visit(site('<p class="screen">not on paper</p>'))
    assert page.is_visible(".screen")
    page.emulate_media(media="print")
    assert not page.is_visible(".screen")
    assert page.pdf().startswith(b"%PDF-")


def test_a_browser_that_is_named_is_taken(monkeypatch, tmp_path):
    mine = tmp_path / "mine"
    mine.write_text("")
    mine.chmod(0o755)
    monkeypatch.setenv("INTERPRET_BROWSER", str(mine))
    assert find_browser() == str(mine)
    monkeypatch.setenv("INTERPRET_BROWSER", str(tmp_path / "gone"))
    assert find_browser() is None


@pytest.mark.parametrize("value", ["", "required"])
def test_the_first_browser_on_the_path_is_found(monkeypatch, tmp_path, value):
    (tmp_path / "google-chrome").write_text("")
    (tmp_path / "google-chrome").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("INTERPRET_BROWSER", value)
    assert find_browser() == str(tmp_path / "google-chrome")
