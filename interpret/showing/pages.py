"""Pictures and tables as HTML, in which nothing of a stranger runs and nothing is fetched."""

from __future__ import annotations

import base64
import csv
import io
import mimetypes
from collections.abc import Callable, Sequence
from html import escape
from itertools import islice
from pathlib import Path
from urllib.parse import quote

from markdown_it import MarkdownIt

from interpret.files.reading import printable
from interpret.records import rows_of
from interpret.results import Result, warnings_of
from interpret.wording import as_html, remarks_html

MOST_BYTES = 24 * 2**20
"""Of pictures in one notebook cell; the first is shown in any case."""

MOST_ROWS = 60
"""Of a table that is shown; the whole is in its file."""

PICTURES = (".png", ".svg", ".jpg", ".jpeg", ".webp", ".gif")

_CELL = "text-align: left; padding: 0.15em 0.9em 0.15em 0; border-bottom: 1px solid rgba(128, 128, 128, 0.3)"

_STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --paper: #fff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --paper: #16181b; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
       max-width: 75rem; margin: 0 auto; padding: 1.5rem 1rem; overflow-wrap: anywhere; }
h1 { font-size: 0.95rem; font-weight: 600; opacity: 0.7; margin: 0 0 1rem; }
summary { font-size: 0.9rem; opacity: 0.7; cursor: pointer; }
"""


def as_document(title: str, body: str) -> str:
    """A page of its own: no script runs in it and nothing is fetched from elsewhere."""
    policy = "default-src 'none'; img-src data: file: 'self'; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(printable(title))}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(printable(title))}</h1>\n{body}\n</body>\n</html>\n"
    )


def as_body(result: Result, files: Sequence[Path], source: Callable[[Path], str]) -> str:
    """All that is shown of a result: its files, then its warnings and main numbers.

    Args:
        result: The result.
        files: What was drawn.
        source: Makes the address of a picture: itself (`inline`), or where it is (`linked`).
    """
    name, rows, remarks = type(result).__name__, rows_of(result), warnings_of(result)
    if not files:
        return as_html(name, rows, remarks)
    shown = _fitting(files) if source is inline else list(files)
    left = [file.name for file in files if file not in shown]
    said = f"<p>{len(left):,} more, such as {escape(left[0])}: .save(folder), or .open()</p>" if left else ""
    parts = [_part(file, result, source) for file in shown]
    table = f"<details><summary>{escape(name)} in numbers</summary>{as_html('', rows)}</details>"
    return f"{''.join(parts)}{said}{remarks_html(remarks)}{table}"


def _fitting(files: Sequence[Path]) -> list[Path]:
    """What is shown in one notebook cell: all but the pictures, the first aside, beyond a size."""
    shown, room = list[Path](), MOST_BYTES
    for file in files:
        size = file.stat().st_size if file.suffix.lower() in PICTURES else 0
        room -= size
        if not size or room >= 0 or not shown:
            shown.append(file)
    return shown


def inline(file: Path) -> str:
    """A picture as an address that holds all of it."""
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(file.read_bytes()).decode()}"


def linked(file: Path, folder: Path) -> str:
    """The address of a file, as a page in a folder has it."""
    return quote(file.relative_to(folder).as_posix())


def _part(file: Path, result: Result, source: Callable[[Path], str]) -> str:
    """One file as HTML: a picture, a table, a text, or its name alone."""
    kind = file.suffix.lower()
    if kind in PICTURES:
        alt = escape(printable(f"{file.stem}: {type(result).__name__}"))
        style = "display: block; max-width: 100%; height: auto; margin: 0 0 0.8em"
        return f'<img src="{escape(source(file))}" alt="{alt}" style="{style}">'
    if kind not in {".md", ".csv", ".txt"}:
        return f"<p>{escape(printable(file.name))}</p>"
    text = file.read_text(encoding="utf-8", errors="replace")
    if kind == ".md":
        return _scrolling(_markdown(text))
    if kind == ".csv":
        return _scrolling(_table(text))
    return _scrolling(f"<pre>{escape(text)}</pre>")


def _scrolling(html: str) -> str:
    return f'<div style="overflow-x: auto">{html}</div>'


def _markdown(text: str) -> str:
    """Markdown as HTML; HTML in it is text, and it holds no link and no picture."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["image", "link", "autolink"])
    html: str = reader.render(text)
    return html


def _table(text: str) -> str:
    """Comma-separated values as a table of its first rows."""
    rows = csv.reader(io.StringIO(text))
    head, shown = next(rows, []), list(islice(rows, MOST_ROWS))
    more = sum(1 for _ in rows)
    cells = [f"<tr>{''.join(_cell('td', item) for item in row)}</tr>" for row in shown]
    rest = f"<p>{more:,} more rows</p>" if more else ""
    return (
        f'<table style="border-collapse: collapse"><thead><tr>{"".join(_cell("th", item) for item in head)}'
        f"</tr></thead><tbody>{''.join(cells)}</tbody></table>{rest}"
    )


def _cell(tag: str, text: str) -> str:
    return f'<{tag} style="{_CELL}">{escape(printable(text))}</{tag}>'
