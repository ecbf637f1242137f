"""The distances of a correspondence as dots: a panel for each layer and rule, a row for each location."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from interpret.files import printable
from interpret_correspondence.distances import Zeros
from interpret_correspondence.renderers.text import RULES, PaperLayer, chance, masks, numbers, paper, tests
from interpret_correspondence.results import RANDOM, Correspondence
from interpret_figures.charts import (
    BODY,
    DIAMOND,
    DOT,
    DOTTED,
    OURS,
    finish,
    name_rows,
    quiet_axes,
    subplots,
    text_style,
    write_above,
    write_beside,
)
from interpret_figures.grid import Heading
from interpret_figures.page import INK, QUIET
from interpret_figures.text import fitted, text_inches

ROW, WIDTH, LABEL = 0.3, 1.7, 1.6
"""Inches of a row, of a panel's width, and of the longest name of a row."""

SAMPLE = 300
"""Pairs that are drawn of one row; of more, a sample that is evenly spaced."""


def draw(result: Correspondence, beside: Mapping[str, PaperLayer]) -> Figure:
    """The heading, and for each rule a panel for each layer.

    Args:
        result: What was found.
        beside: The paper's layer that stands beside a layer of the result.
    """
    names = [printable(fitted(name, LABEL, BODY)) for name in result.rows]
    widths, heights = [WIDTH] * len(result.layers), [ROW * len(names)] * len(RULES)
    figure, axes = subplots(widths, heights, sharex="row", sharey=True)
    for line, (zeros, title) in zip(axes, RULES.items(), strict=True):
        printed = {layer: _printed(result, beside, layer, zeros) for layer in result.layers}
        line[0].set_xlim(*_span(result, zeros, printed))
        for one, layer in zip(line, result.layers, strict=True):
            _panel(one, result, layer, zeros, printed[layer])
            name_rows(one, names)
        line[0].set_title(title, loc="left", pad=22, **text_style(7, INK, bold=True))
    marks = [Line2D([], [], label="here", **DOT)]
    marks += [Line2D([], [], label="paper", **DIAMOND)] if beside else []
    pairs = "Faint: pairs of images; bars: their standard deviation; dotted: random."
    text = " ".join(filter(None, (numbers(result), tests(result), masks(result), pairs)))
    heading = Heading("What masked parts change in several images", (text,))
    widest = max(text_inches(title, 7, bold=True) for title in RULES.values())
    return finish(figure, heading, marks, least=widest + max(text_inches(name, BODY) for name in names) + 0.9)


def _printed(
    result: Correspondence, beside: Mapping[str, PaperLayer], layer: str, zeros: Zeros
) -> list[float | None]:
    """The paper's mean of each row, where it stands beside a layer; zeros agree in the paper."""
    if layer not in beside or zeros != "agree":
        return [None] * len(result.rows)
    found = [paper(row, beside[layer]) for row in result.rows]
    return [each and each[0] for each in found]


def _panel(
    axes: Axes, result: Correspondence, layer: str, zeros: Zeros, printed: Sequence[float | None]
) -> None:
    """One layer under one rule, and the chance of each part at its right."""
    axes.set_xlabel("distance", labelpad=2, **text_style(BODY))
    write_above(axes, fitted(layer, WIDTH, BODY, bold=True), 5, **text_style(BODY, INK, bold=True))
    if result.draws:
        axes.axvline(float(result.mean(layer, zeros)[-1]), zorder=2, **DOTTED)
    for row, each in enumerate(printed):
        _dots(axes, result, layer, zeros, row)
        if each:
            axes.plot(each, row + 0.5, **DIAMOND)
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    quiet_axes(axes)
    chances = result.layers[layer].p(zeros).tolist()
    if not all(map(isnan, chances)):
        write_beside(axes, "p", list(map(chance, chances)))


def _dots(axes: Axes, result: Correspondence, layer: str, zeros: Zeros, row: int) -> None:
    """Pairs of one row, their mean and deviation."""
    y = row + 0.5
    mean, spread = (float(of(layer, zeros)[row]) for of in (result.mean, result.spread))
    values = result.values(layer, zeros)[row].numpy()
    shown = values[np.linspace(0, len(values) - 1, min(len(values), SAMPLE)).round().astype(int)]
    jitter = np.random.default_rng(0).uniform(-0.32, 0.32, len(shown))
    colour = QUIET if result.rows[row] == RANDOM else OURS
    axes.plot(shown, y + jitter, ".", color=colour, markersize=1.6, markeredgewidth=0, alpha=0.4, zorder=1)
    if np.isfinite(spread):
        ends = (mean - spread, mean + spread)
        axes.plot(ends, (y, y), color=colour, linewidth=1.8, solid_capstyle="round", alpha=0.75, zorder=4)
    if np.isfinite(mean):
        axes.plot(mean, y, **DOT | {"color": colour})


def _span(
    result: Correspondence, zeros: Zeros, printed: Mapping[str, Sequence[float | None]]
) -> tuple[float, float]:
    """The ends of the axes of one rule, the same for all layers, with a little room."""
    known = [
        end
        for layer in result.layers
        for values in result.values(layer, zeros)
        for end in ((float(values.min()), float(values.max())) if len(values) else ())
    ]
    known += [value for values in printed.values() for value in values if value]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    room = 0.05 * (high - low) or 0.05
    return low - room, high + room
