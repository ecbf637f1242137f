"""The page of a comparison: its table and curves, and for each photograph the maps of all methods over it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isnan
from typing import ClassVar

from markupsafe import Markup
from torch import Tensor

from interpret.attributions import Attributions
from interpret.plugin import Page, PageContext, Sheet
from interpret_captum.comparison import Comparison, Metric
from interpret_captum.renderers.table import ARROWS, compared, key, shown, title
from interpret_gallery import (
    Cell,
    Chart,
    Quantity,
    Series,
    Table,
    chart,
    from_file,
    render,
    save_picture,
    strip,
    table,
    write_overlay,
)
from interpret_gallery.attributions import glance, heat_map

PACKAGE = "interpret_captum"


class ComparisonPage(Page[Comparison]):
    """Methods side by side: what they mark in each photograph, and their numbers, which sort."""

    name: ClassVar[str] = "comparison"

    def compose(self, result: Comparison, context: PageContext) -> Iterable[Sheet]:
        """The numbers over all photographs, and a sheet for each photograph where methods have maps."""
        maps = list(result.attributions.values())
        names = [f"photograph-{place + 1}" for place in range(len(maps[0].maps) if maps else 0)]
        sheets = [image_sheet(result, context, place, name) for place, name in enumerate(names)]
        return [overview(result, context, sheets), *sheets]


def overview(result: Comparison, context: PageContext, sheets: Sequence[Sheet]) -> Sheet:
    """The photographs, the table over all of them, and the curves it sums up."""
    maps, count = list(result.attributions.values()), result.each.shape[2]
    pictures = [glance(maps[0], place, context) for place in range(len(sheets))]
    items = [
        (
            context.sheet_url(sheet.name),
            save_picture(context, f"glance {place + 1}", picture),
            f"{context.photo(int(maps[0].image[place]), maps[0]).alt} under the map of {maps[0].method}",
            maps[0].asked(place),
            maps[0].ids[str(int(maps[0].image[place]))],
        )
        for place, (sheet, picture) in enumerate(zip(sheets, pictures, strict=True))
    ]
    body = render(
        PACKAGE,
        "overview.html",
        items=items,
        table=table(from_file(compared(result), "Every method over all photographs")),
        key=key(result),
        meanings=[(metric.title, metric.meaning) for metric in result.metrics],
        charts=curves(result),
        warnings=result.warnings(),
    )
    images = f"{count} photograph{'' if count == 1 else 's'}"
    return Sheet(
        f"{len(result.probes)} methods compared",
        body,
        summary=f"Over {images}.",
        cover=_cover(maps, context) if sheets else "",
    )


def _cover(maps: Sequence[Attributions], context: PageContext) -> str:
    """The first photograph under the maps of two methods."""
    return save_picture(context, "cover", strip([glance(found, 0, context) for found in maps[:2]])).url


def image_sheet(result: Comparison, context: PageContext, place: int, name: str) -> Sheet:
    """One photograph under the map of a method that a person chooses, and the numbers of this photograph."""
    maps = result.attributions
    first = next(iter(maps.values()))
    index, question = int(first.image[place]), first.asked(place)
    photo = context.photo(index, first)
    data = f"{context.step} {place + 1}"
    script = write_overlay(
        context, data, photo, [heat_map(found, place, called) for called, found in maps.items()]
    )
    rows = image_table(result, place, f"Every method on {photo.name}")
    body = render(
        PACKAGE,
        "image.html",
        key=data,
        table=table(rows) if len(rows.columns) > 1 else "",
        notes=[f"{called}: {found.note}" for called, found in maps.items() if found.note],
    )
    return Sheet(
        f"{len(maps)} methods: {question}"
        if context.one_page
        else f"{len(maps)} methods: {question} in {photo.name}",
        body,
        name=name,
        summary=f"What counts for {question} in this photograph, by each method.",
        image=index,
        scripts=(script,),
    )


def image_table(result: Comparison, place: int, caption: str) -> Table:
    """The numbers of one photograph: a row for each method, no column where nothing was measured."""
    columns = [
        (title(metric), [_cell(metric, value) for value in result.each[:, column, place].tolist()])
        for column, metric in enumerate(result.metrics)
    ]
    known = [(name, cells) for name, cells in columns if any(cell is not None for cell in cells)]
    rows = [[name, *(cells[row] for _, cells in known)] for row, name in enumerate(result.probes)]
    return Table(["method", *(name for name, _ in known)], rows, caption)


def _cell(metric: Metric, value: float) -> Cell:
    return None if isnan(value) else Quantity(value, shown(metric, value))


def curves(result: Comparison) -> list[tuple[str, Markup]]:
    """What the table sums up, as curves with their numbers: of deletion, insertion, randomised networks."""
    removals = {
        "deletion": ("the score while pixels turn grey, the marked ones first", result.deletion),
        "insertion": (
            "the score while a blurred image becomes sharp, the marked pixels first",
            result.insertion,
        ),
    }
    charts = [
        (_removal(f"{name.capitalize()}: {what}", found), _areas(result, name, found))
        for name, (what, found) in removals.items()
    ]
    charts.append((_randomised(result), _stages(result)))
    return [
        (
            drawn.title.partition(":")[0],
            render(PACKAGE, "curve.html", chart=chart(drawn), table=table(numbers)),
        )
        for drawn, numbers in charts
        if drawn.series
    ]


def _removal(name: str, found: Mapping[str, Tensor]) -> Chart:
    """The mean over the photographs, from no pixel to all of them."""
    means = {probe: values.mean(0).tolist() for probe, values in found.items()}
    steps = max((len(values) for values in means.values()), default=0)
    share = [100 * step / max(steps - 1, 1) for step in range(steps)]
    series = [Series(probe, values) for probe, values in means.items()]
    return Chart(name, share, series, "pixels in %", "score")


def _areas(result: Comparison, metric: str, found: Mapping[str, Tensor]) -> Table:
    """The area under each curve, as the table over all photographs has it."""
    measure = next((one for one in result.metrics if one.name == metric), None)
    if measure is None:
        return Table(["method"], [[probe] for probe in found], metric)
    rows = [[probe, _cell(measure, result.value(probe, metric))] for probe in found]
    return Table(["method", f"area {ARROWS[measure.better]}"], rows, f"Area under the curves of {metric}")


def _randomised(result: Comparison) -> Chart:
    """How alike the maps stay while more and more of the network is random."""
    series = [Series(probe, values.mean(1).tolist()) for probe, values in result.randomised.items()]
    name = "Sanity: rank correlation with the maps of networks that are random from a layer on"
    return Chart(name, list(result.stages), series, "lowest layer that is random", "rank correlation")


def _stages(result: Comparison) -> Table:
    """The values of the sanity check, a column for each stage."""
    rows: list[list[Cell]] = [
        [probe, *values.mean(1).tolist()] for probe, values in result.randomised.items()
    ]
    return Table(["method", *result.stages], rows, "Rank correlation by the lowest layer that is random")
