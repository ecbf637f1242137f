"""One page of the paper's Figure 5: pictures and panels, a row for each transformation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, MultipleLocator

from interpret.files import printable
from interpret_figures.charts import BODY, DOTTED, DPI, TickNumbers, finish, quiet_axes, subplots, text_style
from interpret_figures.colours import LABELS, rgb
from interpret_figures.grid import Heading
from interpret_figures.page import INK, QUIET, font
from interpret_figures.photographs import Photographs
from interpret_figures.text import fitted, number
from interpret_invariance.renderers.strip import Strip, shown_steps
from interpret_invariance.renderers.text import AXES, caption, names
from interpret_invariance.results import Curves, Invariances

COLOURS = LABELS[:6]
"""The colours of images; the seventh is too pale for a line."""

WIDTH, TALL, NAME = 1.85, 1.6, 2.6
"""Inches of a panel's width and height, and of the longest name in the legend."""

PICTURES, LARGEST, SMALLEST = 5, 0.42, 0.2
"""Pictures in a strip; inches of the longer side of one, at most and at least."""

BAR, SEAM = 10, 4
"""Pixels of the coloured bar before a row of pictures, and between two pictures."""

Numbers: TypeAlias = Float[np.ndarray, "image step"]


@dataclass(frozen=True)
class Sheet:
    """One page.

    Attributes:
        result: What is drawn.
        rows: The images on this page, by their place in the result.
        relative: Whether distances are divided by the length of the features.
        photographs: Where the pictures come from.
    """

    result: Invariances
    rows: tuple[int, ...]
    relative: bool
    photographs: Photographs

    @cached_property
    def tile(self) -> tuple[int, int]:
        """Height and width of a small picture in pixels."""
        height, width = self.result.input.size
        room = (TALL * DPI - SEAM * (len(self.rows) - 1)) / len(self.rows)
        side = min(room * max(height, width) / height, LARGEST * DPI)
        side = max(side, SMALLEST * DPI)
        return max(int(side * height / max(height, width)), 1), max(int(side * width / max(height, width)), 1)

    def draw(self) -> Figure:
        """The heading, the legend, and a row for each transformation."""
        height, width = self.tile
        strip = (2 * BAR + PICTURES * (width + SEAM) - SEAM) / DPI
        tall = max(TALL, (len(self.rows) * (height + SEAM) - SEAM) / DPI)  # small pictures may need more
        widths = [strip, *[WIDTH] * (len(self.result.layers) + 1)]
        figure, axes = subplots(widths, [tall] * len(self.result.curves))
        for line, curves in zip(axes, self.result.curves.values(), strict=True):
            self._pictures(line[0], curves)
            self._panels(line[1:], curves)
        shown = f"images {self.rows[0] + 1} to {self.rows[-1] + 1} of {len(self.result)}"
        page = shown if len(self.result) > len(self.rows) else ""
        details = (caption(self.result, relative=self.relative),)
        marks = [
            Line2D([], [], color=colour, linewidth=2, label=fitted(name, NAME, BODY))
            for name, colour in zip(names(self.result, self.rows), COLOURS, strict=False)
        ]
        finish(figure, Heading("Features under transformations", details, page), marks)
        for one in axes[:, 0]:
            _in_whole_pixels(figure, one)
        return figure

    def _pictures(self, axes: Axes, curves: Curves) -> None:
        """The images at some steps, the amounts above them, a bar of its line's colour before each."""
        steps, (height, width) = shown_steps(curves, PICTURES), self.tile
        strip = Strip(self.photographs, self.result.input.displayed, self.result.border, self.tile, SEAM)
        sheet = strip.draw(curves, steps, [int(self.result.image[row]) for row in self.rows])
        bars = np.full((len(sheet), 2 * BAR, 3), 255, np.uint8)
        for row, colour in zip(range(len(self.rows)), COLOURS, strict=False):
            bars[row * (height + SEAM) :][:height, :BAR] = rgb(colour)
        axes.imshow(np.hstack([bars, sheet]), interpolation="none", aspect="auto")
        axes.spines[:].set_visible(False)
        axes.set_yticks([])
        middles = [2 * BAR + column * (width + SEAM) + width / 2 for column in range(len(steps))]
        axes.set_xticks(middles, [number(float(curves.amounts[step])) for step in steps])
        axes.tick_params(top=False, bottom=False, labeltop=True, labelbottom=False, labelcolor=QUIET, pad=3)
        for label, step in zip(axes.get_xticklabels(), steps, strict=True):
            label.set_fontproperties(font(5.5, bold=step == curves.identity))
        name = curves.transform.replace("_", " ").capitalize()
        axes.set_title(name, loc="left", **text_style(8, INK, bold=True))

    def _panels(self, panels: Sequence[Axes], curves: Curves) -> None:
        """A panel for each layer's distances, and one for the probabilities."""
        for axes, (title, values) in zip(panels, self._measures(curves), strict=True):
            for row, colour in zip(self.rows, COLOURS, strict=False):
                axes.plot(curves.amounts, values[row], color=colour, linewidth=1.1)
            axes.axvline(float(curves.amounts[curves.identity]), zorder=1, **DOTTED)
            low, high = float(curves.amounts[0]), float(curves.amounts[-1])
            axes.set_xlim(low - 0.02 * (high - low), high + 0.02 * (high - low))
            last = self._answers(values) if axes is panels[-1] else None
            axes.set_ylim(*(last or self._span(values)))
            angles = curves.transform == "rotation" and high - low > 180
            axes.xaxis.set_major_locator(MultipleLocator(90) if angles else MaxNLocator(5))
            axes.yaxis.set_major_locator(MaxNLocator(5))
            shares = self.result.asked == "probability" if axes is panels[-1] else self.relative
            if not shares:
                axes.yaxis.set_major_formatter(TickNumbers())
            quiet_axes(axes)
            axes.set_xlabel(AXES[curves.transform], labelpad=2, **text_style(BODY))
            said = printable(fitted(title, WIDTH, BODY))
            axes.set_title(said, loc="left", pad=5, **text_style(BODY, INK))

    def _measures(self, curves: Curves) -> list[tuple[str, Numbers]]:
        """The title and the values of each panel, (image, step)."""
        what = "relative distance" if self.relative else "distance"
        found = [(f"{layer}: {what}", self._distance(curves, layer)) for layer in self.result.layers]
        return [*found, (f"{self.result.asked} of the target", curves.probability.double().numpy())]

    def _answers(self, values: Numbers) -> tuple[float, float]:
        """Lowest and highest answer of a panel; probabilities have the same everywhere."""
        if self.result.asked == "probability":
            return -0.03, 1.03
        known = values[list(self.rows)]
        low, high = float(np.nanmin(known)), float(np.nanmax(known))
        return low - 0.05 * (high - low or 1), high + 0.05 * (high - low or 1)

    def _distance(self, curves: Curves, layer: str) -> Numbers:
        values = curves.distance[layer]
        if self.relative:
            values = self.result.relative(curves.transform, layer)
        return values.double().numpy()

    def _span(self, values: Numbers) -> tuple[float, float]:
        """Lowest and highest distance of a panel; relative ones have the same on the whole page."""
        shown = [values]
        if self.relative:
            every = self.result.curves.values()
            shown = [self._distance(curves, layer) for curves in every for layer in self.result.layers]
        known = np.concatenate([one[list(self.rows)].ravel() for one in shown])
        known = known[np.isfinite(known)]
        most = float(known.max(initial=0)) or 1.0
        return -0.03 * most, 1.05 * most


def _in_whole_pixels(figure: Figure, axes: Axes) -> None:
    """Move a picture to the top left of its place, so that each of its pixels is one of the page."""
    (height, width), (across, down) = axes.images[0].get_size(), figure.bbox.size
    box = axes.get_position(original=True)
    left, top = round(box.x0 * across), round(box.y1 * down)
    axes.set_position((left / across, (top - height) / down, width / across, height / down))
