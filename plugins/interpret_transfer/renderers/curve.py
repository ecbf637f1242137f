"""How many images a layer needs: the paper's Figure 9, a panel for each network, a line for each layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, isfinite
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pydantic import Field

from interpret.errors import StepError
from interpret.images import Images
from interpret.plugin import Renderer
from interpret_figures.charts import (
    BODY,
    DOTTED,
    PAPER,
    apart,
    by_depth,
    finish,
    quiet_axes,
    save_chart,
    subplots,
    text_style,
)
from interpret_figures.grid import Heading
from interpret_figures.page import INK, Format
from interpret_figures.text import text_inches
from interpret_transfer.paper import FEW, METHODS, PaperData
from interpret_transfer.renderers.text import (
    OPTION,
    Paper,
    chosen,
    cut,
    guessing,
    layer_name,
    left_out,
    measured,
    of_the_paper,
    tens,
)
from interpret_transfer.results import LayerTransfer, Transfer

CURVE_WIDTH, CURVE_HEIGHT, CURVE_LABEL, APART = 2.3, 2.1, 2.0, 0.105
"""Inches of a panel, of the longest name beside it, and from one name to the next."""

SOLID: Mapping[str, Any] = {"marker": "o", "linewidth": 1.2, "zorder": 3}
DASHED: Mapping[str, Any] = {
    "marker": "D", "linewidth": 0.8, "zorder": 2, "markerfacecolor": "white", "linestyle": (0, (4, 2)),
}  # fmt: skip
"""How our lines are drawn, and the paper's."""


class TransferCurve(Renderer[Transfer]):
    """The quality of each layer over the number of training images, with its spread over the splits."""

    name: ClassVar[str] = "transfer_curve"

    paper: Paper = Field("none", description=OPTION)
    columns: int = Field(3, ge=1, le=100, description="Panels side by side; further ones are below them.")
    formats: tuple[Format, ...] = Field(("png",), min_length=1, description="Kinds of files: png, svg, pdf.")

    def render(self, result: Transfer, images: Images, folder: Path) -> Sequence[Path]:  # noqa: ARG002
        """Write ``transfer-curve.png``; no image is read.

        Raises:
            StepError: If the result has one number of training images only, or the paper measures something
                else on the data set that is asked for.
        """
        paper = chosen(result, self.paper)
        if len(result.sizes) < 2:
            raise StepError(
                f"The result has one number of training images, {result.sizes[0]}: a curve needs several. "
                "Give the step of the probe several in train, as in train: [5, 10, 15]."
            )
        return save_chart(lambda: draw(result, paper, self.columns), folder / "transfer-curve", self.formats)


@dataclass(frozen=True)
class _Line:
    """A curve in percent, from the fewest images to the most.

    Attributes:
        name: What stands at its end.
        sizes: Training images.
        mean: What it reaches.
        spread: Half the width of its band; NaN where there is none.
        colour: Its colour.
        ours: Whether we have measured it.
    """

    name: str
    sizes: tuple[int, ...]
    mean: Float[np.ndarray, " size"]
    spread: Float[np.ndarray, " size"]
    colour: str
    ours: bool = True


def _panels(result: Transfer, paper: PaperData | None) -> list[tuple[str, list[_Line]]]:
    """A title and curves for each network and classifier."""
    found = []
    for network in result.networks:
        kinds = list(dict.fromkeys(row.classifier for row in network.layers))
        for kind in kinds:
            title = f"{network.label}, {kind}" if len(kinds) > 1 else network.label
            layers = [row for row in network.layers if row.classifier == kind]
            found.append((title, [*_ours(result, layers), *_theirs(paper)]))
    return found


def _ours(result: Transfer, layers: Sequence[LayerTransfer]) -> list[_Line]:
    """A curve for each layer."""
    order = sorted(range(len(result.sizes)), key=lambda index: result.sizes[index])
    sizes = tuple(result.sizes[index] for index in order)
    return [
        _Line(layer_name(row), sizes, 100 * row.mean[order].numpy(), 100 * row.spread[order].numpy(), colour)
        for row, colour in zip(layers, by_depth(len(layers), 0.74), strict=True)
    ]


def _theirs(paper: PaperData | None) -> list[_Line]:
    """The paper's curves: methods with several numbers of training images."""
    return [
        _Line(
            f"{method} (paper)",
            tuple(found),
            np.array([value.mean for value in found.values()]),
            np.array([value.spread for value in found.values()]),
            PAPER,
            ours=False,
        )
        for method, found in (METHODS[paper].items() if paper else ())
        if len(found) > 1
    ]


