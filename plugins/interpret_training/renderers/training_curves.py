"""How a training went: loss and error over the epochs, and where the rate fell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from pydantic import Field
from torch import Tensor

from interpret.files import printable
from interpret.images import Images
from interpret.plugin import Renderer
from interpret_figures.charts import DPI, quiet_axes, save_chart
from interpret_figures.page import INK, QUIET, Format, font
from interpret_training.results import Training

TRAINED, CHECKED, CHECKED5 = "#8d939d", "#c2410c", "#e8a27c"
"""The colours of training images, of validation images, and of their top-5 error."""


class TrainingCurves(Renderer[Training]):
    """Loss and error of every epoch, on training and validation images, with the falls of the rate."""

    name: ClassVar[str] = "training_curves"

    formats: tuple[Format, ...] = Field(("png",), min_length=1, description="Kinds of files: png, svg, pdf.")

    def render(self, result: Training, images: Images, folder: Path) -> Sequence[Path]:  # noqa: ARG002
        """Write ``training-curves.png``; no image is read."""
        return save_chart(lambda: _figure(result), folder / "training-curves", self.formats)


def _figure(result: Training) -> Figure:
    """Two panels side by side, below a heading."""
    figure = Figure(figsize=(6.6, 3.0), dpi=DPI, facecolor="white")
    figure.text(0.055, 0.93, "Training", fontproperties=font(11, bold=True), color=INK)
    for line, text in enumerate(_summary(result)):
        figure.text(
            0.055, 0.865 - 0.055 * line, printable(text), fontproperties=font(6.5), color=QUIET,
            parse_math=False,
        )  # fmt: skip
    history = result.history
    loss = figure.add_axes((0.09, 0.16, 0.34, 0.53))
    _panel(loss, "loss", [(history.loss, TRAINED), (history.validation_loss, CHECKED)], history.rate)
    error = figure.add_axes((0.53, 0.16, 0.34, 0.53))
    curves = [(history.error, TRAINED), (history.validation_error, CHECKED)]
    if bool((history.validation_error5 > 0).any()):
        curves.append((history.validation_error5, CHECKED5))
    _panel(error, "error, %", [(100 * values, colour) for values, colour in curves], history.rate)
    names = ["training", "validation", "validation, top 5"][: len(curves)]
    _name(error, names, [(100 * values, colour) for values, colour in curves])
    return figure


def _summary(result: Training) -> list[str]:
    """What was done, and what came of it."""
    epochs, recipe = len(result.history.rate), result.recipe
    done = f"{result.images} images, {epochs} epochs, batches of {recipe['batch']}, seed {recipe['seed']}"
    came = [f"{name} {100 * scores.error:.1f} %" for name, scores in result.scores.items()]
    return [done + (f"; {result.ended}" if result.ended else ""), f"Error at the end: {', '.join(came)}"]


def _panel(axes: Axes, title: str, curves: Sequence[tuple[Tensor, str]], rate: Tensor) -> None:
    """Curves over the epochs, and a line where each fall of the rate begins."""
    epochs = np.arange(1, len(rate) + 1)
    for values, colour in curves:
        mark = "o" if len(epochs) == 1 else None
        axes.plot(epochs, values.numpy(), color=colour, linewidth=1.3, marker=mark, markersize=3)
    axes.set_title(title, loc="left", fontproperties=font(7), color=INK, pad=5)
    axes.set_ylim(bottom=0)
    axes.set_xlim(0.5, len(epochs) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch", fontproperties=font(6.5), color=QUIET, labelpad=2)
    quiet_axes(axes)
    for fall in (rate[1:] < rate[:-1]).nonzero()[:, 0].tolist():
        axes.axvline(fall + 1.5, color=QUIET, linewidth=0.5, linestyle=(0, (2, 2)))
        label = f"rate {float(rate[fall + 1]):g}"
        where = (fall + 1.7, axes.get_ylim()[1])
        axes.text(*where, label, fontproperties=font(5), color=QUIET, rotation=90, va="top", ha="left")


def _name(axes: Axes, names: Sequence[str], curves: Sequence[tuple[Tensor, str]]) -> None:
    """The name of each curve at its end; names that would touch are moved apart."""
    ends = [float(values[-1]) for values, _ in curves]
    low, high = axes.get_ylim()
    apart, last = 0.075 * (high - low), -np.inf
    for place in np.argsort(ends):
        if np.isfinite(ends[place]):
            last = max(ends[place], last + apart)
            axes.text(
                1.02, last, names[place], transform=axes.get_yaxis_transform(), color=curves[place][1],
                fontproperties=font(6), va="center",
            )  # fmt: skip
