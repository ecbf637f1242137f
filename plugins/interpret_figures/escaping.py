"""Names in tables: whatever a label or a file name holds stands there as text, in every kind of file."""

from __future__ import annotations

import re
from dataclasses import dataclass

from interpret.files import printable

__all__ = ["MISSING", "PLUS_MINUS", "Cell", "in_markdown", "markdown_code"]


MISSING, PLUS_MINUS = "\N{EN DASH}", "\N{PLUS-MINUS SIGN}"

_LATEX = str.maketrans(
    {character: rf"\{character}" for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"}
    | {character: f"{{{character}}}" for character in "[]*`"}  # after the end of a row: its options
    | {"↑": r"$\uparrow$", "↓": r"$\downarrow$", MISSING: "--", PLUS_MINUS: r"$\pm$"}
)
"""LaTeX's own characters made harmless, and ours in its words."""

_MARKDOWN = re.compile(
    r"[\\`*\[\]|$~]"  # code, emphasis, links and pictures, columns, mathematics, strikethrough
    r"|(?<![^\W_])_|_(?![^\W_])"  # emphasis, which an underscore within a word is not
    r"|:(?=//)|(?<=www)\."  # addresses that become links
)
_HTML = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
_TAGS = re.compile(r"[<>]|&(?=#?\w+;)")
_BLOCK = re.compile(r"([#+=-]|\d{1,9}[.)](?=\s|$))")
"""What begins a heading, a list or a line when a paragraph begins with it."""

_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
"""What begins a formula in a spreadsheet; each also in its full width."""


@dataclass(frozen=True)
class Cell:
    """One number as it is shown; ``best`` where no other of its contest is better."""

    text: str
    best: bool = False


def in_markdown(text: str | Cell) -> str:
    """A text within a line of Markdown, of which no character is markup; the best in bold."""
    if isinstance(text, Cell):
        return f"**{in_markdown(text.text)}**" if text.best else in_markdown(text.text)
    marked = _MARKDOWN.sub(r"\\\g<0>", _line(text))
    return _TAGS.sub(lambda found: _HTML[found[0]], marked)


def markdown_paragraph(text: str) -> str:
    """A text as a paragraph of Markdown: its beginning makes no heading and no list either."""
    found = _BLOCK.match(marked := in_markdown(text))
    return f"{marked[: found.end() - 1]}\\{marked[found.end() - 1 :]}" if found else marked


def markdown_code(text: str) -> str:
    """A text as code within a line of Markdown, fenced by more grave accents than it holds."""
    text = _line(text)
    longest = max(map(len, re.findall("`+", text)), default=0)
    space = " " if text[:1] == "`" or text[-1:] == "`" else ""
    return f"{'`' * (longest + 1)}{space}{text}{space}{'`' * (longest + 1)}"


def in_latex(text: str | Cell) -> str:
    """A text within LaTeX, of which no character is a command; the best in bold."""
    if isinstance(text, Cell):
        return rf"\textbf{{{in_latex(text.text)}}}" if text.best else in_latex(text.text)
    return _line(text).translate(_LATEX)


def latex_note(text: str) -> str:
    """A text as a comment of LaTeX, which ends where its line ends."""
    return f"% {_line(text)}"


def in_csv(value: object) -> object:
    """A value of a CSV file: a text that a spreadsheet would take for a formula gets an apostrophe.

    Numbers stay numbers, also those that were written as text.
    """
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _line(text: str) -> str:
    """Text as one line: white space of every kind as one blank, other controls as they are escaped."""
    return printable(" ".join(text.split()))
