"""The page of a correspondence: distances as charts with their tables, and the masked photographs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from markupsafe import Markup

from interpret.errors import DatasetError
from interpret.plugin import Page, PageContext, Sheet
from interpret_correspondence.distances import Zeros
from interpret_correspondence.renderers.figure import MaskedImages
from interpret_correspondence.renderers.table import caption, distances
from interpret_correspondence.renderers.text import RULES, pixels
from interpret_correspondence.results import Correspondence
from interpret_figures import display
from interpret_figures.grid import tile_size
from interpret_gallery import (
    Chart,
    Picture,
    Series,
    chart,
    from_file,
    photographs,
    render,
    save_picture,
    strip,
    table,
)

PACKAGE = "interpret_correspondence"

IMAGES, DRAWS = 5, 3
"""Photographs that are shown, and random masks of each, as in the figure."""

TILES = (96, 160)
"""Pixels of the longer side of a picture, at least and at most."""

Row = tuple[str, list[tuple[Picture | None, str, str]]]
"""A photograph: its id, and for each mask the picture, its title, and why there is none."""


class CorrespondencePage(Page[Correspondence]):
    """How alike a mask on the same part changes several photographs (Table 1 and Figure 8)."""

    name: ClassVar[str] = "correspondence"

    def compose(self, result: Correspondence, context: PageContext) -> Iterable[Sheet]:
        """One page: the distances under both rules for zeros, then the masks."""
        rows, refused = _masked(result, context)
        body = render(
            PACKAGE,
            "correspondence.html",
            facts=facts(result),
            rules=[(title.partition(":")[0], _rule(result, zeros)) for zeros, title in RULES.items()],
            caption=caption(result),
            rows=rows,
            refused=refused,
            warnings=result.warnings(),
        )
        yield Sheet(
            f"{len(result.parts)} parts in {len(result.image)} photographs",
            body,
            summary="Whether a mask on the same part changes the features of different photographs alike.",
            cover=_cover(result, context) if rows else "",
        )


def facts(result: Correspondence) -> Mapping[str, str]:
    """What was masked and compared."""
    return {
        "photographs": str(len(result.image)),
        "parts": ", ".join(result.parts),
        "random masks of each": str(result.draws),
        "masks": pixels(result),
    }


def _rule(result: Correspondence, zeros: Zeros) -> Markup:
    """The mean distances under one rule for zeros: a bar for each location and layer, beside the table."""
    series = [
        Series(layer, result.mean(layer, zeros).tolist(), result.spread(layer, zeros).tolist())
        for layer in result.layers
    ]
    drawn = Chart(
        RULES[zeros],
        list(result.rows),
        series,
        "location",
        "mean distance of pairs: lower is more alike",
        "bar",
    )
    numbers = from_file(distances(result, zeros, {}), f"Distances of pairs. {RULES[zeros]}")
    return render(PACKAGE, "rule.html", chart=chart(drawn), table=table(numbers))


def _masked(result: Correspondence, context: PageContext) -> tuple[list[Row], str]:
    """The masked photographs; why there are none, where they cannot be read."""
    try:
        masked = MaskedImages(result, photographs(context, result), IMAGES, DRAWS)
        return [_row(masked, image, context) for image in masked.rows], ""
    except (DatasetError, OSError) as error:
        return [], str(error)


def _row(masked: MaskedImages, image: int, context: PageContext) -> Row:
    """One photograph, by itself and under each mask."""
    name, found = masked.name(image), list[tuple[Picture | None, str, str]]()
    for shown, (title, mask) in zip(masked.pictures(image), masked.columns, strict=True):
        if shown is None:
            found.append((None, title, masked.reason(mask, image)))
        else:
            size = tile_size(shown.shape[0], shown.shape[1], TILES)
            tile = display.resize(shown[None], size, smooth=True)[0]
            found.append((save_picture(context, f"{title} of photograph {image}", tile), title, ""))
    return name, found


def _cover(result: Correspondence, context: PageContext) -> str:
    """A photograph and the same under the first mask."""
    masked = MaskedImages(result, photographs(context, result), 1, 0)
    pictures = [found for found in masked.pictures(masked.rows[0]) if found is not None]
    return save_picture(context, "cover", strip(pictures[:2])).url
