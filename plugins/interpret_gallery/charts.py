"""Charts as SVG: lines over an axis, or bars beside names; the script shows the values at the pointer.

A line has a colour, a mark and dashes of its own, and a chart stands beside its table: nobody needs to tell
colours apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, isfinite
from typing import Literal
from unicodedata import bidirectional

from markupsafe import Markup

from interpret.plugin import PageContext
from interpret_figures.text import MINUS, number
from interpret_gallery.axes import Axis, Scale, apart, known, round_numbers
from interpret_gallery.data import save_drawing
from interpret_gallery.templates import render

__all__ = ["Chart", "Series", "chart", "write_cover"]

WIDTH, HEIGHT = 560, 280
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 18, 46
BAR, GAP = 16, 10
LETTER, LETTERS, WIDE = 6.7, 24, 8
MARKS = ("circle", "square", "triangle", "diamond", "cross", "ring", "bar")
"""As many as there are colours."""

MARKED = 32
"""Points of a line that are all marked; of more, some are."""


@dataclass(frozen=True)
class Series:
    """Values with a name.

    Attributes:
        name: What they are of.
        values: One for each ``x`` of the chart; None: not known.
        spread: How far each may be off, such as a standard deviation; drawn as whiskers.
        band: From where to where other values lie, such as quartiles; drawn as an area, in lines only.
    """

    name: str
    values: Sequence[float | None]
    spread: Sequence[float | None] | None = None
    band: Sequence[tuple[float, float] | None] | None = None

    def told(self, place: int) -> str:
        """A value as text, with its spread and band; empty where it is not known."""
        value, text = self.values[place], ""
        if known(value):
            spread = self.spread[place] if self.spread else None
            band = self.band[place] if self.band else None
            text = number(value)
            text += f" ± {number(spread)}" if known(spread) else ""
            text += f" ({number(band[0])} to {number(band[1])})" if band and all(map(known, band)) else ""
        return text


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
        scale: Of the values: ``log`` for lines over powers of ten; what is not above zero is left out.
        x_scale: Of numbers in ``x``.
        limits: Values with a name, such as a threshold: drawn as a line across.
        events: Places along ``x`` with a name: drawn as a line upright, in lines only.
    """

    title: str
    x: Sequence[float] | Sequence[str]
    series: Sequence[Series]
    x_label: str = ""
    y_label: str = ""
    kind: Literal["line", "bar"] = "line"
    low: float | None = None
    high: float | None = None
    scale: Scale = "linear"
    x_scale: Scale = "linear"
    limits: Sequence[tuple[float, str]] = ()
    events: Sequence[tuple[float, str]] = ()


def chart(shown: Chart) -> Markup:
    """A chart as HTML, with its legend.

    Example:
        >>> drawn = chart(Chart("error", [1, 2, 3], [Series("train", [0.9, 0.5, 0.4])]))
        >>> str(drawn).count("<svg")
        1
    """
    values = [value for series in shown.series for value in series.values if known(value, shown.scale)]
    if not values:
        return render("interpret_gallery", "empty.html", text=f"{shown.title}: there are no values.")
    drawn = _lines(shown) if shown.kind == "line" else _bars(shown)
    legend = [(_style(place), series.name) for place, series in enumerate(shown.series)]
    return render("interpret_gallery", f"{shown.kind}_chart.html", shown=shown, legend=legend, **drawn)


def _style(place: int) -> dict[str, int]:
    """What a series looks like: after seven the colours come again, with other marks, and bars are hollow."""
    again, colour = divmod(place, len(MARKS))
    return {"colour": colour, "mark": (colour + again) % len(MARKS), "again": again}


def write_cover(context: PageContext, shown: Chart) -> str:
    """Write the lines or bars of a chart as a picture for ``Sheet.cover``; empty where there are no values.

    Args:
        context: Whose page it stands for.
        shown: The chart.
    """
    if not any(known(value, shown.scale) for series in shown.series for value in series.values):
        return ""
    drawn = _lines(shown) if shown.kind == "line" else _bars(shown)
    return save_drawing(context, "cover", render("interpret_gallery", f"{shown.kind}_cover.svg", **drawn))


