"""Tables that can be sorted at a click."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple, TypeAlias

from markupsafe import Markup

from interpret_figures.text import number
from interpret_gallery.templates import render

__all__ = ["Cell", "Link", "Table", "table"]


class Link(NamedTuple):
    """A text that leads to a page."""

    text: str
    url: str


UNKNOWN = "\N{EN DASH}"

Cell: TypeAlias = str | float | Link | None
"""None: nothing is known."""


@dataclass(frozen=True)
class Table:
    """Rows of texts, numbers and links.

    Attributes:
        columns: What stands above each column.
        rows: The cells; None: nothing is known.
        caption: What it shows, for those who cannot see where it stands.
        sortable: Whether a click on a column's head sorts the rows.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str
    sortable: bool = True


def table(shown: Table) -> Markup:
    """A table as HTML; columns of numbers are aligned at the right and sorted as numbers.

    Example:
        >>> str(table(Table(["layer", "units"], [["conv1", 96]], "layers"))).count("<tr>")
        2
    """
    numeric = [_is_numeric([row[place] for row in shown.rows]) for place in range(len(shown.columns))]
    rows = [[_cell(cell) for cell in row] for row in shown.rows]
    return render("interpret_gallery", "table.html", shown=shown, rows=rows, numeric=numeric)


def _is_numeric(cells: Sequence[Cell]) -> bool:
    return any(_is_number(cell) for cell in cells) and all(cell is None or _is_number(cell) for cell in cells)


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _cell(cell: Cell) -> dict[str, str]:
    """What is shown, what it is sorted by, and where it leads."""
    if isinstance(cell, Link):
        return {"text": cell.text, "key": cell.text, "url": cell.url}
    if isinstance(cell, int | float):
        known = isfinite(cell)
        text = f"{cell:,}" if isinstance(cell, int) else number(cell) if known else UNKNOWN
        return {"text": text, "key": repr(float(cell)) if known else "", "url": ""}
    return {"text": cell or ("" if cell == "" else UNKNOWN), "key": cell or "", "url": ""}
