"""The paper's Table 1: how alike masked parts change the features of several images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from interpret.images import Images
from interpret.plugin import Renderer
from interpret_correspondence.distances import Zeros
from interpret_correspondence.renderers.text import (
    RULES,
    PaperLayer,
    chance,
    check_paper,
    distance,
    left_out,
    masks,
    numbers,
    paper,
    tests,
)
from interpret_correspondence.results import Correspondence
from interpret_figures.tables import (
    Block,
    Document,
    Paragraph,
    Table,
    TableFormat,
    Title,
    digits,
    drop_empty_columns,
)

Beside = Mapping[str, PaperLayer]

COLUMNS = (
    "layer", "location", "zeros", "images", "pairs", "mean", "deviation", "p", "unchanged", "paper_mean",
    "paper_deviation",
)  # fmt: skip


class CorrespondenceTable(Renderer[Correspondence]):
    """Distances of parts and random positions at each layer, by both rules for zeros (Table 1)."""

    name: ClassVar[str] = "correspondence_table"

    paper: dict[str, PaperLayer] = Field(
        {},
        description="The paper's layer, 5 or 7, whose numbers stand beside a layer of ours: {layer5: 5}.",
    )
    formats: tuple[TableFormat, ...] = Field(
        ("markdown", "csv", "latex"), min_length=1, description="Kinds of files: markdown, csv, latex."
    )

    def render(self, result: Correspondence, images: Images, folder: Path) -> Sequence[Path]:  # noqa: ARG002
        """Write ``correspondence.md``, ``correspondence.csv`` and ``correspondence.tex``; no image is read.

        Raises:
            UnknownNameError: If ``paper`` names a layer that the result does not have.
        """
        check_paper(result, self.paper)
        return document(result, self.paper).save(folder / "correspondence", self.formats)


def document(result: Correspondence, beside: Beside) -> Document:
    """A table for each rule for zeros, and under them how to read them."""
    blocks: list[Block] = []
    for zeros, title in RULES.items():
        blocks += [Title(title), distances(result, zeros, beside)]
    return Document([*blocks, *map(Paragraph, caption(result))], COLUMNS, _records(result, beside))


def distances(result: Correspondence, zeros: Zeros, beside: Beside) -> Table:
    """The table under one rule for zeros; columns that say nothing are left out."""
    columns = [("location", list(result.rows)), ("images", [str(count) for count in result.counts])]
    for layer in result.layers:
        means, spreads = result.mean(layer, zeros).tolist(), result.spread(layer, zeros).tolist()
        columns.append((layer, [distance(*pair) for pair in zip(means, spreads, strict=True)]))
        columns.append(("p", [chance(p) for p in _chances(result, layer, zeros)]))
        columns.append(("paper", [distance(*pair) for pair in _papers(result, layer, zeros, beside)]))
    return drop_empty_columns(columns)


def caption(result: Correspondence) -> list[str]:
    """How to read the table, and what is left out, in paragraphs."""
    unchanged = ", ".join(
        f"{layer} {100 * float(result.unchanged(layer).mean()):.0f} %" for layer in result.layers
    )
    first = (
        numbers(result),
        tests(result),
        masks(result),
        f"Values that a mask does not change: {unchanged}.",
    )
    return [" ".join(filter(None, first)), *left_out(result)]


def _records(result: Correspondence, beside: Beside) -> list[list[object]]:
    """Every number with all its digits, a line for each layer, rule and location; empty where none is."""
    lines: list[list[object]] = []
    for layer in result.layers:
        for zeros in RULES:
            columns = zip(
                result.rows,
                result.counts,
                map(len, result.values(layer, zeros)),
                result.mean(layer, zeros).tolist(),
                result.spread(layer, zeros).tolist(),
                _chances(result, layer, zeros),
                result.unchanged(layer).tolist(),
                _papers(result, layer, zeros, beside),
                strict=True,
            )
            for location, images, pairs, *values, printed in columns:
                known = [digits(value) for value in (*values, *printed)]
                lines.append([layer, location, zeros, images, pairs, *known])
    return lines


def _chances(result: Correspondence, layer: str, zeros: Zeros) -> list[float]:
    """The chance of each row; NaN for random."""
    parts = result.layers[layer].p(zeros).tolist()
    return [*parts, *[nan] * (len(result.rows) - len(parts))]


def _papers(result: Correspondence, layer: str, zeros: Zeros, beside: Beside) -> list[tuple[float, float]]:
    """The paper's mean and deviation of each row; NaN where it gives none."""
    if layer not in beside or zeros != "agree":
        return [(nan, nan)] * len(result.rows)
    return [paper(row, beside[layer]) or (nan, nan) for row in result.rows]