def _value_axis(shown: Chart, start: float, end: float) -> Axis:
    """The axis of the values, which holds all that is drawn at them."""
    drawn = [value for series in shown.series for value in _drawn(series) if known(value, shown.scale)]
    drawn += [value for value, _ in shown.limits if known(value, shown.scale)]
    low = min(drawn) if shown.low is None else shown.low
    high = max(drawn) if shown.high is None else shown.high
    if shown.kind == "bar":
        low, high = min(low, 0.0), max(high, 0.0)
    return Axis.around(*apart(low, high, shown.scale), start, end, shown.scale)


def _drawn(series: Series) -> list[float | None]:
    """Values, and the ends of their spreads and bands."""
    found = list(series.values)
    for value, spread in zip(series.values, series.spread or (), strict=False):
        found += [value - spread, value + spread] if known(value) and known(spread) else []
    return found + [edge for band in series.band or () if band for edge in band]


def _lines(shown: Chart) -> dict[str, object]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    axis, along = _value_axis(shown, bottom, TOP), _along(shown)
    places = [along.place(value) for value in _steps(shown.x)]
    return {
        "size": (WIDTH, HEIGHT),
        "edges": (LEFT, right, TOP, bottom),
        "ticks": axis.ticks(),
        "names": _x_ticks(shown, along, places),
        "columns": [{"x": x, **told} for x, told in zip(places, _columns(shown), strict=True)],
        "lines": [_line(series, place, places, axis) for place, series in enumerate(shown.series)],
        "limits": [(axis.place(value), text) for value, text in shown.limits if known(value, shown.scale)],
        "events": [
            _label(along.place(at), text, LEFT, right)
            for at, text in shown.events
            if known(at, shown.x_scale)
        ],
    }


def _line(series: Series, place: int, places: Sequence[float], axis: Axis) -> dict[str, object]:
    """The path, the marks, the whiskers and the area of one line."""
    points = [
        (x, axis.place(value)) if known(value, axis.scale) else None
        for x, value in zip(places, series.values, strict=True)
    ]
    there = [point for point in points if point]
    return {
        **_style(place),
        "path": _path(points),
        "points": there if len(there) <= MARKED else there[:: ceil(len(there) / 8)],
        "whiskers": _whiskers(series, places, axis),
        "area": _area(series, places, axis),
    }


def _whiskers(series: Series, places: Sequence[float], axis: Axis) -> list[tuple[float, float, float]]:
    spread = series.spread or [None] * len(places)
    return [
        (x, axis.place(v + s), axis.place(v - s))
        for x, v, s in zip(places, series.values, spread, strict=True)
        if known(v) and known(s) and s > 0
    ]


def _area(series: Series, places: Sequence[float], axis: Axis) -> str:
    """The outline of a band, in as many parts as it has; each from left to right above, and back below."""
    parts: list[list[tuple[float, float, float]]] = [[]]
    for x, band in zip(places, series.band or (), strict=False):
        if band and all(known(edge, axis.scale) for edge in band):
            parts[-1].append((x, axis.place(band[1]), axis.place(band[0])))
        elif parts[-1]:
            parts.append([])
    return "".join(
        "M"
        + "L".join([f"{x} {top}" for x, top, _ in part] + [f"{x} {low}" for x, _, low in part[::-1]])
        + "Z"
        for part in parts
        if len(part) > 1
    )


def _steps(x: Sequence[float] | Sequence[str]) -> list[float]:
    """Numbers in proportion, names evenly."""
    given = [float(value) for value in x if not isinstance(value, str)]
    return given if len(given) == len(x) else [float(place) for place in range(len(x))]


def _along(shown: Chart) -> Axis:
    """The axis from left to right: from the first to the last value, with some room at both ends."""
    steps, numeric = _steps(shown.x), not any(isinstance(value, str) for value in shown.x)
    positive = [step for step in steps if step > 0]
    scale: Scale = "log" if shown.x_scale == "log" and numeric and positive else "linear"
    low = min(positive if scale == "log" else steps)
    low = low / 2 if scale == "log" and min(steps) <= 0 else low  # zero stands at the left end
    return Axis(*apart(low, max(steps), scale), LEFT + 12, WIDTH - RIGHT - 12, scale)


