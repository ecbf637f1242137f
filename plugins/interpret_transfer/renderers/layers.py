"""What each layer is worth, as dots: a panel for each network, a row for each layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, isfinite
from pathlib import Path
from typing import ClassVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
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
from interpret_transfer.paper import METHODS, METHODS_TABLE, PaperData, Reported
from interpret_transfer.renderers.text import (
    OPTION,
    SCRATCH,
    Paper,
    chosen,
    cut,
    guessing,
    largest,
    layer_name,
    left_out,
    measured,
    of_its_layers,
    of_the_paper,
    reported,
    rows,
    tens,
)
from interpret_transfer.results import LayerTransfer, NetworkTransfer, Transfer

COLOURS: Mapping[str, str] = {"svm": OURS, "softmax": "#009e73", SCRATCH: "#cc79a7"}
"""The colours of classifiers."""

ROW, KIND, TITLE, BELOW = 0.1, 0.1, 0.36, 0.5
"""Inches of a row, and of each classifier in it; above a panel for its title; below the last one."""

PANEL, EDGE, LABELS, DIMENSIONS = 3.4, 0.3, 2.6, 0.85
"""Inches of a panel's width, around all, of the longest label, and of the numbers at the right."""

LETTERS, TITLES = 6.5, 7.5
"""Points of what is written, and of the networks' names."""


class TransferLayers(Renderer[Transfer]):
    """The quality of each layer at the largest number of training images, and its spread over the splits."""

    name: ClassVar[str] = "transfer_layers"

    paper: Paper = Field("none", description=OPTION)
    formats: tuple[Format, ...] = Field(("png",), min_length=1, description="Kinds of files: png, svg, pdf.")

    def render(self, result: Transfer, images: Images, folder: Path) -> Sequence[Path]:  # noqa: ARG002
        """Write ``transfer-layers.png``; no image is read.

        Raises:
            StepError: If the paper measures something else on the data set that is asked for.
        """
        paper = chosen(result, self.paper)
        return save_chart(lambda: draw(result, paper), folder / "transfer-layers", self.formats)


@dataclass(frozen=True)
class _Row:
    """A layer with its classifiers, or a method of the paper.

    Attributes:
        name: What stands at the left.
        ours: Its classifiers.
        paper: The paper's number for each classifier, or for the method.
    """

    name: str
    ours: Sequence[LayerTransfer] = ()
    paper: Sequence[Reported | None] = ()


@dataclass(frozen=True)
class _Sheet:
    """What stands where, in inches from the top left."""

    result: Transfer
    paper: PaperData | None

    @cached_property
    def place(self) -> int:
        """The place of the number of training images that is shown."""
        return largest(self.result)

    @cached_property
    def panels(self) -> list[tuple[str, list[_Row]]]:
        """A title and rows for each network, and for the paper's methods."""
        found = [(network.label, _layers(network, self.paper)) for network in self.result.networks]
        if self.paper:
            title = f"In the paper, Table {METHODS_TABLE[self.paper]}"
            found.append((title, _methods(self.paper, self.result.sizes[self.place])))
        return found

    @cached_property
    def kinds(self) -> list[str]:
        """The classifiers that are there."""
        return list(dict.fromkeys(row.classifier for _, row in rows(self.result)))

    @cached_property
    def left(self) -> float:
        """Where the panels begin."""
        names = [row.name for _, lines in self.panels for row in lines]
        return EDGE + max(text_inches(cut(name, LABELS, LETTERS), LETTERS) for name in names) + 0.12

    @property
    def width(self) -> float:
        return self.left + PANEL + DIMENSIONS + EDGE

    @cached_property
    def lines(self) -> list[str]:
        """How to read the figure."""
        return paragraph(
            _caption(self.result, self.paper, self.place), self.width - 2 * EDGE, LETTERS, most=9
        )

    @property
    def top(self) -> float:
        """Where the first panel's title begins."""
        return 0.3 + LINE * (len(self.lines) + 1) + 0.2

    @property
    def tops(self) -> list[float]:
        """Where each panel begins."""
        heights = [_tall(lines) for _, lines in self.panels]
        return [self.top + TITLE * (place + 1) + sum(heights[:place]) for place in range(len(heights))]

    @property
    def size(self) -> tuple[float, float]:
        return self.width, self.tops[-1] + _tall(self.panels[-1][1]) + BELOW

    @cached_property
    def most(self) -> float:
        """The right end of the axes: tens of percent above all there is."""
        shown = [row.quality[self.place].max() for _, row in rows(self.result)]
        shown += [row.mean[self.place] + row.spread[self.place].nan_to_num() for _, row in rows(self.result)]
        values = [100 * float(value) for value in shown]
        values += [one.mean for _, lines in self.panels for row in lines for one in row.paper if one]
        known = [value for value in values if isfinite(value)]
        return min(10 * ceil((max(known, default=90) + 1) / 10), 100)


def _height(row: _Row) -> float:
    """Inches of a row."""
    return ROW + KIND * max(len(row.ours), 1)


def _tall(lines: Sequence[_Row]) -> float:
    """Inches of a panel, whose rows are alike."""
    return sum(map(_height, lines))


def _layers(network: NetworkTransfer, paper: PaperData | None) -> list[_Row]:
    """A row for each layer of a network."""
    names = dict.fromkeys(row.layer for row in network.layers)
    found = [[row for row in network.layers if row.layer == name] for name in names]
    return [_Row(layer_name(ours[0]), ours, [reported(paper, row) for row in ours]) for ours in found]


