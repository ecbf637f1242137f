"""The pages of the strongest units: what drives each, beside the part of the image in which it found it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
from jaxtyping import UInt8

from interpret.plugin import Page, PageContext, Sheet
from interpret_deconv import LayerProjections
from interpret_deconv.beyond import caption
from interpret_explain.cells import layer_cells
from interpret_explain.results import StrongestUnits
from interpret_figures import display
from interpret_figures.photographs import Photographs
from interpret_figures.text import number
from interpret_gallery import Picture, photographs, render, save_picture

ALONE = 24
"""So many images have a page."""

SIDE, BETWEEN = 128, 2
"""Pixels of a tile's side, and between the cells of a sprite."""


class StrongestPage(Page[StrongestUnits]):
    """For each image the strongest units of every layer, where each stands, and what drives it."""

    name: ClassVar[str] = "strongest_units"

    def compose(self, result: StrongestUnits, context: PageContext) -> Iterable[Sheet]:
        """A page for each of the first images; before several an overview of them."""
        read = photographs(context, result)
        places = sorted(map(int, result.ids))
        if len(places) > 1 and not context.one_page:
            yield _overview(result, places, context)
        for place in places[:ALONE]:
            yield _sheet(result, place, context, read, alone=len(places) == 1)


def _name(place: int) -> str:
    """What the page of an image is called."""
    return f"image {place}"


def _overview(result: StrongestUnits, places: Sequence[int], context: PageContext) -> Sheet:
    """The images that have a page."""
    photos = {place: context.photo(place, result) for place in places[:ALONE]}
    items = [
        (
            context.sheet_url(_name(place)),
            Picture(photo.url, photo.size),
            photo.alt,
            photo.name,
            photo.category,
        )
        for place, photo in photos.items()
    ]
    left = len(places) - len(photos)
    told = f" {left:,} more images have no page." if left else ""
    body = render("interpret_explain", "overview.html", items=items, warnings=result.warnings())
    return Sheet(
        "Strongest units", body, summary=f"The strongest units in each image.{told}", cover=items[0][1].url
    )


def _sheet(
    result: StrongestUnits, place: int, context: PageContext, read: Photographs, *, alone: bool
) -> Sheet:
    """The page of one image."""
    layers = [_layer(result, name, place, context, read) for name in result.layers]
    photo = context.photo(place, result)
    body = render(
        "interpret_explain",
        "strongest.html",
        photo=photo,
        layers=layers,
        rule=result.rule,
        channels=display.channel_note(result.input, len(result.input.mean)).strip(),
    )
    title = "Strongest units" if alone or context.one_page else f"Strongest units of {photo.name}"
    name = "" if alone else _name(place)
    told = "The units with the largest activations in this image, and what drives each there."
    return Sheet(title, body, name, told, image=place, cover=_cover(context, place, layers))


def _cover(context: PageContext, place: int, layers: list[dict[str, Any]]) -> str:
    """The address of a picture of the last layer's strongest unit; empty where no unit is positive."""
    cells = [layer["first"] for layer in layers if layer["first"] is not None]
    return save_picture(context, f"cover of image {place}", cells[-1]).url if cells else ""


def _layer(
    result: StrongestUnits, name: str, place: int, context: PageContext, read: Photographs
) -> dict[str, Any]:
    """What is shown of one layer in one image."""
    layer, projected = result.layers[name].of_images([place]), name not in result.notes
    cells = layer_cells(layer, result.input, read, side=SIDE, projected=projected)
    units = zip(layer.unit.tolist(), layer.value.tolist(), strict=True)
    return {
        "name": name,
        "units": [
            {"unit": unit, "value": number(value), "at": index * (SIDE + BETWEEN)}
            for index, (unit, value) in enumerate(units)
        ],
        "boxes": [box for box in layer.box.tolist() if box != [0, 0, *result.input.size]],
        "sprite": _sprite(context, f"{name} of image {place}", cells) if cells else None,
        "first": cells[0] if cells else None,
        "cell": cells[0].shape[:2] if cells else (SIDE, SIDE),
        "seen": _seen(layer, result),
        "note": result.notes.get(name, ""),
        "beyond": caption(result.nonlinearities.get(name, {})),
        "projected": projected,
    }


def _seen(layer: LayerProjections, result: StrongestUnits) -> str:
    """How much of the image each unit sees."""
    if not len(layer.box):
        return "No unit is positive in this image."
    rows, columns = (layer.box[0, 2:] - layer.box[0, :2]).tolist()
    if (rows, columns) == result.input.size:
        return "Each unit sees the whole image."
    return f"Each unit sees {rows} \N{MULTIPLICATION SIGN} {columns} pixels."


def _sprite(context: PageContext, name: str, cells: list[UInt8[np.ndarray, "h w 3"]]) -> Picture:
    """The cells one below the other in one picture, with a gap between them."""
    height, width = cells[0].shape[:2]
    sheet = np.full((len(cells) * (height + BETWEEN) - BETWEEN, width, 3), 255, np.uint8)
    for index, cell in enumerate(cells):
        sheet[index * (height + BETWEEN) :][:height] = cell
    return save_picture(context, name, sheet)
