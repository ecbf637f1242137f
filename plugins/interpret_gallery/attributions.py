"""The page of attributions, from whichever probe they come: what counts where, over the photograph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import ClassVar

import numpy as np
from jaxtyping import UInt8

from interpret.attributions import Attributions
from interpret.plugin import Page, PageContext, Photo, Sheet
from interpret_figures import colours, display
from interpret_figures.pairs import picture_size
from interpret_figures.text import number
from interpret_gallery.beside import Glance, photograph_names, photograph_sheets, photographs_beside
from interpret_gallery.data import Picture, save_picture, strip
from interpret_gallery.overlays import OverlayMap, write_overlay
from interpret_gallery.tables import Cell, Link, Table, table
from interpret_gallery.templates import render

__all__ = ["AttributionsPage", "glance", "heat_map", "signed_map"]

PERCENTILE = 99.5
"""Of a map's magnitudes that gets full colour, as in the figures."""


class AttributionsPage(Page[Attributions]):
    """What counts in each photograph for what was asked about: a heat map over it, and the signed values."""

    name: ClassVar[str] = "attributions"

    def compose(self, result: Attributions, context: PageContext) -> Iterable[Sheet]:
        """An overview of the photographs, and a sheet for each; of a single one that sheet alone."""
        sheet, overview = partial(_image_sheet, result, context), partial(_overview, result, context)
        return photograph_sheets(len(result.maps), context, sheet, overview)

    def compare(self, results: Sequence[tuple[Attributions, PageContext]]) -> Iterable[Sheet]:
        """Photographs that several steps attribute, beside each other."""
        found = [
            Glance(
                context,
                result.ids[str(int(result.image[place]))],
                name,
                partial(glance, result, place, context),
                f"bright where it counts, by {result.method}",
                result.asked(place),
                f"by {result.method}",
            )
            for result, context in results
            for place, name in enumerate(photograph_names(len(result.maps)))
        ]
        contexts = [context for _, context in results]
        return photographs_beside("Attributions side by side", contexts, found)


def _overview(result: Attributions, context: PageContext, names: Sequence[str]) -> Sheet:
    """All photographs under their heat maps, and what was asked about as a table."""
    entries = [_entry(result, place, context, name) for place, name in enumerate(names)]
    columns = ["photograph", "category", "asked about", "its value"]
    body = render(
        "interpret_gallery",
        "attributions.html",
        items=[item for item, _ in entries],
        result=result,
        table=table(Table(columns, [row for _, row in entries], "What was asked about in each photograph")),
    )
    cover = save_picture(context, "cover", strip([glance(result, place, context) for place in (0, 1)]))
    summary = f"What counts in {len(names)} photographs."
    return Sheet(result.method, body, summary=summary, cover=cover.url)


def _entry(
    result: Attributions, place: int, context: PageContext, name: str
) -> tuple[tuple[str, Picture, str, str, str], Sequence[Cell]]:
    """One photograph of the overview: its picture, and its row of the table."""
    photo, question = context.photo(int(result.image[place]), result), result.asked(place)
    picture, url = (
        save_picture(context, f"glance {place + 1}", glance(result, place, context)),
        context.sheet_url(name),
    )
    alt = f"{photo.alt}; bright where it counts for {question}"
    row = [Link(photo.name, url), photo.category or None, question, float(result.score[place])]
    return (url, picture, alt, question, photo.name), row


def glance(result: Attributions, place: int, context: PageContext) -> UInt8[np.ndarray, "h w 3"]:
    """One photograph under its heat map."""
    return overlaid(heat_map(result, place, "").pixels, context.pixels(int(result.image[place]), result))


def _cover(result: Attributions, context: PageContext) -> str:
    """The picture that stands for a single photograph: itself, and beside it the same under its heat map."""
    pixels = context.pixels(int(result.image[0]), result)
    pictures = [glance(result, 0, context)] if pixels is None else [pixels, glance(result, 0, context)]
    return save_picture(context, "cover", strip(pictures)).url


def _image_sheet(result: Attributions, context: PageContext, place: int, name: str) -> Sheet:
    """One photograph under its map, which a person fades."""
    index, key = int(result.image[place]), f"{context.step} {place + 1}"
    photo, question = context.photo(index, result), result.asked(place)
    maps = [heat_map(result, place, "heat map"), signed_map(result, place)]
    script = write_overlay(context, key, photo, maps)
    body = render(
        "interpret_gallery",
        "attribution.html",
        key=key,
        facts=_facts(result, place, photo),
        notes=display.channel_note(result.input, result.maps.shape[1]).strip(),
        result=result,
        alone=(context.one_page and not place) or not name,  # there is no overview that says the rest
    )
    return Sheet(
        f"{result.method}: {question}"
        if context.one_page
        else f"{result.method}: {question} in {photo.name}",
        body,
        name=name,
        summary=f"What counts for {question} in this photograph.",
        image=index,
        cover="" if name else _cover(result, context),
        scripts=(script,),
    )


def _facts(result: Attributions, place: int, photo: Photo) -> Mapping[str, str]:
    """The main numbers of one photograph."""
    question = result.asked(place)
    return {
        f"value of {question}": number(float(result.score[place])),
        **({"category": photo.category} if photo.category not in {"", question} else {}),
    }


def heat_map(result: Attributions, place: int, name: str, text: str = "") -> OverlayMap:
    """The magnitude of one image's map: the sum over its channels, from 0 to a percentile."""
    pixels, scale = colours.heat_map(result.maps[place], PERCENTILE)
    question = result.asked(place)
    return OverlayMap(
        name,
        display.resize(pixels[None], picture_size(*pixels.shape[:2]), smooth=True)[0],
        ("0", scale.bar(4, 128), number(scale.high)),
        f"Heat map of {result.method}: bright where a pixel counts for {question}",
        text,
        f"How much each pixel counts for {question}, whatever its sign; smoothed a little.",
    )


def signed_map(result: Attributions, place: int) -> OverlayMap:
    """The values of one image's map as they are: zero is mid-grey."""
    channels = display.shown_channels(result.input, result.maps.shape[1])
    values = result.maps[place : place + 1, channels].float()
    largest = display.magnitude(values, PERCENTILE)
    pixels = display.signed_pixels(values, largest).numpy()
    ramp = np.linspace(1, 255, 128).round().astype(np.uint8)
    low, high = number(-float(largest)), number(float(largest))
    question = result.asked(place)
    return OverlayMap(
        "signed values",
        display.resize(pixels, picture_size(*values.shape[2:]))[0],
        (low, np.broadcast_to(ramp[None, :, None], (4, 128, 3)), high),
        f"Signed values of {result.method}: light counts for {question}, dark against it",
        note=f"Light counts for {question}, dark against it; mid-grey is zero.",
    )


def overlaid(
    heat: UInt8[np.ndarray, "h w 3"], photograph: UInt8[np.ndarray, "ph pw 3"] | None
) -> UInt8[np.ndarray, "h w 3"]:
    """A photograph under a map; the map alone where there is none."""
    if photograph is None:
        return heat
    below = display.resize(photograph[None], (heat.shape[0], heat.shape[1]), smooth=True)[0]
    return colours.overlaid(heat, below)
