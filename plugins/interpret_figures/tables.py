"""Tables as text files: Markdown for people, CSV for programs, LaTeX for papers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

from interpret.results import Result, write_atomically

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


def markdown_rows(rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table; its column mark in a text is made harmless."""
    return [f"| {' | '.join(map(_plain, row))} |" for row in rows]


def _plain(text: str) -> str:
    return text.replace("|", r"\|")
