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

from interpret.images import Images
from interpret.plugin import Renderer
from interpret_figures.charts import BODY, DOTTED, finish, quiet_axes, save_chart, subplots, text_style
from interpret_figures.grid import Heading
from interpret_figures.page import INK, Format
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
    figure, ((loss, error),) = subplots([2.25, 2.25], [1.6])
    history = result.history
    _panel(loss, "loss", [(history.loss, TRAINED), (history.validation_loss, CHECKED)], history.rate)
    curves = [(100 * history.error, TRAINED), (100 * history.validation_error, CHECKED)]
    if bool((history.validation_error5 > 0).any()):
        curves.append((100 * history.validation_error5, CHECKED5))
    _panel(error, "error, %", curves, history.rate)
    _name(error, ["training", "validation", "validation, top 5"][: len(curves)], curves)
    return finish(figure, Heading("Training", _summary(result)))


def _summary(result: Training) -> tuple[str, str]:
    """What was done, and what came of it."""
    epochs, recipe = len(result.history.rate), result.recipe
    done = f"{result.images} images, {epochs} epochs, batches of {recipe['batch']}, seed {recipe['seed']}"
    came = [f"{name} {100 * scores.error:.1f} %" for name, scores in result.scores.items()]
    return done + (f"; {result.ended}" if result.ended else ""), f"Error at the end: {', '.join(came)}"


def _panel(axes: Axes, title: str, curves: Sequence[tuple[Tensor, str]], rate: Tensor) -> None:
    """Curves over the epochs, and a line where each fall of the rate begins."""
    epochs = np.arange(1, len(rate) + 1)
    for values, colour in curves:
        mark = "o" if len(epochs) == 1 else None
        axes.plot(epochs, values.numpy(), color=colour, linewidth=1.3, marker=mark, markersize=3)
    axes.set_title(title, loc="left", pad=5, **text_style(7, INK))
    axes.set_ylim(bottom=0)
    axes.set_xlim(0.5, len(epochs) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch", labelpad=2, **text_style(BODY))
    quiet_axes(axes)
    for fall in (rate[1:] < rate[:-1]).nonzero()[:, 0].tolist():
        axes.axvline(fall + 1.5, **DOTTED)
        label = f"rate {float(rate[fall + 1]):g}"
        where = (fall + 1.7, axes.get_ylim()[1])
        axes.text(*where, label, rotation=90, va="top", ha="left", **text_style(5))


def _name(axes: Axes, names: Sequence[str], curves: Sequence[tuple[Tensor, str]]) -> None:
    """The name of each curve at its end; names that would touch are moved apart."""
    ends = [float(values[-1]) for values, _ in curves]
    low, high = axes.get_ylim()
    apart, last = 0.075 * (high - low), -np.inf
    for index in np.argsort(ends):
        if np.isfinite(ends[index]):
            last = max(ends[index], last + apart)
            axes.annotate(
                names[index], (1, last), (4, 0), xycoords=axes.get_yaxis_transform(), va="center",
                textcoords="offset points", annotation_clip=False, **text_style(6, curves[index][1]),
            )  # fmt: skip