def _caption(result: Transfer, paper: PaperData | None) -> str:
    """What is measured, and how to read the lines."""
    guess = guessing(result)
    said = [measured(result), "Bands: the spread." if result.folds > 1 else ""]
    said += [] if guess is None else [f"Dotted: guessing, {guess:.1f} %."]
    said += left_out(result)
    said.append(of_the_paper(paper))
    if paper and paper in FEW:
        count, method = FEW[paper]
        most = max(METHODS[paper][method])
        said.append(f"In its Figure 9, {count} images of each category beat {method} with {most}.")
    return " ".join(filter(None, said))


def draw(result: Transfer, paper: PaperData | None = None, columns: int = 3) -> Figure:
    """The heading, and a panel for each network and classifier."""
    parts = _panels(result, paper)
    every = [line for _, lines in parts for line in lines]
    across = min(columns, len(parts))
    room = CURVE_WIDTH + max(text_inches(cut(line.name, CURVE_LABEL, 6), 6) for line in every)
    tall = max(CURVE_HEIGHT, APART * max(len(lines) for _, lines in parts))  # room for all names
    figure, axes = subplots([CURVE_WIDTH] * across, [tall] * ceil(len(parts) / across))
    for index, one in enumerate(axes.flat):
        if index >= len(parts):
            one.remove()
            continue
        title, lines = parts[index]
        one.set_title(cut(title, room, 7.5, bold=True), loc="left", **text_style(7.5, INK, bold=True))
        _panel(one, result, every)
        for line in lines:
            _curve(one, line)
        _names(one, lines, APART / tall)
        if index % across == 0:
            one.set_ylabel(f"{result.measure}, %", labelpad=4, **text_style(BODY))
    return finish(figure, Heading("What a layer is worth with few images", (_caption(result, paper),)))


def _panel(axes: Axes, result: Transfer, every: Sequence[_Line]) -> None:
    """Axes with the same ends as all others: the most images, and tens of percent above all there is."""
    known = [float(np.nanmax(line.mean + np.nan_to_num(line.spread), initial=0)) for line in every]
    most = min(10 * ceil((max(known) + 1) / 10), 100)
    axes.set_xlim(0, 1.02 * max(max(line.sizes) for line in every))
    axes.set_ylim(0, 1.02 * most)
    axes.set_xticks(apart(axes, sorted({0, *(size for line in every for size in line.sizes)}), CURVE_WIDTH))
    axes.set_yticks(tens(most))
    quiet_axes(axes)
    unit = "training images of each category" if result.measure == "accuracy" else "training images"
    axes.set_xlabel(unit, labelpad=2, **text_style(BODY))
    if (guess := guessing(result)) is not None:
        axes.axhline(guess, **DOTTED)


def _curve(axes: Axes, line: _Line) -> None:
    """A line through its points, and a band where its spread is known."""
    style = SOLID if line.ours else DASHED
    axes.plot(line.sizes, line.mean, color=line.colour, markersize=2.6, markeredgewidth=0.7, **style)
    if line.ours and np.isfinite(line.spread).any():
        low, high = line.mean - line.spread, line.mean + line.spread
        axes.fill_between(line.sizes, low, high, color=line.colour, alpha=0.18, linewidth=0, zorder=1)


def _names(axes: Axes, lines: Sequence[_Line], step: float) -> None:
    """The names of lines beside the panel, as high as their ends, but apart by a share of its height."""
    known = [line for line in lines if isfinite(line.mean[-1])]
    right, top = axes.get_xlim()[1], axes.get_ylim()[1]
    heights = spread_out([float(line.mean[-1]) for line in known], step * top, 0, top)
    edge, elbow = (right * (1 + inches / CURVE_WIDTH) for inches in (0.03, 0.13))
    for line, y in zip(known, heights, strict=True):
        end = float(line.mean[-1])
        thin: dict[str, Any] = {"color": line.colour, "linewidth": 0.4, "clip_on": False}
        axes.plot((edge, elbow), (end, y), **thin)
        axes.plot((line.sizes[-1], edge), (end, end), linestyle=(0, (1, 3)), **thin)
        axes.annotate(
            cut(line.name, CURVE_LABEL, 6), (right, y), (11.5, 0), textcoords="offset points", va="center",
            annotation_clip=False, **text_style(6, line.colour),
        )  # fmt: skip


def spread_out(values: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places as near to values as they can be (least squares) with a gap between any two, in the same order.

    They lie between ``low`` and ``high`` where there is room for all.
    """
    from scipy.optimize import isotonic_regression  # noqa: PLC0415 - slow

    if not len(values):
        return []
    order = np.argsort(values, kind="stable")
    steps = gap * np.arange(len(values))
    free = isotonic_regression(np.asarray(values)[order] - steps).x
    heights = np.empty(len(values))
    heights[order] = np.clip(free, low, max(high - steps[-1], low)) + steps
    return [float(height) for height in heights]