def _methods(paper: PaperData, size: int) -> list[_Row]:
    """The paper's methods with as many training images as ours; with the most where it has not as many."""
    lines = []
    for method, found in METHODS[paper].items():
        own = size if size in found else max(found)
        lines.append(_Row(f"{method}, {own:,} images", paper=[found[own]]))
    return lines


def _caption(result: Transfer, paper: PaperData | None, place: int) -> str:
    """What is measured, and what the marks are."""
    marks = "Bars: the spread; ticks: every split." if result.folds > 1 else ""
    guess = guessing(result)
    said = [measured(result, result.sizes[place : place + 1]), marks]
    said += [] if guess is None else [f"Dotted: guessing, {guess:.1f} %."]
    return " ".join(
        filter(None, [*said, *left_out(result), of_the_paper(paper), of_its_layers(result, paper)])
    )


def draw(result: Transfer, paper: PaperData | None = None) -> Figure:
    """The heading, and a panel for each network."""
    sheet = _Sheet(result, paper)
    figure = Figure(figsize=sheet.size, dpi=DPI, facecolor="white")
    _heading(figure, sheet)
    for (title, lines), top in zip(sheet.panels, sheet.tops, strict=True):
        said = cut(title, sheet.left + PANEL - EDGE, TITLES, bold=True)
        write(figure, EDGE, top - 0.09, said, TITLES, colour=INK, bold=True)
        _panel(figure, sheet, lines, top)
        _numbers(figure, sheet, lines, top)
    axes = figure.axes[-1]
    axes.tick_params(labelbottom=True)
    axes.set_xlabel(f"{result.measure}, %", fontproperties=font(LETTERS), color=QUIET, labelpad=2)
    return figure


def _heading(figure: Figure, sheet: _Sheet) -> None:
    """The title, what is shown, and what the marks are."""
    write(figure, EDGE, 0.3, "What each layer is worth", 11, colour=INK, bold=True)
    for number, line in enumerate(sheet.lines, start=1):
        write(figure, EDGE, 0.34 + LINE * number, line, LETTERS)
    marks = [(_kind(kind), dot(COLOURS[kind])) for kind in sheet.kinds]
    marks += [("the paper's", diamond())] if sheet.paper else []
    legend(figure, EDGE, 0.34 + LINE * (len(sheet.lines) + 1) + 0.06, marks, LETTERS)
    right = sheet.width - EDGE
    write(figure, right, sheet.tops[0] - 0.09, "dimensions", LETTERS, align="right")


def _kind(classifier: str) -> str:
    return "trained from scratch" if classifier == SCRATCH else classifier


def _panel(figure: Figure, sheet: _Sheet, lines: Sequence[_Row], top: float) -> None:
    """The layers of one network."""
    axes = panel(figure, sheet.left, top, PANEL, _tall(lines))
    axes.set_xlim(-0.012 * sheet.most, 1.012 * sheet.most)
    axes.set_ylim(len(lines), 0)
    axes.set_yticks(np.arange(len(lines)) + 0.5)
    axes.set_yticklabels([])
    axes.set_xticks(tens(sheet.most))
    quiet_axes(axes)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelbottom=False)
    if (guess := guessing(sheet.result)) is not None:
        axes.axvline(guess, color=QUIET, linewidth=0.6, linestyle=(0, (2, 2)))
    for number, row in enumerate(lines):
        _marks(axes, sheet.place, row, number + 0.5)


def _marks(axes: Axes, place: int, row: _Row, middle: float) -> None:
    """The numbers of a row, one classifier below the other, each with the paper's behind it."""
    count = max(len(row.ours), len(row.paper))
    step = KIND / _height(row)
    for number in range(count):
        y = middle + step * (number - (count - 1) / 2)
        if number < len(row.paper) and (value := row.paper[number]):
            put_mark(axes, diamond(), value.mean, y)
        if number < len(row.ours):
            _ours(axes, row.ours[number], place, y, 0.3 * step)


def _ours(axes: Axes, row: LayerTransfer, place: int, y: float, below: float) -> None:
    """Mean, spread and every split of one classifier; nothing where they are not known."""
    mean, spread = 100 * float(row.mean[place]), 100 * float(row.spread[place])
    if not isfinite(mean):
        return
    colour = COLOURS[row.classifier]
    if isfinite(spread):
        ends = (mean - spread, mean + spread)
        axes.plot(ends, (y, y), color=colour, linewidth=1.6, solid_capstyle="round", alpha=0.55, zorder=4)
        each = 100 * row.quality[place].numpy()
        axes.plot(each, [y + below] * len(each), "|", color=colour, markersize=2.6, markeredgewidth=0.6)
    put_mark(axes, dot(colour), mean, y)


def _numbers(figure: Figure, sheet: _Sheet, lines: Sequence[_Row], top: float) -> None:
    """The names at the left, how long the vectors are at the right."""
    for number, row in enumerate(lines):
        y = top + _height(row) * (number + 0.5) + 0.035
        write(figure, EDGE, y, cut(row.name, LABELS, LETTERS), LETTERS, colour=INK)
        if row.ours and row.ours[0].dimension:
            write(figure, sheet.width - EDGE, y, f"{row.ours[0].dimension:,}", LETTERS, align="right")
