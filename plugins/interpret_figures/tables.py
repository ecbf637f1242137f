"""Tables as text files: Markdown for people, CSV for programs, LaTeX for papers."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from io import StringIO
from math import isnan
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

from interpret.files import write_atomically
from interpret.results import Result
from interpret_figures.escaping import MISSING, Cell, in_csv, in_latex, in_markdown

R = TypeVar("R", bound=Result)
TableFormat: TypeAlias = Literal["markdown", "csv", "latex"]
ENDINGS: Mapping[TableFormat, str] = {"markdown": "md", "csv": "csv", "latex": "tex"}


def save_table(
    result: R,
    path: Path,
    writers: Mapping[TableFormat, Callable[[R], str]],
    formats: Sequence[TableFormat],
) -> list[Path]:
    """Write a result once for each format and return the files.

    Args:
        result: What is written.
        path: Folder and name without an ending.
        writers: What makes the text of each format.
        formats: Kinds of files.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    files = []
    for kind in dict.fromkeys(formats):
        files.append(path.with_name(f"{path.name}.{ENDINGS[kind]}"))
        write_atomically(files[-1], writers[kind](result).encode())
    return files


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str | Cell]], names: int = 1) -> list[str]:
    """The lines of a Markdown table: the first columns are names, the others are numbers, at the right.

    Args:
        head: Titles of the columns.
        rows: The rows; every text is made harmless.
        names: How many columns are names.
    """
    bars = ["---"] * names + ["---:"] * (len(head) - names)
    first, *others = [f"| {' | '.join(map(in_markdown, row))} |" for row in (head, *rows)]
    return [first, f"| {' | '.join(bars)} |", *others]


def latex_table(head: Sequence[str], rows: Iterable[Sequence[str | Cell]], names: int = 1) -> list[str]:
    """The lines of a LaTeX table for the package booktabs: names at the left, numbers at the right.

    Args:
        head: Titles of the columns.
        rows: The rows; every text is made harmless.
        names: How many columns are names.
    """
    first, *others = [" & ".join(map(in_latex, row)) + r" \\" for row in (head, *rows)]
    begin = rf"\begin{{tabular}}{{{'l' * names + 'r' * (len(head) - names)}}}"
    return [begin, r"\toprule", first, r"\midrule", *others, r"\bottomrule", r"\end{tabular}"]


def csv_text(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Comma-separated values, one line for each row; no text is a formula."""
    file = StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerows([in_csv(value) for value in row] for row in (head, *rows))
    return file.getvalue()


def records_csv(kind: type[Any], records: Iterable[Any]) -> str:
    """Comma-separated values of dataclasses: a column for each field, nothing where a number is not known."""
    names = [field.name for field in fields(kind)]
    return csv_text(names, ([_known(getattr(record, name)) for name in names] for record in records))


def said(columns: Sequence[tuple[str, Sequence[str]]]) -> tuple[list[str], list[list[str]]]:
    """The head of a table and its rows from titles and columns; columns that say nothing are left out."""
    kept = [(title, texts) for title, texts in columns if set(texts) - {MISSING, ""}]
    return [title for title, _ in kept], [
        list(row) for row in zip(*(texts for _, texts in kept), strict=True)
    ]


def digits(value: float) -> str:
    """A number with all its digits; nothing where there is none."""
    return "" if isnan(value) else repr(value)


def _known(value: object) -> object:
    return "" if isinstance(value, float) and isnan(value) else value
