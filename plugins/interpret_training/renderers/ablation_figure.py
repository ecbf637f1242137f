"""An ablation as dots: a row for each variant, ours and the paper's errors side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor
from pathlib import Path
from typing import ClassVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator
from pydantic import Field

from interpret.images import Images
from interpret.plugin import Renderer
from interpret_figures.charts import (
    DPI,
    OURS,
    diamond,
    dot,
    legend,
    panel,
    put_mark,
    quiet_axes,
    save_chart,
    write,
)
from interpret_figures.grid import LINE
from interpret_figures.page import INK, QUIET, Format, font
from interpret_figures.text import paragraph, text_inches
from interpret_training.ablation_results import MEASURES, Ablation, Measure
from interpret_training.renderers.ablation_table import chance, diverged, million, scale

TITLES: dict[Measure, str] = {
    "train": "training, top 1",
    "validation": "validation, top 1",
    "validation5": "validation, top 5",
}
ROW, PANEL, GAP, EDGE, BELOW, LABELS = 0.29, 1.62, 0.2, 0.3, 0.5, 2.3
"""Inches of a row, of a panel's width, between panels, around all, below the panels, of the longest label."""

NARROW, LETTERS = 0.75, 6.5
"""Inches of a column of numbers at the right, and points of what is written."""


class AblationFigure(Renderer[Ablation]):
    """Errors of every row as dots with their spread over the seeds, and the paper's where it gives them."""

    name: ClassVar[str] = "ablation_figure"

    formats: tuple[Format, ...] = Field(("png",), min_length=1, description="Kinds of files: png, svg, pdf.")

    def render(self, result: Ablation, images: Images, folder: Path) -> Sequence[Path]:  # noqa: ARG002
        """Write ``ablation.png``; no image is read."""
        return save_chart(lambda: draw(result), folder / "ablation", self.formats)


@dataclass(frozen=True)
class _Sheet:
    """Where things stand, in inches from the top left."""

    result: Ablation
    measures: tuple[Measure, ...]
    labels: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, result: Ablation) -> _Sheet:
        """The panels that have something to show, and the labels in lines."""
        shown = tuple(one for one in MEASURES if not bool(result.mean(one).isnan().all()))
        return cls(result, shown, tuple(_label(result, row) for row in range(len(result.labels))))

    @property
    def left(self) -> float:
        """Where the first panel begins."""
        widest = max(text_inches(line, LETTERS) for lines in self.labels for line in lines)
        return EDGE + widest + 0.15

    @property
    def width(self) -> float:
        return max(self.left + len(self.measures) * (PANEL + GAP) + NARROW + EDGE, 4.5)

    @property
    def lines(self) -> list[str]:
        """How to read the figure."""
        return paragraph(_caption(self.result), self.width - 2 * EDGE, LETTERS, most=5)

    @property
    def top(self) -> float:
        """Where the first row begins."""
        return 0.3 + LINE * (len(self.lines) + 1) + 0.55

    @property
    def size(self) -> tuple[float, float]:
        return self.width, self.top + ROW * len(self.labels) + BELOW


def _caption(result: Ablation) -> str:
    """The scale, and what the small marks are."""
    seeds = " Bars: the spread; ticks: every seed." if len(result.seeds) > 1 else ""
    near = any(_guess(result, measure) is not None for measure in MEASURES)
    return f"{scale(result)}{seeds}" + (" Dotted: the error of guessing here." if near else "")


def _label(result: Ablation, row: int) -> tuple[str, ...]:
    """A row's label in at most two lines."""
    failed = diverged(result, row)
    part = f" ({failed})" if failed not in {"", "diverged"} else ""
    return tuple(paragraph(result.labels[row] + part, LABELS, LETTERS, most=2))


def draw(result: Ablation) -> Figure:
    """The heading, the labels, a panel for each error, and the parameters."""
    sheet = _Sheet.of(result)
    figure = Figure(figsize=sheet.size, dpi=DPI, facecolor="white")
    _heading(figure, sheet)
    _labels(figure, sheet)
    for place, measure in enumerate(sheet.measures):
        _panel(figure, sheet, measure, sheet.left + place * (PANEL + GAP))
    _costs(figure, sheet)
    return figure


def _heading(figure: Figure, sheet: _Sheet) -> None:
    """The title, what is shown, and what the marks are."""
    write(figure, EDGE, 0.3, "Variants of a model, trained alike", 11, colour=INK, bold=True)
    for number, line in enumerate(sheet.lines, start=1):
        write(figure, EDGE, 0.34 + LINE * number, line, LETTERS)
    below = 0.34 + LINE * (len(sheet.lines) + 1) + 0.06
    marks = [("here", dot())]
    if not bool(sheet.result.paper.isnan().all()):
        marks.append(("paper", diamond()))
    legend(figure, EDGE, below, marks, LETTERS)


