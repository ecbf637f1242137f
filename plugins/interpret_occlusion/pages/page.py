"""The page of occlusion: a sheet for each photograph, and before several an overview of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from interpret.plugin import Page, PageContext, Photo, Sheet
from interpret_figures import display
from interpret_figures.pairs import picture_size
from interpret_gallery import Link, Picture, Table, render, save_picture, table, write_window
from interpret_occlusion.pages.maps import at_a_glance, ends, fill_colour, outcome, window_maps
from interpret_occlusion.pages.units import units_of
from interpret_occlusion.renderers.places import lowest_place
from interpret_occlusion.renderers.text import asked, kind_note, occluder
from interpret_occlusion.results import OcclusionMaps, Sweep

PACKAGE, ARROW = "interpret_occlusion", "\N{RIGHTWARDS ARROW}"


class OcclusionPage(Page[OcclusionMaps]):
    """A photograph under an occluder that moves: what the network answers with it there (Figure 7)."""

    name: ClassVar[str] = "occlusion"

    def compose(self, result: OcclusionMaps, context: PageContext) -> Iterable[Sheet]:
        """An overview of the photographs, and a sheet for each; of a single one that sheet alone."""
        places = range(len(result))
        names = [f"photograph-{place + 1}" for place in places] if len(result) > 1 else [""]
        sheets = [image_sheet(result, place, context, names[place]) for place in places]
        return [overview(result, context, sheets), *sheets] if len(sheets) > 1 else sheets


def overview(result: OcclusionMaps, context: PageContext, sheets: list[Sheet]) -> Sheet:
    """All photographs at a glance, and their numbers as a table."""
    items, rows = [], []
    for place, (maps, sheet) in enumerate(zip(result.maps, sheets, strict=True)):
        photo, url = context.photo(int(result.image[place]), result), context.sheet_url(sheet.name)
        name, (before, after) = asked(maps, result.categories), ends(maps)
        picture = Picture(sheet.cover, picture_size(*maps.size))
        alt = f"{photo.alt}; in red what counts for {name}, in blue what counts against it"
        items.append((url, picture, alt, name, f"{before} {ARROW} {after}"))
        rows.append(
            [
                Link(photo.name, url),
                photo.category or None,
                name,
                maps.unoccluded_value,
                float(maps.value.min()),
            ]
        )
    what = "probability" if result.maps[0].has_probability else "output"
    columns = ["photograph", "category", "asked about", f"{what} uncovered", f"lowest {what}"]
    body = render(
        PACKAGE,
        "overview.html",
        items=items,
        what=what,
        occluder=occluder(result.maps[0]),
        warnings=result.warnings(),
        matching=result.matching,
        table=table(Table(columns, rows, "What covering did to each photograph")),
    )
    return Sheet(f"{len(sheets)} photographs, covered part by part", body, cover=sheets[0].cover)


def image_sheet(result: OcclusionMaps, place: int, context: PageContext, name: str) -> Sheet:
    """One photograph under the occluder, the main numbers, and what the followed units look for."""
    maps, index, key = result.maps[place], int(result.image[place]), f"window {place + 1}"
    photo, lowest = context.photo(index, result), lowest_place(maps)
    pixels, target = context.pixels(index, result), asked(maps, result.categories)
    script = write_window(
        context,
        key,
        photo,
        window_maps(maps, result.categories),
        rows=maps.rows.tolist(),
        columns=maps.columns.tolist(),
        window=maps.window,
        start=lowest,
        fill=fill_colour(result, maps, pixels),
    )
    glance = save_picture(context, f"glance {place + 1}", at_a_glance(maps, pixels))
    body = render(
        PACKAGE,
        "image.html",
        key=key,
        facts=facts(maps, photo, target, lowest),
        notes=f"{display.channel_note(result.input, maps.channels)}{kind_note(maps)}".strip(),
        units=units_of(result, place, context),
        warnings=result.warnings() if len(result) == 1 else (),
        matching=result.matching if len(result) == 1 else "",
    )
    return Sheet(
        f"{photo.name}: {target}",
        body,
        name=name,
        summary=outcome(maps, target, lowest),
        image=index,
        cover=glance.url,
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
        "lowest with the occluder on": f"rows {top} to {top + height - 1}, "
        f"columns {left} to {left + width - 1}",
        "covered by": occluder(maps).removeprefix("occluder "),
    }
