"""What a person reads of a thing in a few lines: numbers, lists, and rows of text or HTML."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape
from math import isnan

__all__ = ["as_html", "as_text", "counted", "listed", "percent", "remarks_html", "shortened", "value"]

LONGEST = 100
"""Characters of a line of text."""

_LEFT = "text-align: left; vertical-align: top; padding: 0.15em 1.2em 0.15em 0"


def value(number: float) -> str:
    """A number in three or four digits; a whole one in all of its digits; NaN is none.

    Example:
        >>> value(1376), value(0.123456)
        ('1,376', '0.123')
    """
    if isinstance(number, int):
        return f"{number:,}"
    if isnan(number):
        return "no number"
    return f"{number:,.0f}" if 1000 <= abs(number) < 1e6 else f"{number:.3g}"


def percent(share: float) -> str:
    """A share of 1 in percent.

    Example:
        >>> percent(0.1234)
        '12.3 %'
    """
    return f"{100 * share:.1f} %"


def counted(count: int, thing: str) -> str:
    """How many there are of a thing whose plural ends in s.

    Example:
        >>> counted(1, "image"), counted(2000, "image")
        ('1 image', '2,000 images')
    """
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def listed(names: Collection[object], most: int = 4) -> str:
    """All names where they are few; else how many there are, the first two and the last.

    Example:
        >>> listed(["cat", "dog"]), listed(range(10))
        ('cat, dog', '10: 0, 1, …, 9')
    """
    found = [shortened(str(name), 40) for name in (names if len(names) <= most else _ends(names))]
    if len(names) <= most:
        return ", ".join(found)
    return f"{len(names):,}: {found[0]}, {found[1]}, …, {found[-1]}"


def _ends(names: Collection[object]) -> Iterable[object]:
    """The first two and the last."""
    if isinstance(names, Sequence):
        return names[0], names[1], names[-1]
    known = list(names)
    return known[0], known[1], known[-1]


def shortened(text: str, most: int = LONGEST) -> str:
    """A text on one line, cut with an ellipsis where it is longer."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def as_text(title: str, rows: Mapping[str, str]) -> str:
    """A title, and a line for each row.

    Example:
        >>> print(as_text("Exemplars", {"images": "2,000", "k": "9"}))
        Exemplars
          images  2,000
          k       9
    """
    width = max(map(len, rows), default=0)
    return "\n".join([title, *(f"  {name:<{width}}  {shortened(text)}" for name, text in rows.items())])


def as_html(title: str, rows: Mapping[str, str], remarks: Iterable[str] = ()) -> str:
    """A title, a small table of rows, and remarks; it takes the colours of the page around it."""
    lines = "".join(
        f'<tr style="background: none"><th scope="row" style="{_LEFT}; font-weight: normal; opacity: 0.75">'
        f'{escape(name)}</th><td style="{_LEFT}">{escape(text)}</td></tr>'
        for name, text in rows.items()
    )
    caption = f'<caption style="{_LEFT}; font-weight: bold; color: inherit">{escape(title)}</caption>'
    return (
        '<table style="border-collapse: collapse; margin: 0.3em 0">'
        f"{caption if title else ''}<tbody>{lines}</tbody></table>{remarks_html(remarks)}"
    )


def remarks_html(remarks: Iterable[str]) -> str:
    """Sentences that a person should read, one below the other."""
    return "".join(f'<p style="margin: 0.3em 0; max-width: 60em">⚠ {escape(text)}</p>' for text in remarks)