def _labels(figure: Figure, sheet: _Sheet) -> None:
    for row, lines in enumerate(sheet.labels):
        middle = sheet.top + ROW * (row + 0.5)
        for number, line in enumerate(lines):
            y = middle + 0.035 + 0.11 * (number - (len(lines) - 1) / 2)
            write(figure, EDGE, y, line, LETTERS, colour=INK)


def _panel(figure: Figure, sheet: _Sheet, measure: Measure, left: float) -> None:
    """One error of all rows."""
    result = sheet.result
    axes = panel(figure, left, sheet.top, PANEL, ROW * len(sheet.labels))
    low, high = _span(result, measure)
    axes.set_xlim(low, high)
    axes.set_ylim(len(sheet.labels), 0)
    axes.set_yticks(np.arange(len(sheet.labels)) + 0.5)
    axes.set_yticklabels([])
    axes.set_title(TITLES[measure], loc="left", fontproperties=font(7, bold=True), color=INK, pad=5)
    axes.set_xlabel("error, %", fontproperties=font(LETTERS), color=QUIET, labelpad=2)
    axes.xaxis.set_major_locator(MultipleLocator(20 if high - low > 45 else 10))
    quiet_axes(axes)
    axes.tick_params(axis="y", length=0)
    if (guess := _guess(result, measure)) is not None:
        axes.axvline(guess, color=QUIET, linewidth=0.6, linestyle=(0, (2, 2)))
    _dots(axes, result, measure, low, high)


def _dots(axes: Axes, result: Ablation, measure: Measure, low: float, high: float) -> None:
    """The paper's error, every seed's, their mean and spread; a word where there is none."""
    each, paper = 100 * getattr(result, measure).numpy(), 100 * result.reported(measure).numpy()
    mean, spread = 100 * result.mean(measure).numpy(), 100 * result.spread(measure).numpy()
    for row in range(len(result.labels)):
        y = row + 0.5
        if np.isfinite(paper[row]):
            put_mark(axes, diamond(), paper[row], y)
        if not np.isfinite(mean[row]):
            axes.text(
                low + 0.02 * (high - low), y, "diverged", fontproperties=font(6), color=QUIET, va="center",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
            )  # fmt: skip
            continue
        if np.isfinite(spread[row]):
            ends = (mean[row] - spread[row], mean[row] + spread[row])
            axes.plot(ends, (y, y), color=OURS, linewidth=1.6, solid_capstyle="round", alpha=0.55, zorder=4)
            seeds = each[row][np.isfinite(each[row])]
            axes.plot(seeds, [y + 0.3] * len(seeds), "|", color=OURS, markersize=2.6, markeredgewidth=0.6)
        put_mark(axes, dot(), mean[row], y)


def _guess(result: Ablation, measure: Measure) -> float | None:
    """The error of guessing in percent; None where it is far from all there is."""
    low, high = _span(result, measure)
    guess = chance(result, 5 if measure == "validation5" else 1)
    return guess if low < guess < high else None


def _span(result: Ablation, measure: Measure) -> tuple[float, float]:
    """Tens of percent around all there is; both top-1 errors have the same, to be compared."""
    alike: tuple[Measure, ...] = ("validation5",) if measure == "validation5" else ("train", "validation")
    parts = [(result.mean(one), result.spread(one).nan_to_num(), result.reported(one)) for one in alike]
    ends = [
        values.numpy() for mean, spread, paper in parts for values in (mean - spread, mean + spread, paper)
    ]
    known = 100 * np.concatenate(ends)
    known = known[np.isfinite(known)]
    if not len(known):
        return 0, 100
    low, high = 10 * floor((known.min() - 1) / 10), 10 * ceil((known.max() + 1) / 10)
    return max(low, 0) - 2, min(high, 100) + 2


def _costs(figure: Figure, sheet: _Sheet) -> None:
    """The parameters of every row at the right."""
    right = sheet.left + len(sheet.measures) * (PANEL + GAP) + NARROW - 0.1
    write(figure, right, sheet.top - 0.2, "parameters,", LETTERS, align="right")
    write(figure, right, sheet.top - 0.07, "millions", LETTERS, align="right")
    for row, count in enumerate(sheet.result.parameters.tolist()):
        y = sheet.top + ROW * (row + 0.5) + 0.035
        write(figure, right, y, million(count), LETTERS, colour=INK, align="right")
