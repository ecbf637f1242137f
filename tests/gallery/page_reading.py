"""What a page says, read as a browser would: elements, texts, and that nothing of a stranger runs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

HOSTILE = '"><script>alert(1)</script>\u202e<img src=x onerror=alert(1)>%2e%2e/{{ 7*7 }}'
"""A name as a stranger may give it."""


@dataclass
class Element:
    """An element with what is in it."""

    tag: str
    attributes: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text in it, with single spaces."""
        parts = [child if isinstance(child, str) else child.text for child in self.children]
        return re.sub(r"\s+", " ", " ".join(parts)).strip()

    def find(self, tag: str, **attributes: str) -> list[Element]:
        """The elements in it with this tag; ``class_`` is one of several classes."""
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        found = []
        for child in self.children:
            if isinstance(child, Element):
                if child.tag == tag and all(_has(child, name, value) for name, value in wanted.items()):
                    found.append(child)
                found += child.find(tag, **attributes)
        return found

    def rows(self) -> list[list[str]]:
        """The texts of the cells of a table, row by row."""
        return [[cell.text for cell in row.children if isinstance(cell, Element)] for row in self.find("tr")]


def _has(element: Element, name: str, value: str) -> bool:
    found = element.attributes.get(name)
    return found is not None and (value in found.split() if name == "class" else value == found)


class _Reader(HTMLParser):
    VOID = frozenset({"img", "input", "br", "meta", "link", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("page", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in self.VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"<{self.open[-1].tag}> is closed by </{tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def read_page(html: str) -> Element:
    """A body as a tree; it is whole, and has no script, style or handler of its own."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert len(reader.open) == 1, f"<{reader.open[-1].tag}> is not closed"
    page = reader.open[0]
    for element in _every(page):
        assert element.tag not in {"script", "style", "iframe", "object"}, element.tag
        bad = [name for name in element.attributes if name == "style" or name.startswith("on")]
        assert not bad, f"{element.tag} has {bad}"
    return page


def _every(element: Element) -> list[Element]:
    found = [element]
    for child in element.children:
        if isinstance(child, Element):
            found += _every(child)
    return found


def tables(page: Element) -> dict[str, list[list[str]]]:
    """The rows of each table that has a caption."""
    return {
        table.find("caption")[0].text: table.rows() for table in page.find("table") if table.find("caption")
    }


def charts(page: Element) -> dict[str, Element]:
    """The charts by their titles."""
    return {figure.find("figcaption")[0].text: figure for figure in page.find("figure", class_="chart")}


def told(chart: Element) -> list[tuple[str, str]]:
    """What a chart tells at the pointer: name and values of every place."""
    return [
        (group.attributes["data-name"], group.attributes["data-told"])
        for group in chart.find("g")
        if "data-told" in group.attributes
    ]
