"""The most probable categories of each image as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from interpret.images import Images
from interpret.plugin import Renderer
from interpret_explain.results import Predictions
from interpret_explain.words import score_text
from interpret_figures.escaping import MISSING
from interpret_figures.tables import Document, Paragraph, Table, TableFormat

COLUMNS = ("image", "rank", "index", "category", "score", "label")


class PredictionTable(Renderer[Predictions]):
    """The most probable categories of each image, and where its label stands among all."""

    name: ClassVar[str] = "prediction_table"

    formats: tuple[TableFormat, ...] = Field(
        ("markdown", "csv"), min_length=1, description="Kinds of files: markdown, csv, latex."
    )

    def render(self, result: Predictions, images: Images, folder: Path) -> Sequence[Path]:  # noqa: ARG002
        """Write ``predictions.md`` and ``predictions.csv``; no image is read."""
        return document(result).save(folder / "predictions", self.formats)


def document(result: Predictions) -> Document:
    """A row for each image and category, and what the numbers are; its bare numbers have all their digits."""
    score = "probability" if result.has_probability else "value"
    found = [(result.ids[str(place)], result.image_numbers(place)) for place in result.image.tolist()]
    rows = [row for name, numbers in found for row in _rows(name, numbers, score)]
    head = ["image", "category", score]
    records = [record for name, numbers in found for record in _records(name, numbers, score)]
    return Document([Table(head, rows, 2), Paragraph(caption(result))], COLUMNS, records)


def caption(result: Predictions) -> str:
    """What the table shows."""
    count = len(result)
    images = f"{count} image{'s' if count > 1 else ''}"
    what = "probabilities" if result.has_probability else "values, which stand for no probabilities"
    left_out = f" Images that cannot be read: {len(result.skipped)}." if result.skipped else ""
    classes = f"{result.class_count} output{'s' if result.class_count > 1 else ''}"
    return f"The outputs' {what}; {images}, {classes}. {result.matching}".rstrip() + left_out


def _rows(name: str, numbers: dict[str, Any], score: str) -> Iterator[list[str]]:
    for rank, found in enumerate(numbers["predictions"]):
        yield ["" if rank else name, found["category"], score_text(found[score], score)]
    if label := numbers.get("label"):
        said = f"label: {label['category']}, place {label['rank'] + 1}"
        yield ["", said, score_text(label[score], score)]


def _records(name: str, numbers: dict[str, Any], score: str) -> Iterator[list[object]]:
    label = numbers.get("label", {}).get("index", MISSING)
    for rank, found in enumerate(numbers["predictions"]):
        yield [name, rank + 1, found["index"], found["category"], found[score], label]
