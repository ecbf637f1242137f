"""The distances of a correspondence as dots: a panel for each layer and rule, a row for each location."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from interpret_correspondence.distances import Zeros
from interpret_correspondence.renderers.text import RULES, PaperLayer, chance, masks, numbers, paper, tests
from interpret_correspondence.results import RANDOM, Correspondence
from interpret_figures.charts import DPI, OURS, diamond, dot, legend, panel, put_mark, quiet_axes, write
from interpret_figures.grid import LINE
from interpret_figures.page import INK, QUIET, font
from interpret_figures.text import fitted, paragraph, text_inches

ROW, PANEL, GAP, CHANCE, EDGE, LABELS = 0.3, 1.7, 0.28, 0.42, 0.3, 1.6
"""Inches of a row, of a panel's width, between panels, of a column of chances, around all, of a label."""

ABOVE, BELOW, LETTERS = 0.52, 0.42, 6.5
"""Inches above and below the rows of a rule, and points of what is written."""

MOST = 300
"""Pairs that are drawn of one row; of more, a sample that is evenly spaced."""


@dataclass(frozen=True)
class _Sheet:
    """Where things stand, in inches from the top left."""

    result: Correspondence
    beside: Mapping[str, PaperLayer]

    @property
    def left(self) -> float:
        """Where the first panel begins."""
        widest = max(text_inches(row, LETTERS) for row in self.result.rows)
        return EDGE + min(widest, LABELS) + 0.15

    @property
    def step(self) -> float:
        """From one layer to the next."""
        return PANEL + CHANCE + GAP

    @property
    def width(self) -> float:
        return max(self.left + len(self.result.layers) * self.step - GAP + EDGE, 4.5)

    @property
    def lines(self) -> list[str]:
        """How to read the figure."""
        pairs = "Faint: pairs of images; bars: their standard deviation; dotted: random."
        text = " ".join(filter(None, (numbers(self.result), tests(self.result), masks(self.result), pairs)))
        return paragraph(text, self.width - 2 * EDGE, LETTERS, most=8)

    def top(self, rule: int) -> float:
        """Where the rows of a rule begin."""
        first = 0.3 + LINE * (len(self.lines) + 2.3) + ABOVE
        return first + rule * (ROW * len(self.result.rows) + ABOVE + BELOW)

    def printed(self, layer: str, zeros: Zeros) -> list[float | None]:
        """The paper's mean of each row, where it stands beside a layer; zeros agree in the paper."""
        if layer not in self.beside or zeros != "agree":
            return [None] * len(self.result.rows)
        found = [paper(row, self.beside[layer]) for row in self.result.rows]
        return [each and each[0] for each in found]

    @property
    def size(self) -> tuple[float, float]:
        return self.width, self.top(len(RULES)) - ABOVE + 0.1


def draw(result: Correspondence, beside: Mapping[str, PaperLayer]) -> Figure:
    """The heading, and for each rule a panel for each layer.

    Args:
        result: What was found.
        beside: The paper's layer that stands beside a layer of the result.
    """
    sheet = _Sheet(result, beside)
    figure = Figure(figsize=sheet.size, dpi=DPI, facecolor="white")
    _heading(figure, sheet)
    for number, (zeros, title) in enumerate(RULES.items()):
        top = sheet.top(number)
        write(figure, EDGE, top - ABOVE + 0.16, title, 7, colour=INK, bold=True)
        for row, name in enumerate(result.rows):
            text = fitted(name, LABELS, LETTERS)
            write(figure, EDGE, top + ROW * (row + 0.5) + 0.035, text, LETTERS, colour=INK)
        for place, layer in enumerate(result.layers):
            _panel(figure, sheet, layer, zeros, (sheet.left + place * sheet.step, top))
    return figure


def _heading(figure: Figure, sheet: _Sheet) -> None:
    """The title, how to read the figure, and what the marks are."""
    write(figure, EDGE, 0.3, "What masked parts change in several images", 11, colour=INK, bold=True)
    for number, line in enumerate(sheet.lines, start=1):
        write(figure, EDGE, 0.34 + LINE * number, line, LETTERS)
    marks = [("here", dot())] + ([("paper", diamond())] if sheet.beside else [])
    legend(figure, EDGE, 0.34 + LINE * (len(sheet.lines) + 1) + 0.06, marks, LETTERS)


def _panel(figure: Figure, sheet: _Sheet, layer: str, zeros: Zeros, corner: tuple[float, float]) -> None:
    """One layer under one rule."""
    result, rows, (left, top) = sheet.result, len(sheet.result.rows), corner
    axes = panel(figure, left, top, PANEL, ROW * rows)
    axes.set_ylim(rows, 0)
    axes.set_yticks(np.arange(rows) + 0.5)
    axes.set_yticklabels([])
    axes.set_xlim(*_span(sheet, zeros))
    axes.set_xlabel("distance", fontproperties=font(LETTERS), color=QUIET, labelpad=2)
    write(figure, left, top - 0.08, fitted(layer, PANEL, LETTERS, bold=True), LETTERS, colour=INK, bold=True)
    if result.draws:
        mean = float(result.mean(layer, zeros)[-1])
        axes.axvline(mean, color=QUIET, linewidth=0.7, linestyle=(0, (2, 2)), zorder=2)
    for row in range(rows):
        _dots(axes, sheet, layer, zeros, row)
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    quiet_axes(axes)
    axes.tick_params(axis="y", length=0)
    _chances(figure, result.layers[layer].p(zeros).tolist(), left + PANEL + CHANCE - 0.04, top)


def _dots(axes: Axes, sheet: _Sheet, layer: str, zeros: Zeros, row: int) -> None:
    """Pairs of one row, their mean and deviation, and the paper's mean."""
    result, y = sheet.result, row + 0.5
    mean, spread = (float(of(layer, zeros)[row]) for of in (result.mean, result.spread))
    values = result.values(layer, zeros)[row].numpy()
    shown = values[np.linspace(0, len(values) - 1, min(len(values), MOST)).round().astype(int)]
    jitter = np.random.default_rng(0).uniform(-0.32, 0.32, len(shown))
    colour = QUIET if result.rows[row] == RANDOM else OURS
    axes.plot(shown, y + jitter, ".", color=colour, markersize=1.6, markeredgewidth=0, alpha=0.4, zorder=1)
    if np.isfinite(spread):
        ends = (mean - spread, mean + spread)
        axes.plot(ends, (y, y), color=colour, linewidth=1.8, solid_capstyle="round", alpha=0.75, zorder=4)
    if np.isfinite(mean):
        put_mark(axes, dot(colour), mean, y)
    if printed := sheet.printed(layer, zeros)[row]:
        put_mark(axes, diamond(), printed, y)


def _span(sheet: _Sheet, zeros: Zeros) -> tuple[float, float]:
    """The ends of the axes of one rule, the same for all layers, with a little room."""
    known = [
        end
        for layer in sheet.result.layers
        for values in sheet.result.values(layer, zeros)
        for end in ((float(values.min()), float(values.max())) if len(values) else ())
    ]
    known += [value for layer in sheet.result.layers for value in sheet.printed(layer, zeros) if value]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    room = 0.05 * (high - low) or 0.05
    return low - room, high + room


def _chances(figure: Figure, found: Sequence[float], right: float, top: float) -> None:
    """The chance of each part at the right of its panel."""
    if all(map(isnan, found)):
        return
    write(figure, right, top - 0.08, "p", LETTERS, align="right")
    for row, p in enumerate(found):
        y = top + ROW * (row + 0.5) + 0.035
        write(figure, right, y, chance(p), LETTERS, colour=INK, align="right")
