"""Tables as text files: Markdown for people, CSV for programs, LaTeX for papers."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from io import StringIO
from math import isnan
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

from interpret.files import write_atomically
from interpret.results import Result

R = TypeVar("R", bound=Result)
TableFormat: TypeAlias = Literal["markdown", "csv", "latex"]
ENDINGS: Mapping[TableFormat, str] = {"markdown": "md", "csv": "csv", "latex": "tex"}

MISSING, PLUS_MINUS = "\N{EN DASH}", "\N{PLUS-MINUS SIGN}"

LATEX = str.maketrans(
    {character: rf"\{character}" for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"↑": r"$\uparrow$", "↓": r"$\downarrow$", MISSING: "--", PLUS_MINUS: r"$\pm$"}
)
"""LaTeX's own characters made harmless, and ours in its words."""


@dataclass(frozen=True)
class Cell:
    """One number as it is shown; ``best`` where no other of its contest is better."""

    text: str
    best: bool = False

    @property
    def markdown(self) -> str:
        """As Markdown, the best in bold."""
        return f"**{self.text}**" if self.best else self.text

    @property
    def latex(self) -> str:
        """As LaTeX, the best in bold."""
        text = self.text.translate(LATEX)
        return rf"\textbf{{{text}}}" if self.best else text


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


def markdown_rows(rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table; its column mark in a text is made harmless."""
    return [f"| {' | '.join(map(_plain, row))} |" for row in rows]


def latex_tabular(head: Sequence[str], rows: Iterable[Sequence[str]], columns: str) -> list[str]:
    """The lines of a table for the package booktabs, whose cells are LaTeX already.

    Args:
        head: Titles of the columns.
        rows: The rows.
        columns: How each column is aligned, as ``lrr``.
    """
    first, *others = [" & ".join(cells) + r" \\" for cells in (head, *rows)]
    begin = rf"\begin{{tabular}}{{{columns}}}"
    return [begin, r"\toprule", first, r"\midrule", *others, r"\bottomrule", r"\end{tabular}"]


def csv_text(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Comma-separated values, one line for each row."""
    file = StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
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


def latex_numbers(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a LaTeX table of plain texts: names at the left, numbers at the right."""
    escaped = [[text.translate(LATEX) for text in line] for line in (head, *rows)]
    return latex_tabular(escaped[0], escaped[1:], "l" + "r" * (len(head) - 1))


def digits(value: float) -> str:
    """A number with all its digits; nothing where there is none."""
    return "" if isnan(value) else repr(value)


def _known(value: object) -> object:
    return "" if isinstance(value, float) and isnan(value) else value


def _plain(text: str) -> str:
    return text.replace("|", r"\|")
