"""What all pages about the units of layers share: the page of a layer, and the list of layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from interpret.plugin import PageContext, Sheet
from interpret.results import Result
from interpret_gallery import Chart, Draw, Link, Series, Table, UnitTile, chart, render, table, write_units

__all__ = ["LayerPage", "layer_sheet", "layers_sheet", "mean_purity", "purities"]


@dataclass(frozen=True)
class LayerPage:
    """What the page of a layer shows.

    Attributes:
        layer: The name of the layer.
        units: Its units.
        draw: Makes the tiles of a unit, see ``interpret_gallery.write_units``.
        kinds: What kinds of tiles.
        tile: Height and width of a tile in pixels.
        told: Sentences on how to read the tiles.
        quiet: What units without exemplars are called.
        edges: The edges of the bins of maxima.
    """

    layer: str
    units: Sequence[UnitTile]
    draw: Draw
    kinds: Sequence[str]
    tile: tuple[int, int]
    told: Sequence[str] = ()
    quiet: str = "dead"
    edges: Sequence[float] = ()


def layer_sheet(context: PageContext, result: Result, page: LayerPage, size: tuple[int, int]) -> Sheet:
    """The page of a layer: all units as tiles, and a view of each.

    Args:
        context: The step.
        result: What it found: ``ids`` of its images.
        page: What is shown.
        size: Height and width of the network's input in pixels.
    """
    script = write_units(
        context,
        page.layer,
        page.units,
        page.draw,
        kinds=page.kinds,
        tile=page.tile,
        photo=lambda index: context.photo(index, result),
        size=size,
        quiet=page.quiet,
        edges=page.edges,
    )
    body = render("interpret_topk", "layer.html", page=page)
    drawn = sorted(context.folder.glob(f"{script.rpartition('/')[2].removesuffix('.js')}-sheet-0-*"))
    return Sheet(
        page.layer,
        body,
        name=page.layer,
        summary=_summary(page),
        layer=page.layer,
        units=[unit.number for unit in page.units],
        cover=context.url(drawn[0]) if drawn else "",
        scripts=(script,),
    )


def _summary(page: LayerPage) -> str:
    quiet = sum(not len(unit.values) for unit in page.units)
    units = f"{len(page.units):,} unit{'s' if len(page.units) != 1 else ''}"
    return f"{units}, {quiet:,} {page.quiet}." if quiet else f"{units}."


def layers_sheet(
    result: Result,
    pages: Mapping[str, tuple[Sequence[UnitTile], str, str]],
    labels: Mapping[str, int],
    *,
    title: str,
    cover: str = "",
) -> Sheet:
    """The first page of a step about layers: a table of them, and how pure their units are.

    Args:
        result: What the step found.
        pages: For each layer its units, what those without exemplars are called, and the address of its page.
        labels: The category of each image by its place as text; empty where none is known.
        title: What stands above.
        cover: The address of a picture that stands for the step.
    """
    rows = [_row(layer, units, url, labels) for layer, (units, _, url) in pages.items()]
    quiet = next((word for _, word, _ in pages.values()), "dead")
    columns = ["layer", "units", quiet, "strongest", *(["purity of categories"] if labels else [])]
    listed = table(Table(columns, rows, "Layers"))
    pure = [row[4] for row in rows if labels]
    drawn = ""
    if len(rows) > 1 and any(value is not None for value in pure):
        series = [Series("mean purity", [value if isinstance(value, float) else None for value in pure])]
        drawn = chart(
            Chart("Purity of categories, by layer", list(pages), series, "layer", "purity", low=0.0, high=1.0)
        )
    body = render(
        "interpret_topk",
        "layers.html",
        summary=result.summary(),
        warnings=result.warnings(),
        table=listed,
        chart=drawn,
        k=max((len(unit.values) for units, _, _ in pages.values() for unit in units), default=0),
    )
    return Sheet(title, body, cover=cover)


def _row(
    layer: str, units: Sequence[UnitTile], url: str, labels: Mapping[str, int]
) -> list[str | float | Link | None]:
    strongest = [unit.values[0] for unit in units if len(unit.values)]
    row: list[str | float | Link | None] = [
        Link(layer, url) if url else layer,
        len(units),
        len(units) - len(strongest),
        max(strongest, default=None),
    ]
    return [*row, mean_purity(units, labels)] if labels else row


def mean_purity(units: Sequence[UnitTile], labels: Mapping[str, int]) -> float | None:
    """The mean of `purities`; None where none is known."""
    pure = [value for value in purities(units, labels) if value is not None]
    return fmean(pure) if pure else None


def purities(units: Sequence[UnitTile], labels: Mapping[str, int]) -> list[float | None]:
    """For each unit the share of its exemplars that show the category most of them show.

    None where fewer than two of its exemplars have a known category.

    Example:
        >>> unit = UnitTile(0, values=[3.0, 2.0, 1.0], images=[4, 5, 6])
        >>> purities([unit], {"4": 7, "5": 7, "6": 1})
        [0.6666666666666666]
    """
    return [_purity([labels[str(i)] for i in unit.images if str(i) in labels]) for unit in units]


def _purity(shown: Sequence[int]) -> float | None:
    return max(Counter(shown).values()) / len(shown) if len(shown) > 1 else None
