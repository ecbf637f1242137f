"""Tables that can be sorted at a click."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan
from typing import NamedTuple, TypeAlias

from markupsafe import Markup

from interpret_figures import tables as files
from interpret_figures.escaping import Cell as FileCell
from interpret_figures.text import MINUS, number
from interpret_gallery.templates import render

__all__ = ["Cell", "Link", "Quantity", "Table", "from_file", "table"]


class Link(NamedTuple):
    """A text that leads to a page."""

    text: str
    url: str


class Quantity(NamedTuple):
    """A number with the text that stands for it, such as one with its spread.

    Attributes:
        value: What it is sorted by; NaN: nothing is known, and it stands last.
        text: What is shown.
        best: Whether none beside it is better; it is bold.
    """

    value: float
    text: str
    best: bool = False


UNKNOWN = "\N{EN DASH}"

Cell: TypeAlias = str | float | Link | Quantity | None
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
    columns = [[row[place] for row in shown.rows] for place in range(len(shown.columns))]
    numeric = [_is_numeric(cells) for cells in columns]
    rows = list(zip(*map(_column, columns), strict=True))
    return render("interpret_gallery", "table.html", shown=shown, rows=rows, numeric=numeric)


def from_file(drawn: files.Table, caption: str) -> Table:
    """A table that renderers write into files, as one that sorts: its texts become numbers where they are.

    Example:
        >>> from_file(files.Table(["layer", "error"], [["conv1", "1.5 ± 0.2"]]), "errors").rows
        [['conv1', Quantity(value=1.5, text='1.5 ± 0.2', best=False)]]
    """
    rows: list[list[Cell]] = [
        [*map(_text, row[: drawn.names]), *map(_quantity, row[drawn.names :])] for row in drawn.rows
    ]
    return Table(drawn.head, rows, caption)


def _text(cell: str | FileCell) -> str:
    return cell if isinstance(cell, str) else cell.text


def _quantity(cell: str | FileCell) -> Cell:
    """The number that a text begins with."""
    text = _text(cell)
    if text in {UNKNOWN, ""}:
        return None
    plain = text.replace(MINUS, "-").replace(",", "")
    found = re.match(r"-?\d+(\.\d+)?(e-?\d+)?", plain)
    return Quantity(float(found[0]) if found else nan, text, isinstance(cell, FileCell) and cell.best)


def _is_numeric(cells: Sequence[Cell]) -> bool:
    return any(_is_number(cell) for cell in cells) and all(cell is None or _is_number(cell) for cell in cells)


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, int | float | Quantity) and not isinstance(cell, bool)


def _column(cells: Sequence[Cell]) -> list[_Shown]:
    """What is shown of a column: numbers below each other in as many decimals, where none is far smaller."""
    found = [_cell(cell) for cell in cells]
    values = [abs(cell) for cell in cells if isinstance(cell, float) and isfinite(cell) and cell]
    texts = [shown.text for cell, shown in zip(cells, found, strict=True) if isinstance(cell, float)]
    if not values or max(values) > 1000 * min(values) or any("e" in text for text in texts):
        return found
    decimals = max(len(text.partition(".")[2]) for text in texts)
    return [
        replace(shown, text=f"{cell:,.{decimals}f}".replace("-", MINUS))
        if isinstance(cell, float) and isfinite(cell)
        else shown
        for cell, shown in zip(cells, found, strict=True)
    ]


@dataclass(frozen=True)
class _Shown:
    """What is shown of a cell, what it is sorted by, where it leads, and whether it is bold."""

    text: str
    key: str
    url: str = ""
    best: bool = False


def _cell(cell: Cell) -> _Shown:
    if isinstance(cell, Link):
        return _Shown(cell.text, cell.text, cell.url)
    if isinstance(cell, Quantity):
        return _Shown(cell.text, _key(cell.value), best=cell.best)
    if isinstance(cell, int | float):
        text = f"{cell:,}" if isinstance(cell, int) else number(cell) if isfinite(cell) else UNKNOWN
        return _Shown(text, _key(cell))
    return _Shown(cell or ("" if cell == "" else UNKNOWN), cell or "")


def _key(value: float) -> str:
    """What a number is sorted by; what is not known stands last."""
    return repr(float(value)) if isfinite(value) else ""
