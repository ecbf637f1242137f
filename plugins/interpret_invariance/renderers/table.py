"""The numbers of an invariance: half-widths and how far features move, as Markdown and CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import isinf, isnan, nan
from pathlib import Path
from statistics import median
from typing import ClassVar, Literal

from pydantic import Field

from interpret.images import Images
from interpret.plugin import Renderer
from interpret_figures.escaping import MISSING
from interpret_figures.tables import Block, Document, Paragraph, Table, Title, records
from interpret_figures.text import MINUS, chance, number
from interpret_invariance.renderers.text import BORDERS, names
from interpret_invariance.results import Invariances

INFINITE = "\N{INFINITY}"


class InvarianceTable(Renderer[Invariances]):
    """How far until distances and probabilities have moved by half, by transformation, image and layer."""

    name: ClassVar[str] = "invariance_table"

    formats: tuple[Literal["markdown", "csv"], ...] = Field(
        ("markdown", "csv"), min_length=1, description="Kinds of files: markdown, csv."
    )

    def render(self, result: Invariances, images: Images, folder: Path) -> Sequence[Path]:  # noqa: ARG002
        """Write ``invariance.md`` and ``invariance.csv``; no image is read."""
        return document(result).save(folder / "invariance", self.formats)


@dataclass(frozen=True)
class Row:
    """The numbers of one curve; NaN where there is none.

    Attributes:
        transform: The transformation.
        image: The id of the image.
        target: Its target, in words.
        curve: The layer, or ``probability`` or ``output`` of the target.
        start: The probability (or output) of the untransformed image; of a layer the length of its features.
        lowest: The smallest probability; of a layer 0.
        largest: The largest probability, or distance.
        relative: The largest distance over the length of the features.
        half_below: How far below the identity half is reached; inf where it is not.
        half_above: How far above it.
        linearity: How much of the distance is a straight line from the identity, R squared.
    """

    transform: str
    image: str
    target: str
    curve: str
    start: float
    lowest: float
    largest: float
    relative: float
    half_below: float
    half_above: float
    linearity: float


def rows(result: Invariances) -> list[Row]:
    """Every curve: by transformation, then by image, then by layer with the probability last."""
    titles = names(result, tuple(range(len(result))))
    return [
        Row(transform, result.ids[str(int(result.image[image]))], titles[image], curve, *values)
        for transform in result.curves
        for image in range(len(result))
        for curve, values in _numbers(result, transform, image).items()
    ]


def _numbers(result: Invariances, transform: str, image: int) -> dict[str, tuple[float, ...]]:
    """The numbers of one image's curves under a transformation."""
    curves, found = result[transform], dict[str, tuple[float, ...]]()
    for layer in result.layers:
        half = curves.distance_half_widths(layer)[image].tolist()
        most = float(curves.distance[layer][image].max())
        relative = float(result.relative(transform, layer)[image].max())
        straight = float(curves.linearity(layer)[image])
        found[layer] = (float(result.norm[layer][image]), 0.0, most, relative, *half, straight)
    line, half = curves.probability[image], curves.probability_half_widths()[image].tolist()
    start = float(line[curves.identity])
    found[result.asked] = (start, float(line.min()), float(line.max()), nan, *half, nan)
    return found


def document(result: Invariances) -> Document:
    """A table for each transformation: a line for each image, and the medians over the images.

    Its bare numbers have a line for each curve; empty where there is none.
    """
    found, blocks = rows(result), list[Block]()
    for transform in result.curves:
        title = Title(transform.replace("_", " ").capitalize(), span(result, transform))
        blocks += [title, _table(result, [row for row in found if row.transform == transform])]
    return Document([*blocks, Paragraph(notes(result))], *records(Row, found))


def span(result: Invariances, transform: str) -> str:
    """The unit of a transformation and its range."""
    unit, amounts = result[transform].unit, result[transform].amounts
    return f"{unit}; {number(float(amounts[0]))} to {number(float(amounts[-1]))}, {len(amounts)} steps"


def _table(result: Invariances, found: Sequence[Row]) -> Table:
    """One transformation's numbers."""
    curves = (*result.layers, result.asked)
    head = ["image", *(f"{curve}: {text}" for curve in curves for text in heads(result, curve))]
    by_image = [found[index : index + len(curves)] for index in range(0, len(found), len(curves))]
    lines = [[image[0].target, *(cell for row in image for cell in cells(row))] for image in by_image]
    if len(by_image) > 1:
        lines.append(
            ["median", *(cell for same in zip(*by_image, strict=True) for cell in cells(median_of(same)))]
        )
    return Table(head, lines)


def heads(result: Invariances, curve: str) -> list[str]:
    """What stands above the numbers of a layer, or of the answer."""
    answer = curve == result.asked and curve not in result.layers
    return (
        ["start, lowest", "half-width"]
        if answer
        else ["largest relative distance", "half-width", "linearity"]
    )


def cells(row: Row) -> list[str]:
    """What stands in a table of one curve: as many texts as `heads` has."""
    half = f"{_shown(row.half_below)} / {_shown(row.half_above)}"
    if row.curve == "probability":
        return [f"{_chance(row.start)}, {_chance(row.lowest)}", half]
    if row.curve == "output":
        return [f"{_shown(row.start)}, {_shown(row.lowest)}", half]
    return [_shown(row.relative), half, _shown(row.linearity)]


def median_of(same: Sequence[Row]) -> Row:
    """The median of each number over the images; NaN where one of them is."""
    first = same[0]
    numbers = [field.name for field in fields(Row) if field.type == "float"]
    middle = {name: _middle([getattr(row, name) for row in same]) for name in numbers}
    return Row(first.transform, "", "median", first.curve, **middle)


def _middle(values: Sequence[float]) -> float:
    return nan if any(map(isnan, values)) else median(values)


def notes(result: Invariances) -> str:
    """How to read the numbers."""
    count = len(result.skipped)
    skipped = f" {count} image{'s' if count > 1 else ''} cannot be read." if count else ""
    return (
        "Half-width: how far below / above the untransformed image the distance first reaches half of its "
        f"largest value, and the {result.asked} has moved by half of its value at the start. "
        f"{INFINITE}: not within the range; {MISSING}: nothing can be said. Rotations are counted from "
        f"{MINUS}180 to 180 degrees. Linearity: R squared of a straight line from the untransformed image. "
        f"Beyond the border: {BORDERS[result.border]}.{skipped}"
    )


def _shown(value: float) -> str:
    if isnan(value):
        return MISSING
    return INFINITE if isinf(value) else number(round(value, 2))


def _chance(value: float) -> str:
    return MISSING if isnan(value) else chance(value)
