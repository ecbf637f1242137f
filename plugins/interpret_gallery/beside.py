"""The same photographs in several steps, or in the same step of several runs, beside each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from interpret.plugin import PageContext, Sheet
from interpret_gallery.context import step_names
from interpret_gallery.data import Picture, save_picture
from interpret_gallery.templates import render

__all__ = ["Glance", "photograph_names", "photograph_sheets", "photographs_beside"]

MOST = 100
"""Photographs on a page: each is a picture for every step."""


@dataclass(frozen=True)
class Glance:
    """One photograph as one step shows it.

    Attributes:
        context: The step.
        photograph: The photograph's id.
        sheet: The name of its sheet.
        draw: Makes the picture.
        alt: What is seen on it.
        title: What was asked about.
        text: What was found, in a few words.
    """

    context: PageContext
    photograph: str
    sheet: str
    draw: Callable[[], UInt8[np.ndarray, "h w 3"]]
    alt: str
    title: str
    text: str = ""


def photograph_names(count: int) -> list[str]:
    """The names of the sheets of so many photographs; a single one is the first page of its step.

    Example:
        >>> photograph_names(2), photograph_names(1)
        (['photograph-1', 'photograph-2'], [''])
    """
    return [f"photograph-{place + 1}" for place in range(count)] if count > 1 else [""]


def photograph_sheets(
    count: int,
    context: PageContext,
    sheet: Callable[[int, str], Sheet],
    overview: Callable[[Sequence[str]], Sheet],
) -> list[Sheet]:
    """A sheet for each photograph, and before several an overview where they are pages of their own.

    Args:
        count: How many photographs.
        context: The step.
        sheet: Makes the sheet of a photograph, given its place and the name of the sheet.
        overview: Makes the overview, given the names of the sheets.
    """
    names = photograph_names(count)[:count]
    sheets = list(map(sheet, range(count), names))
    return sheets if count < 2 or context.one_page else [overview(names), *sheets]


def photographs_beside(title: str, contexts: Sequence[PageContext], found: Sequence[Glance]) -> list[Sheet]:
    """A page with every photograph that several steps show; none where there is no such photograph.

    Args:
        title: What the page is called.
        contexts: The steps.
        found: What each of them shows.
    """
    names = dict(zip(map(id, contexts), step_names(contexts), strict=True))
    photographs: dict[str, list[Glance]] = {}
    for one in found:
        photographs.setdefault(one.photograph, []).append(one)
    shared = [
        (name, group) for name, group in photographs.items() if len({id(one.context) for one in group}) > 1
    ]
    if not shared:
        return []
    rows = [
        (name, [_thumbnail(one, names[id(one.context)], f"{title} {place}") for one in group])
        for place, (name, group) in enumerate(shared[:MOST])
    ]
    body = render("interpret_gallery", "beside.html", rows=rows, hidden=len(shared) - len(rows))
    return [Sheet(title, body, name=title, summary=", ".join(names.values()))]


def _thumbnail(one: Glance, step: str, key: str) -> tuple[str, Picture, str, str, str]:
    """A picture that leads to the photograph's page in its step."""
    saved = save_picture(one.context, f"{key} {one.sheet}", one.draw())
    text = f"{one.title} {one.text}".strip()
    url = _compared_url(one.context, one.context.sheet_url(one.sheet))
    return url, Picture(_compared_url(one.context, saved.url), saved.size), f"{step}: {one.alt}", step, text


def _compared_url(context: PageContext, name: str) -> str:
    """The address of a file of a step, seen from the pages that show several steps."""
    return f"../{context.site_url(context.folder / name)}"
