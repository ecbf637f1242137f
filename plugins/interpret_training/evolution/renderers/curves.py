"""When the units of each layer settle: curves over the epochs, with their spread over the units."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil
from pathlib import Path
from typing import ClassVar, TypeAlias

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pydantic import Field
from torch import Tensor

from interpret.images import Images
from interpret.plugin import Renderer
from interpret_figures.charts import (
    BODY,
    DOTTED,
    apart,
    by_depth,
    finish,
    quiet_axes,
    save_chart,
    subplots,
    text_style,
    write_above,
)
from interpret_figures.grid import Heading
from interpret_figures.page import INK, Format
from interpret_figures.text import fitted
from interpret_training.evolution.numbers import quartiles
from interpret_training.evolution.results import Evolution, LayerEvolution

Curve: TypeAlias = Float[np.ndarray, "3 epoch"]
"""Lower quartile, median and upper quartile at each epoch."""

OTHERS = "#c9ccd1"
"""The colour of the other layers' medians."""

CURVE_WIDTH, CURVE_HEIGHT = 1.5, 1.25
"""Inches of a panel."""


class EvolutionCurves(Renderer[Evolution]):
    """How much of each unit's final images is found at each epoch, how much is new, and who has settled.

    A column for each layer; its median and quartiles over the units in colour, the other layers' medians in
    grey.
    """

    name: ClassVar[str] = "evolution_curves"

    columns: int = Field(6, ge=1, le=100, description="Layers side by side; further ones are below them.")
    formats: tuple[Format, ...] = Field(("png",), min_length=1, description="Kinds of files: png, svg, pdf.")

    def render(self, result: Evolution, images: Images, folder: Path) -> Sequence[Path]:  # noqa: ARG002
        """Write ``evolution-curves.png``; no image is read."""
        return save_chart(lambda: _figure(result, self.columns), folder / "evolution-curves", self.formats)


def kept_curve(layer: LayerEvolution) -> Curve:
    """The overlap with the last checkpoint; nothing there, where it is 1 by definition."""
    curve = quartiles(layer.overlap).numpy().copy()
    curve[:, -1] = np.nan
    return curve


def new_curve(layer: LayerEvolution) -> Curve:
    """The turnover from one checkpoint to the next."""
    return quartiles(layer.turnover).numpy()


def settled_curve(layer: LayerEvolution, epochs: Sequence[int]) -> Curve:
    """The share of the units that live at the end which have settled by each epoch; it has no spread.

    There is nothing at the last epoch, where it is 1 by definition.
    """
    alive: Tensor = layer.settled[layer.settled >= 0]
    shares = [float((alive <= epoch).float().mean()) if len(alive) else np.nan for epoch in epochs[:-1]]
    return np.array([[*shares, np.nan]] * 3)


def _figure(result: Evolution, columns: int) -> Figure:
    """The panels of all layers, a row of panels for each measure, in groups of so many columns."""
    names, colours = list(result.layers), by_depth(len(result.layers))
    across = min(columns, len(names))
    figure, axes = subplots(
        [CURVE_WIDTH] * across, [CURVE_HEIGHT] * 3 * ceil(len(names) / across), sharey=True
    )
    for row, (title, measure) in enumerate(_measures(result)):
        curves = [measure(layer) for layer in result.layers.values()]
        for index in range(len(names)):
            one = axes[3 * (index // across) + row, index % across]
            _draw(one, result, curves, index, colours[index])
            _marks(one, result.epochs, bottom=row == 2)
            if row == 0:
                _title(one, names[index], result[names[index]], colours[index])
                _by_chance(one, result)
            if index % across == 0:
                one.set_ylabel(title, labelpad=6, **text_style(BODY, INK))
    for one in axes.flat:
        if not one.lines:
            one.remove()
    return finish(figure, Heading("When features settle", _details(result)), least=4.2)


def _measures(result: Evolution) -> list[tuple[str, Callable[[LayerEvolution], Curve]]]:
    """What each row of panels shows."""
    return [
        (f"final top {result.k}\nfound already", kept_curve),
        (f"new in the top {result.k}\nsince the point before", new_curve),
        (
            f"units settled\n(keep {result.threshold:.0%} from then on)",
            lambda layer: settled_curve(layer, result.epochs),
        ),
    ]


def _draw(axes: Axes, result: Evolution, curves: Sequence[Curve], index: int, colour: str) -> None:
    """One layer's curve with its spread, over the medians of the others."""
    epochs = result.epochs
    for other, curve in enumerate(curves):
        if other != index:
            axes.plot(epochs, curve[1], color=OTHERS, linewidth=0.7, zorder=1)
    low, middle, high = curves[index]
    axes.fill_between(epochs, low, high, color=colour, alpha=0.22, linewidth=0, zorder=2)
    axes.plot(epochs, middle, color=colour, linewidth=1.5, marker="o", markersize=2.6, zorder=3)


def _marks(axes: Axes, epochs: Sequence[int], *, bottom: bool) -> None:
    """Shares from 0 to 1; epochs so that the first ones have room, and 0 has a place."""
    axes.set_xscale("symlog", linthresh=1, linscale=0.6)
    span = (epochs[0], epochs[-1] if epochs[-1] > epochs[0] else epochs[0] + 1)
    axes.set_xlim(span[0] - (0.15 if span[0] < 1 else 0.08 * span[0]), span[1] * 1.15)
    axes.set_ylim(-0.04, 1.04)
    axes.minorticks_off()
    axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    shown = apart(axes, epochs, CURVE_WIDTH)
    axes.set_xticks(shown, list(map(str, shown)) if bottom else [""] * len(shown))
    if bottom:
        axes.set_xlabel("epoch", labelpad=2, **text_style(BODY))
    quiet_axes(axes)


def _title(axes: Axes, name: str, layer: LayerEvolution, colour: str) -> None:
    """The layer, and how many of its units are in the curves."""
    dead, why = int((layer.settled < 0).sum()), "never positive" if layer.signed else "dead"
    count = f"{len(layer.settled) - dead} units" + (f", {dead} {why}" if dead else "")
    shown = fitted(name, CURVE_WIDTH, 8, bold=True)
    write_above(axes, shown, 14, 0.5, ha="center", **text_style(8, colour, bold=True))
    write_above(axes, count, 4, 0.5, ha="center", **text_style(6))


def _by_chance(axes: Axes, result: Evolution) -> None:
    """What two random sets of images would share, where it can be seen."""
    if result.chance >= 0.01:
        axes.axhline(result.chance, zorder=1, **DOTTED)


def _details(result: Evolution) -> tuple[str, str]:
    """How to read the figure."""
    chance = f" Dotted: random images ({result.chance:.1%})." if result.chance >= 0.01 else ""
    signed = any(layer.signed for layer in result.layers.values())
    alive = "positive in some image" if signed else "not dead"
    return (
        f"Over {result.count} images; median and quartiles over the units of a layer that are {alive}; "
        f"grey: other layers.{chance}",
        f"The last epoch, {result.epochs[-1]}, is left out where all is found and settled by definition.",
    )
