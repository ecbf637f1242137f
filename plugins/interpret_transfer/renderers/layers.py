"""What each layer is worth, as dots: a panel for each network, a row for each layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, isfinite
from pathlib import Path
from typing import ClassVar

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from pydantic import Field

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
from interpret_figures.page import INK, Format
from interpret_transfer.paper import METHODS, METHODS_TABLE, PaperData, Reported
from interpret_transfer.renderers.text import (
    FROM_SCRATCH,
    OPTION,
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

COLOURS: Mapping[str, str] = {"svm": OURS, "softmax": "#009e73", FROM_SCRATCH: "#cc79a7"}
"""The colours of classifiers."""

ROW, KIND, ROW_WIDTH, ROW_LABEL = 0.1, 0.1, 3.4, 2.6
"""Inches of a row, and of each classifier in it; of a panel's width; of the longest name of a row."""


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


def _height(row: _Row) -> float:
    """Inches of a row."""
    return ROW + KIND * max(len(row.ours), 1)


def _panels(result: Transfer, paper: PaperData | None) -> list[tuple[str, list[_Row]]]:
    """A title and rows for each network, and for the paper's methods."""
    found = [(network.label, _layers(network, paper)) for network in result.networks]
    if paper:
        methods = _methods(paper, result.sizes[largest(result)])
        found.append((f"In the paper, Table {METHODS_TABLE[paper]}", methods))
    return found


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


def _caption(result: Transfer, paper: PaperData | None, index: int) -> str:
    """What is measured, and what the marks are."""
    marks = "Bars: the spread; ticks: every split." if result.folds > 1 else ""
    guess = guessing(result)
    said = [measured(result, result.sizes[index : index + 1]), marks]
    said += [] if guess is None else [f"Dotted: guessing, {guess:.1f} %."]
    return " ".join(
        filter(None, [*said, *left_out(result), of_the_paper(paper), of_its_layers(result, paper)])
    )


def draw(result: Transfer, paper: PaperData | None = None) -> Figure:
    """The heading, and a panel for each network."""
    index, parts = largest(result), _panels(result, paper)
    figure, axes = subplots([ROW_WIDTH], [sum(map(_height, lines)) for _, lines in parts], sharex=True)
    for one, (title, lines) in zip(axes[:, 0], parts, strict=True):
        one.set_title(cut(title, ROW_WIDTH, 7.5, bold=True), loc="left", **text_style(7.5, INK, bold=True))
        _panel(one, result, lines)
    most = _most(result, parts)
    one.set_xlim(-0.012 * most, 1.012 * most)
    one.set_xticks(tens(most))
    one.set_xlabel(f"{result.measure}, %", labelpad=2, **text_style(BODY))
    kinds = dict.fromkeys(row.classifier for _, row in rows(result))
    marks = [Line2D([], [], label=_kind(kind), **DOT | {"color": COLOURS[kind]}) for kind in kinds]
    marks += [Line2D([], [], label="the paper's", **DIAMOND)] if paper else []
    return finish(figure, Heading("What each layer is worth", (_caption(result, paper, index),)), marks)


def _kind(classifier: str) -> str:
    return "trained from scratch" if classifier == FROM_SCRATCH else classifier


def _most(result: Transfer, parts: Sequence[tuple[str, Sequence[_Row]]]) -> float:
    """The right end of the axes: tens of percent above all there is."""
    index = largest(result)
    shown = [row.quality[index].max() for _, row in rows(result)]
    shown += [row.mean[index] + row.spread[index].nan_to_num() for _, row in rows(result)]
    values = [100 * float(value) for value in shown]
    values += [one.mean for _, lines in parts for row in lines for one in row.paper if one]
    known = [value for value in values if isfinite(value)]
    return min(10 * ceil((max(known, default=90) + 1) / 10), 100)


def _panel(axes: Axes, result: Transfer, lines: Sequence[_Row]) -> None:
    """The layers of one network, their names at the left, how long their vectors are at the right."""
    quiet_axes(axes)
    name_rows(axes, [cut(row.name, ROW_LABEL, BODY) for row in lines])
    lengths = [row.ours[0].dimension if row.ours else 0 for row in lines]
    if any(lengths):
        write_beside(axes, "dimensions", [f"{length:,}" if length else "" for length in lengths])
    if (guess := guessing(result)) is not None:
        axes.axvline(guess, **DOTTED)
    for number, row in enumerate(lines):
        _marks(axes, largest(result), row, number + 0.5)


def _marks(axes: Axes, index: int, row: _Row, middle: float) -> None:
    """The numbers of a row, one classifier below the other, each with the paper's behind it."""
    count = max(len(row.ours), len(row.paper))
    step = KIND / _height(row)
    for number in range(count):
        y = middle + step * (number - (count - 1) / 2)
        if number < len(row.paper) and (value := row.paper[number]):
            axes.plot(value.mean, y, **DIAMOND)
        if number < len(row.ours):
            _ours(axes, row.ours[number], index, y, 0.3 * step)


def _ours(axes: Axes, row: LayerTransfer, index: int, y: float, below: float) -> None:
    """Mean, spread and every split of one classifier; nothing where they are not known."""
    mean, spread = 100 * float(row.mean[index]), 100 * float(row.spread[index])
    if not isfinite(mean):
        return
    colour = COLOURS[row.classifier]
    if isfinite(spread):
        ends = (mean - spread, mean + spread)
        axes.plot(ends, (y, y), color=colour, linewidth=1.6, solid_capstyle="round", alpha=0.55, zorder=4)
        each = 100 * row.quality[index].numpy()
        axes.plot(each, [y + below] * len(each), "|", color=colour, markersize=2.6, markeredgewidth=0.6)
    axes.plot(mean, y, **DOT | {"color": colour})
