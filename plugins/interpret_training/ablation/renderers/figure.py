"""An ablation as dots: a row for each variant, ours and the paper's errors side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor
from pathlib import Path
from typing import ClassVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MultipleLocator
from pydantic import Field

from interpret.files import printable
from interpret.images import Images
from interpret.plugin import Renderer
from interpret_figures.charts import (
    BODY,
    DIAMOND,
    DOT,
    DOTTED,
    OURS,
    finish,
    name_rows,
    quiet_axes,
    save_chart,
    subplots,
    text_style,
    write_beside,
)
from interpret_figures.grid import Heading
from interpret_figures.page import INK, QUIET, Format, font
from interpret_figures.text import paragraph
from interpret_training.ablation.renderers.table import chance, diverged, million, scale
from interpret_training.ablation.results import MEASURES, Ablation, Measure

PANELS: Mapping[Measure, str] = {
    "train": "training, top 1",
    "validation": "validation, top 1",
    "validation5": "validation, top 5",
}
"""The titles of the panels."""

ROW, ROW_WIDTH, ROW_LABEL = 0.29, 1.62, 2.3
"""Inches of a row, of a panel's width, and of the longest line of a label."""


class AblationFigure(Renderer[Ablation]):
    """Errors of every row as dots with their spread over the seeds, and the paper's where it gives them."""

    name: ClassVar[str] = "ablation_figure"

    formats: tuple[Format, ...] = Field(("png",), min_length=1, description="Kinds of files: png, svg, pdf.")

    def render(self, result: Ablation, images: Images, folder: Path) -> Sequence[Path]:  # noqa: ARG002
        """Write ``ablation.png``; no image is read."""
        return save_chart(lambda: draw(result), folder / "ablation", self.formats)


def _caption(result: Ablation) -> str:
    """The scale, and what the small marks are."""
    seeds = " Bars: the spread; ticks: every seed." if len(result.seeds) > 1 else ""
    near = any(_guess(result, measure) is not None for measure in MEASURES)
    return f"{scale(result)}{seeds}" + (" Dotted: the error of guessing here." if near else "")


def _label(result: Ablation, row: int) -> str:
    """A row's label in at most two lines."""
    failed = diverged(result, row)
    part = f" ({failed})" if failed not in {"", "diverged"} else ""
    return "\n".join(paragraph(printable(result.labels[row] + part), ROW_LABEL, BODY, most=2))


def draw(result: Ablation) -> Figure:
    """The heading, the labels, a panel for each error, and the parameters."""
    shown = [measure for measure in MEASURES if not bool(result.mean(measure).isnan().all())]
    labels = [_label(result, row) for row in range(len(result.labels))]
    figure, axes = subplots([ROW_WIDTH] * len(shown), [ROW * len(labels)], sharey=True)
    for one, measure in zip(axes[0], shown, strict=True):
        _panel(one, result, measure)
        name_rows(one, labels)
    parameters = [million(count) for count in result.parameters.tolist()]
    write_beside(axes[0, -1], "parameters,\nmillions", parameters)
    marks = [Line2D([], [], label="here", **DOT)]
    if not bool(result.paper.isnan().all()):
        marks.append(Line2D([], [], label="paper", **DIAMOND))
    return finish(figure, Heading("Variants of a model, trained alike", (_caption(result),)), marks)


def _panel(axes: Axes, result: Ablation, measure: Measure) -> None:
    """One error of all rows."""
    low, high = _span(result, measure)
    axes.set_xlim(low, high)
    axes.set_title(PANELS[measure], loc="left", **text_style(7, INK, bold=True))
    axes.set_xlabel("error, %", labelpad=2, **text_style(BODY))
    axes.xaxis.set_major_locator(MultipleLocator(20 if high - low > 45 else 10))
    quiet_axes(axes)
    if (guess := _guess(result, measure)) is not None:
        axes.axvline(guess, **DOTTED)
    _dots(axes, result, measure, low, high)


def _dots(axes: Axes, result: Ablation, measure: Measure, low: float, high: float) -> None:
    """The paper's error, every seed's, their mean and spread; a word where there is none."""
    each, paper = 100 * getattr(result, measure).numpy(), 100 * result.reported(measure).numpy()
    mean, spread = 100 * result.mean(measure).numpy(), 100 * result.spread(measure).numpy()
    for row in range(len(result.labels)):
        y = row + 0.5
        if np.isfinite(paper[row]):
            axes.plot(paper[row], y, **DIAMOND)
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
        axes.plot(mean[row], y, **DOT)


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
