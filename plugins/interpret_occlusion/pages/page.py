"""The page of occlusion: a sheet for each photograph, and before several an overview of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import ClassVar, TypeAlias

import numpy as np
from jaxtyping import UInt8

from interpret.plugin import Page, PageContext, Photo, Sheet
from interpret_figures import display
from interpret_gallery import (
    Cell,
    Glance,
    Link,
    Picture,
    Table,
    photograph_names,
    photograph_sheets,
    photographs_beside,
    render,
    save_picture,
    strip,
    table,
    write_window,
)
from interpret_occlusion.pages.maps import at_a_glance, ends, fill_colour, outcome, window_maps
from interpret_occlusion.pages.units import units_of
from interpret_occlusion.renderers.places import lowest_place
from interpret_occlusion.renderers.text import asked, kind_note, occluder
from interpret_occlusion.results import OcclusionMaps, Sweep

PACKAGE, ARROW = "interpret_occlusion", "\N{RIGHTWARDS ARROW}"

Thumbnail: TypeAlias = tuple[str, Picture, str, str, str]
"""A photograph of the overview: its page, a picture of it, what is seen on it, and two lines of text."""


class OcclusionPage(Page[OcclusionMaps]):
    """A photograph under an occluder that moves: what the network answers with it there (Figure 7)."""

    name: ClassVar[str] = "occlusion"

    def compose(self, result: OcclusionMaps, context: PageContext) -> Iterable[Sheet]:
        """An overview of the photographs, and a sheet for each; of a single one that sheet alone."""
        sheet, front = partial(image_sheet, result, context), partial(overview, result, context)
        return photograph_sheets(len(result), context, sheet, front)

    def compare(self, results: Sequence[tuple[OcclusionMaps, PageContext]]) -> Iterable[Sheet]:
        """Photographs that several steps covered, beside each other."""
        found = [
            Glance(
                context,
                result.ids[str(int(result.image[place]))],
                name,
                partial(glance, result, place, context),
                "in red what counts, in blue what counts against it",
                asked(result.maps[place], result.categories),
                f" {ARROW} ".join(ends(result.maps[place])),
            )
            for result, context in results
            for place, name in enumerate(photograph_names(len(result)))
        ]
        contexts = [context for _, context in results]
        return photographs_beside("Occlusion side by side", contexts, found)


def overview(result: OcclusionMaps, context: PageContext, names: Sequence[str]) -> Sheet:
    """All photographs at a glance, and their numbers as a table."""
    what = "probability" if result.maps[0].has_probability else "output"
    entries = [_entry(result, place, context, name) for place, name in enumerate(names)]
    columns = ["photograph", "category", "asked about", f"{what} uncovered", f"lowest {what}"]
    body = render(
        PACKAGE,
        "overview.html",
        items=[item for item, _ in entries],
        what=what,
        occluder=occluder(result.maps[0]),
        warnings=result.warnings(),
        matching=result.matching,
        table=table(Table(columns, [row for _, row in entries], "What covering did to each photograph")),
    )
    cover = save_picture(context, "cover", strip([glance(result, place, context) for place in (0, 1)]))
    return Sheet(f"{len(names)} photographs, covered part by part", body, cover=cover.url)


def _entry(
    result: OcclusionMaps, place: int, context: PageContext, name: str
) -> tuple[Thumbnail, Sequence[Cell]]:
    """One photograph of the overview: its picture, and its row of the table."""
    maps, photo = result.maps[place], context.photo(int(result.image[place]), result)
    picture = save_picture(context, f"glance {place + 1}", glance(result, place, context))
    target, url, (before, after) = asked(maps, result.categories), context.sheet_url(name), ends(maps)
    alt = f"{photo.alt}; in red what counts for {target}, in blue what counts against it"
    numbers = (maps.unoccluded_value, float(maps.value.min()))
    return (
        (url, picture, alt, target, f"{before} {ARROW} {after}"),
        [Link(photo.name, url), photo.category or None, target, *numbers],
    )


def glance(result: OcclusionMaps, place: int, context: PageContext) -> UInt8[np.ndarray, "h w 3"]:
    """One photograph under what covering it does."""
    return at_a_glance(result.maps[place], context.pixels(int(result.image[place]), result))


def cover_of(result: OcclusionMaps, context: PageContext) -> str:
    """The picture that stands for a single photograph: itself, and beside it what covering it does."""
    pixels = context.pixels(int(result.image[0]), result)
    pictures = [glance(result, 0, context)] if pixels is None else [pixels, glance(result, 0, context)]
    return save_picture(context, "cover", strip(pictures)).url


def image_sheet(result: OcclusionMaps, context: PageContext, place: int, name: str) -> Sheet:
    """One photograph under the occluder, the main numbers, and what the followed units look for."""
    maps, index, key = result.maps[place], int(result.image[place]), f"{context.step} {place + 1}"
    photo, lowest = context.photo(index, result), lowest_place(maps)
    pixels, target = context.pixels(index, result), asked(maps, result.categories)
    tells = (context.one_page and not place) or not name  # what an overview would say
    script = write_window(
        context,
        key,
        photo,
        window_maps(maps, result.categories, pixels),
        rows=maps.rows.tolist(),
        columns=maps.columns.tolist(),
        window=maps.window,
        start=lowest,
        fill=fill_colour(result, maps, pixels),
    )
    body = render(
        PACKAGE,
        "image.html",
        key=key,
        facts=facts(maps, photo, target, lowest),
        notes=f"{display.channel_note(result.input, maps.channels)}{kind_note(maps)}".strip(),
        units=units_of(result, place, context),
        warnings=result.warnings() if tells else (),
        matching=result.matching if tells else "",
    )
    return Sheet(
        f"Occlusion: {target}" if context.one_page else f"Occlusion: {target} in {photo.name}",
        body,
        name=name,
        summary=outcome(maps, target, lowest),
        image=index,
        cover="" if name else cover_of(result, context),
        scripts=(script,),
    )


def facts(maps: Sweep, photo: Photo, target: str, lowest: tuple[int, int]) -> Mapping[str, str]:
    """The main numbers of one photograph."""
    what, (before, after) = "probability" if maps.has_probability else "output", ends(maps)
    top, left = int(maps.rows[lowest[0]]), int(maps.columns[lowest[1]])
    height, width = maps.window
    return {
        "asked about": target,
        **({"category": photo.category} if photo.category not in {"", target} else {}),
        f"{what} uncovered": before,
        f"lowest {what}": after,
        "lowest where": f"rows {top} to {top + height - 1}, columns {left} to {left + width - 1}",
        "covered by": occluder(maps).removeprefix("occluder "),
    }
