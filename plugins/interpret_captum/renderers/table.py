"""The table of a comparison: as Markdown for people, CSV for programs, LaTeX for papers."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from interpret.images import Images
from interpret.plugin import Renderer
from interpret_captum.comparison import Comparison, Metric
from interpret_figures.escaping import MISSING, Cell
from interpret_figures.tables import Document, Items, Paragraph, Table, TableFormat, digits

ARROWS = {"higher": "↑", "lower": "↓", "": ""}
REFERENCE = "reference"
SHARES = frozenset(
    ["spearman", "ssim", "overlap", "deletion", "insertion", "pointing", "energy", "randomised"]
)
"""Metrics of the size of 1, which read best with as many digits in every row."""


class ComparisonTable(Renderer[Comparison]):
    """The numbers of a comparison: a row for each probe, a column for each metric."""

    name: ClassVar[str] = "comparison_table"

    formats: tuple[TableFormat, ...] = Field(
        ("markdown", "csv", "latex"), min_length=1, description="Kinds of files: markdown, csv, latex."
    )

    def render(self, result: Comparison, images: Images, folder: Path) -> Sequence[Path]:  # noqa: ARG002
        """Write ``comparison.md``, ``comparison.csv`` and ``comparison.tex``; no image is read."""
        return document(result).save(folder / "comparison", self.formats)


def cells(result: Comparison, column: int, among: Sequence[int] | None = None) -> list[Cell]:
    """A column of the table as people read it.

    The best is sought among probes that are measured against the same one: unlike analyses do not compete.
    Agreement is no contest either.

    Args:
        result: The comparison.
        column: The place of the metric.
        among: The probes of which one can be the best; none: all.
    """
    metric, values = result.metrics[column], result.table[:, column].tolist()
    texts = [_text(result, metric, row, value) for row, value in enumerate(values)]
    rows = [row for row in among or range(len(values)) if not isnan(values[row])]
    groups = [[row for row in rows if result.reference[row] == other] for other in set(result.reference)]
    best = {row for group in groups for row in _best(metric, group, values, texts)}
    return [Cell(text, row in best) for row, text in enumerate(texts)]


def _best(metric: Metric, rows: Sequence[int], values: Sequence[float], texts: Sequence[str]) -> list[int]:
    """The rows of which no other is better by as many digits as are shown; none where all are alike."""
    if metric.family == "agreement" or not metric.better or len({texts[row] for row in rows}) < 2:
        return []
    pick = max if metric.better == "higher" else min
    best = texts[pick(rows, key=lambda row: values[row])]
    return [row for row in rows if texts[row] == best]


def shown(metric: Metric, value: float) -> str:
    """A number with the digits that can be read."""
    if isnan(value):
        return MISSING
    if metric.name in SHARES:
        return f"{value:.3f}".replace("-0.000", "0.000")
    if value == 0:
        return "0"
    if not 1e-3 <= abs(value) < 1e4:
        return f"{value:.1e}"
    return f"{value:.0f}" if abs(value) >= 999.5 else f"{value:#.3g}".rstrip(".")


def title(metric: Metric) -> str:
    """The name of a metric with an arrow to its better end."""
    return f"{metric.title} {ARROWS[metric.better]}".strip()


def against(result: Comparison) -> list[str]:
    """What each probe is measured against."""
    own = enumerate(result.reference)
    return [MISSING if index == other else result.probes[other] for index, other in own]


def document(result: Comparison) -> Document:
    """The table, and under it what the columns mean; nothing where a metric does not apply."""
    meanings = [f"{metric.title}: {metric.meaning}" for metric in result.metrics]
    columns = ["probe", "reference", *(metric.name for metric in result.metrics)]
    return Document(
        [compared(result), Paragraph(_caption(result)), Items(meanings)], columns, _records(result)
    )


def _records(result: Comparison) -> list[list[object]]:
    """The bare numbers of each probe."""
    names = zip(result.probes, against(result), result.table.tolist(), strict=True)
    return [[name, "" if other == MISSING else other, *map(digits, values)] for name, other, values in names]


def compared(result: Comparison) -> Table:
    """A row for each probe, a column for each metric."""
    columns = [cells(result, column) for column in range(len(result.metrics))]
    names = enumerate(zip(result.probes, against(result), strict=True))
    rows: list[list[str | Cell]] = [
        [name, other, *(column[row] for column in columns)] for row, (name, other) in names
    ]
    return Table(["probe", "against", *map(title, result.metrics)], rows, names=2)


def _text(result: Comparison, metric: Metric, row: int, value: float) -> str:
    own = metric.family == "agreement" and result.reference[row] == row
    return REFERENCE if own and isnan(value) else shown(metric, value)


def _caption(result: Comparison) -> str:
    count = result.each.shape[2]
    images = f"{count} image{'s' if count > 1 else ''}."
    return " ".join([images, key(result), *result.notes, f"{MISSING}: does not apply."])


def key(result: Comparison) -> str:
    """How to read arrows and bold numbers."""
    among = " among probes with one reference" if len(set(result.reference)) > 1 else ""
    return f"↑ higher is better, ↓ lower is better, best in bold{among}."