def _x_ticks(shown: Chart, along: Axis, places: Sequence[float]) -> list[tuple[float, str]]:
    """The names below the axis: of all values where they find room, else round numbers, else some."""
    names = [(x, _name(name)) for x, name in zip(places, shown.x, strict=True)]
    kept = _spaced(names)
    if len(kept) == len(names) or along.scale == "log" or any(isinstance(value, str) for value in shown.x):
        return kept
    round_ones = [value for value in round_numbers(along.low, along.high) if along.low <= value <= along.high]
    return [(along.place(value), _name(value)) for value in round_ones]


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
        width = WIDE * min(len(name), 16)
        if not kept or x - kept[-1][0] > (width + WIDE * min(len(kept[-1][1]), 16)) / 2 + 6:
            kept.append((x, name if len(name) <= 16 else f"{name[:15]}…"))
    return kept


def _columns(shown: Chart) -> list[dict[str, str]]:
    """What is told at the pointer, for each ``x``."""
    found = []
    for place, name in enumerate(shown.x):
        told = [(_isolated(series.name), series.told(place)) for series in shown.series]
        lines = [f"{series}: {text}" for series, text in told if text]
        found.append({"name": _name(name), "told": "\n".join(lines)})
    return found


def _isolated(name: str) -> str:
    """A name that turns the writing's direction, kept from turning what stands after it."""
    return (
        name if all(map(_goes_right, name)) else f"\N{FIRST STRONG ISOLATE}{name}\N{POP DIRECTIONAL ISOLATE}"
    )


def _goes_right(letter: str) -> bool:
    return bidirectional(letter) not in {
        "R",
        "AL",
        "RLE",
        "RLO",
        "RLI",
        "LRE",
        "LRO",
        "LRI",
        "FSI",
        "PDF",
        "PDI",
    }


def _name(value: object) -> str:
    return value if isinstance(value, str) else f"{value:g}".replace("-", MINUS)


def _bars(shown: Chart) -> dict[str, object]:
    row = len(shown.series) * BAR + GAP
    height = TOP + len(shown.x) * row + BOTTOM
    letters = max(min(len(_name(name)), LETTERS) for name in shown.x)
    left = round(LETTER * letters + 20)
    axis = _value_axis(shown, left, WIDTH - RIGHT - 40)
    return {
        "size": (WIDTH, height),
        "edges": (left, WIDTH - RIGHT - 40, TOP, height - BOTTOM),
        "ticks": axis.ticks(),
        "rows": [_row(shown, place, told, axis, row) for place, told in enumerate(_columns(shown))],
        "limits": [
            _label(axis.place(value), text, left, WIDTH) for value, text in shown.limits if isfinite(value)
        ],
    }


def _label(x: float, text: str, left: float, right: float) -> tuple[float, str, str]:
    """Where an upright line stands, its text, and on which side of it that finds room."""
    half = LETTER * len(text) / 2
    return x, text, "start" if x - half < left else "end" if x + half > right else "middle"


def _row(shown: Chart, place: int, told: Mapping[str, str], axis: Axis, height: float) -> dict[str, object]:
    """The bars of one name."""
    top, name = TOP + place * height, told["name"]
    bars = [
        _bar(series, place, axis, top + GAP / 2 + index * BAR) | _style(index)
        for index, series in enumerate(shown.series)
        if known(series.values[place])
    ]
    short = name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…"
    return {**told, "short": short, "y": top + height / 2, "top": top, "height": height, "bars": bars}


def _bar(series: Series, place: int, axis: Axis, y: float) -> dict[str, object]:
    """One bar, with its spread and its value as text."""
    value, spread = series.values[place] or 0.0, series.spread[place] if series.spread else None
    left, right = sorted((axis.place(0.0), axis.place(value)))
    whisker = (
        (axis.place(value - spread), axis.place(value + spread)) if known(spread) and spread > 0 else None
    )
    end = max(right, whisker[1]) if whisker else right
    return {
        "x": left,
        "y": y,
        "width": round(right - left, 2),
        "whisker": whisker,
        "end": end,
        "text": number(value),
    }
