"""Tables as text files: Markdown for people, CSV for programs, LaTeX for papers."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from io import StringIO
from math import isnan
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from interpret.files import write_atomically
from interpret_figures.escaping import (
    MISSING,
    Cell,
    in_csv,
    in_latex,
    in_markdown,
    latex_note,
    markdown_paragraph,
)

__all__ = [
    "Block",
    "Document",
    "Items",
    "Markdown",
    "Paragraph",
    "Table",
    "TableFormat",
    "Title",
    "csv_text",
    "digits",
    "drop_empty_columns",
    "records",
]


TableFormat: TypeAlias = Literal["markdown", "csv", "latex"]


class Block(Protocol):
    """A part of a document, as Markdown, and as lines of LaTeX."""

    def markdown(self) -> str:
        """Its lines, without an empty one around them."""

    def latex(self) -> list[str]:
        """Its lines; none where it has no place there."""


@dataclass(frozen=True)
class Title:
    """What the table after it shows; ``note`` stands beside it in brackets."""

    text: str
    note: str = ""

    def markdown(self) -> str:
        """In bold."""
        beside = f" ({in_markdown(self.note)})" if self.note else ""
        return f"**{in_markdown(self.text)}**{beside}"

    def latex(self) -> list[str]:
        """A comment."""
        return [latex_note(f"{self.text} ({self.note})" if self.note else self.text)]


@dataclass(frozen=True)
class Table:
    """A table as people read it: the first columns are names, the others are numbers, at the right.

    Attributes:
        head: Titles of the columns.
        rows: The rows; every text is made harmless.
        names: How many columns are names.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]
    names: int = 1

    def markdown(self) -> str:
        """Names at the left, numbers at the right."""
        bars = ["---"] * self.names + ["---:"] * (len(self.head) - self.names)
        first, *others = [f"| {' | '.join(map(in_markdown, row))} |" for row in (self.head, *self.rows)]
        return "\n".join([first, f"| {' | '.join(bars)} |", *others])

    def latex(self) -> list[str]:
        """For the package booktabs."""
        first, *others = [" & ".join(map(in_latex, row)) + r" \\" for row in (self.head, *self.rows)]
        columns = "l" * self.names + "r" * (len(self.head) - self.names)
        begin = rf"\begin{{tabular}}{{{columns}}}"
        return [begin, r"\toprule", first, r"\midrule", *others, r"\bottomrule", r"\end{tabular}"]


@dataclass(frozen=True)
class Paragraph:
    """A text about the tables."""

    text: str

    def markdown(self) -> str:
        """A paragraph, of which no character is markup."""
        return markdown_paragraph(self.text)

    def latex(self) -> list[str]:
        """A comment."""
        return [latex_note(self.text)]


@dataclass(frozen=True)
class Items:
    """Texts about the tables, one below the other."""

    texts: Sequence[str]

    def markdown(self) -> str:
        """A list."""
        return "\n".join(f"- {in_markdown(text)}" for text in self.texts)

    def latex(self) -> list[str]:
        """A comment for each."""
        return list(map(latex_note, self.texts))


@dataclass(frozen=True)
class Markdown:
    """What is Markdown already; LaTeX leaves it out."""

    text: str

    def markdown(self) -> str:
        """As it is."""
        return self.text

    def latex(self) -> list[str]:
        """Nothing."""
        return []


@dataclass(frozen=True)
class Document:
    """Tables with what is said about them, and their bare numbers: one value for every kind of file.

    Attributes:
        blocks: Titles, tables and texts, in the order in which people read them.
        columns: The columns of the bare numbers.
        records: The bare numbers: every digit, one line for each.
        apart: Whether an empty line, which is a new paragraph, parts the tables of LaTeX.

    Example:
        >>> table = Table(["layer", "units"], [["conv1", "96"]])
        >>> document = Document([table, Paragraph("Of ZFNet.")], ["layer", "units"], [["conv1", 96]])
        >>> print(document.csv(), end="")
        layer,units
        conv1,96
    """

    blocks: Sequence[Block]
    columns: Sequence[str]
    records: Sequence[Sequence[object]]
    apart: bool = False

    def markdown(self) -> str:
        """Every block, with an empty line between them."""
        return "\n\n".join(block.markdown() for block in self.blocks) + "\n"

    def latex(self) -> str:
        """First what is said about the tables, as comments, then each table with its title."""
        texts = [block for block in self.blocks if not isinstance(block, Title | Table)]
        lines = [line for block in texts for line in block.latex()]
        for block in self.blocks:
            if isinstance(block, Title | Table):
                lines += ["", *block.latex()] if self.apart and isinstance(block, Title) else block.latex()
        return "\n".join([*lines, ""])

    def csv(self) -> str:
        """The bare numbers."""
        return csv_text(self.columns, self.records)

    def save(self, path: Path, formats: Sequence[TableFormat]) -> list[Path]:
        """Write one file for each format and return the files.

        Args:
            path: Folder and name without an ending.
            formats: Kinds of files.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        files = []
        for kind in dict.fromkeys(formats):
            ending, writer = WRITERS[kind]
            files.append(path.with_name(f"{path.name}.{ending}"))
            write_atomically(files[-1], writer(self).encode())
        return files


WRITERS: Mapping[TableFormat, tuple[str, Callable[[Document], str]]] = {
    "markdown": ("md", Document.markdown),
    "csv": ("csv", Document.csv),
    "latex": ("tex", Document.latex),
}
"""The ending of each kind of file, and what writes it."""


def csv_text(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Comma-separated values, one line for each row; no text is a formula."""
    file = StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerows([in_csv(value) for value in row] for row in (head, *rows))
    return file.getvalue()


def records(kind: type[Any], items: Iterable[Any]) -> tuple[list[str], list[list[object]]]:
    """Dataclasses as columns and records: a column for each field, nothing where a number is not known."""
    names = [field.name for field in fields(kind)]
    return names, [[_known(getattr(item, name)) for name in names] for item in items]


def drop_empty_columns(columns: Sequence[tuple[str, Sequence[str]]]) -> Table:
    """A table from titles and columns; columns that say nothing are left out."""
    kept = [(title, texts) for title, texts in columns if set(texts) - {MISSING, ""}]
    rows = zip(*(texts for _, texts in kept), strict=True)
    return Table([title for title, _ in kept], list(map(list, rows)))


def digits(value: float) -> str:
    """A number with all its digits; nothing where there is none."""
    return "" if isnan(value) else repr(value)


def _known(value: object) -> object:
    return "" if isinstance(value, float) and isnan(value) else value
