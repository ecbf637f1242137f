"""Charts as SVG: lines over an axis, or bars beside names; the script shows the values at the pointer.

A line has a colour, a mark and dashes of its own, and a chart stands beside its table: nobody needs to tell
colours apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, isfinite, log10
from typing import Literal, TypeGuard

from markupsafe import Markup

from interpret_figures.text import number, numbers
from interpret_gallery.templates import render

__all__ = ["Chart", "Series", "chart"]

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 14, 46
BAR, GAP, NAMES = 16, 10, 190
MARKS = ("circle", "square", "triangle", "diamond", "cross", "ring", "bar")
"""One for each colour; after seven, colours and marks come again."""


@dataclass(frozen=True)
class Series:
    """Values with a name.

    Attributes:
        name: What they are of.
        values: One for each ``x`` of the chart; None: not known.
        spread: How far each may be off, such as a standard deviation; drawn as whiskers.
    """

    name: str
    values: Sequence[float | None]
    spread: Sequence[float | None] | None = None


@dataclass(frozen=True)
class Chart:
    """What a chart shows.

    Attributes:
        title: One line.
        x: Where the values stand: numbers for lines over an axis in proportion, or names.
        series: The values.
        x_label: What ``x`` is.
        y_label: What the values are, with their unit.
        kind: ``line``, or ``bar``: bars to the right, each below its name.
        low: The least value of the axis; None: from the values, and 0 for bars.
        high: The largest; None: from the values.
    """

    title: str
    x: Sequence[float] | Sequence[str]
    series: Sequence[Series]
    x_label: str = ""
    y_label: str = ""
    kind: Literal["line", "bar"] = "line"
    low: float | None = None
    high: float | None = None


def chart(shown: Chart) -> Markup:
    """A chart as HTML, with its legend.

    Example:
        >>> drawn = chart(Chart("error", [1, 2, 3], [Series("train", [0.9, 0.5, 0.4])]))
        >>> str(drawn).count("<svg")
        1
    """
    known = [value for series in shown.series for value in series.values if _known(value)]
    if not known:
        return render("interpret_gallery", "empty.html", text=f"{shown.title}: there are no values.")
    ticks = _ticks(*_range(shown, known))
    drawn = _lines(shown, ticks) if shown.kind == "line" else _bars(shown, ticks)
    legend = [(place % len(MARKS), series.name) for place, series in enumerate(shown.series)]
    return render("interpret_gallery", f"{shown.kind}_chart.html", shown=shown, legend=legend, **drawn)


def _known(value: float | None) -> TypeGuard[float]:
    return value is not None and isfinite(value)


def _range(shown: Chart, known: Sequence[float]) -> tuple[float, float]:
    low = min(known) if shown.low is None else shown.low
    high = max(known) if shown.high is None else shown.high
    if shown.kind == "bar":
        low, high = min(low, 0.0), max(high, 0.0)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers that reach from below ``low`` to above ``high``, at most seven."""
    rough = (high - low) / 5
    power = 10.0 ** floor(log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    first = floor(low / step + 1e-9)
    found = [first * step]
    while found[-1] < high - step * 1e-9:
        found.append((first + len(found)) * step)
    return [round(value, 12) for value in found]


def _lines(shown: Chart, ticks: Sequence[float]) -> dict[str, object]:
    places = _places(shown.x)
    bottom = HEIGHT - BOTTOM

    def y_of(value: float) -> float:
        return round(bottom - (value - ticks[0]) / (ticks[-1] - ticks[0]) * (bottom - TOP), 2)

    lines = [
        {
            "mark": place % len(MARKS),
            "path": _path(
                [(x, y_of(v)) if _known(v) else None for x, v in zip(places, series.values, strict=True)]
            ),
            "points": [(x, y_of(v)) for x, v in zip(places, series.values, strict=True) if _known(v)],
            "whiskers": [
                (x, y_of(v + s), y_of(v - s))
                for x, v, s in zip(places, series.values, series.spread or [None] * len(places), strict=True)
                if v is not None and s is not None and isfinite(v) and isfinite(s) and s > 0
            ],
        }
        for place, series in enumerate(shown.series)
    ]
    return {
        "size": (WIDTH, HEIGHT),
        "edges": (LEFT, WIDTH - RIGHT, TOP, bottom),
        "ticks": [(y_of(value), text) for value, text in zip(ticks, numbers(*ticks), strict=True)],
        "names": _spaced([(x, _name(name)) for x, name in zip(places, shown.x, strict=True)]),
        "columns": _columns(shown, places),
        "lines": lines,
    }


def _places(x: Sequence[float] | Sequence[str]) -> list[float]:
    """Where each value stands from left to right: in proportion where all are numbers, else evenly."""
    given: list[float] = [float(value) for value in x if not isinstance(value, str)]
    steps = given if len(given) == len(x) else [float(place) for place in range(len(x))]
    low, high = min(steps), max(steps)
    if high == low:
        return [(LEFT + WIDTH - RIGHT) / 2 for _ in steps]
    inner = WIDTH - RIGHT - LEFT - 24
    return [round(LEFT + 12 + (value - low) / (high - low) * inner, 2) for value in steps]


def _path(points: Sequence[tuple[float, float] | None]) -> str:
    """The line through points; it is broken where one is not known."""
    parts, before = [], None
    for point in points:
        if point is not None:
            parts.append(f"{'L' if before else 'M'}{point[0]} {point[1]}")
        before = point
    return "".join(parts)


def _spaced(names: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """The names that find room beside each other."""
    kept: list[tuple[float, str]] = []
    for x, name in names:
        width = 6.5 * min(len(name), 16)
        if not kept or x - kept[-1][0] > width / 2 + 3.25 * min(len(kept[-1][1]), 16) + 6:
            kept.append((x, name if len(name) <= 16 else f"{name[:15]}…"))
    return kept


def _columns(shown: Chart, places: Sequence[float]) -> list[dict[str, object]]:
    """What is told at the pointer, for each ``x``."""
    found = []
    for place, (x, name) in enumerate(zip(places, shown.x, strict=True)):
        values = [(series.name, series.values[place]) for series in shown.series]
        told = [f"{series}: {number(value)}" for series, value in values if value is not None]
        found.append({"x": x, "name": _name(name), "told": "\n".join(told)})
    return found


def _name(value: object) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _bars(shown: Chart, ticks: Sequence[float]) -> dict[str, object]:
    row = len(shown.series) * BAR + GAP
    height = TOP + len(shown.x) * row + BOTTOM

    def x_of(value: float) -> float:
        inside = min(max((value - ticks[0]) / (ticks[-1] - ticks[0]), 0), 1)
        return round(NAMES + inside * (WIDTH - RIGHT - 40 - NAMES), 2)

    rows = []
    for place, name in enumerate(shown.x):
        top, bars = TOP + place * row, []
        for index, series in enumerate(shown.series):
            value = series.values[place]
            if value is not None and isfinite(value):
                left, right = sorted((x_of(0.0), x_of(value)))
                y, mark = top + GAP / 2 + index * BAR, index % len(MARKS)
                bars.append({"mark": mark, "x": left, "y": y, "width": right - left, "text": number(value)})
        text = _name(name)
        rows.append(
            {
                "name": text if len(text) <= 28 else f"{text[:27]}…",
                "y": top + row / 2,
                "top": top,
                "height": row,
                "bars": bars,
                "told": _columns(shown, [0.0] * len(shown.x))[place]["told"],
                "full": text,
            }
        )
    return {
        "size": (WIDTH, height),
        "edges": (NAMES, WIDTH - RIGHT - 40, TOP, height - BOTTOM),
        "ticks": [(x_of(value), text) for value, text in zip(ticks, numbers(*ticks), strict=True)],
        "rows": rows,
    }
