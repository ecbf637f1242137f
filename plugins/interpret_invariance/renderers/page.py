"""One page of the paper's Figure 5: what stands where, in inches from the top left."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, MultipleLocator

from interpret_figures.charts import DPI, panel, quiet_axes, write
from interpret_figures.colours import LABELS
from interpret_figures.grid import LINE
from interpret_figures.page import INK, QUIET, font
from interpret_figures.photographs import Photographs
from interpret_figures.text import fitted, number, paragraph, text_inches
from interpret_invariance.renderers.strip import Strip, shown_steps
from interpret_invariance.renderers.text import AXES, caption, names, shown_channels
from interpret_invariance.results import Curves, Invariances

COLOURS = LABELS[:6]
"""The colours of images; the seventh is too pale for a line."""

PANEL, TALL, GAP, EDGE = 1.85, 1.6, 0.42, 0.3
"""Inches of a panel's width and height, of what stands between two panels, and around all."""

TITLE, BELOW, BETWEEN = 0.42, 0.34, 0.06
"""Inches above the panels of a row for its titles, below them for their axes, and between two rows."""

PICTURES, LARGEST, SMALLEST, SEAM = 5, 0.42, 0.2, 4
"""Pictures in a strip; inches of the longer side of one, at most and at least; pixels between two of them."""

BAR, NAME = 0.05, 2.6
"""Inches of the coloured bar before a row of pictures, and of the longest name in the legend."""

LETTERS = 6.5

Numbers: TypeAlias = Float[np.ndarray, "image step"]


@dataclass(frozen=True)
class Sheet:
    """One page; places are in inches from the top left.

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

    @property
    def strip(self) -> float:
        """Inches of the pictures' width."""
        return BAR * 2 + (PICTURES * (self.tile[1] + SEAM) - SEAM) / DPI

    @property
    def tall(self) -> float:
        """Inches of the height of a row's panels; small pictures may need more."""
        return max(TALL, (len(self.rows) * (self.tile[0] + SEAM) - SEAM) / DPI)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the page."""
        step = TITLE + self.tall + BELOW + BETWEEN
        return self.width, self.top + step * len(self.result.curves) - BETWEEN + EDGE / 2

    @property
    def width(self) -> float:
        """Inches of the page's width."""
        panels = len(self.result.layers) + 1
        return EDGE + self.strip + panels * (GAP + PANEL) + EDGE

    @cached_property
    def lines(self) -> list[str]:
        """How to read the figure."""
        return paragraph(caption(self.result, relative=self.relative), self.width - 2 * EDGE, LETTERS, most=4)

    @cached_property
    def names(self) -> list[str]:
        """What stands in the legend for each image."""
        return [fitted(name, NAME, LETTERS) for name in names(self.result, self.rows)]

    @cached_property
    def legend(self) -> list[tuple[float, float]]:
        """Where each name begins, and its baseline."""
        x, y = EDGE, 0.34 + LINE * (len(self.lines) + 1) + 0.06
        places = []
        for name in self.names:
            long = 0.22 + text_inches(name, LETTERS)
            if x > EDGE and x + long > self.width - EDGE:
                x, y = EDGE, y + LINE
            places.append((x, y))
            x += long + 0.22
        return places

    @property
    def top(self) -> float:
        """Where the first row begins."""
        return self.legend[-1][1] + 0.14

    def draw(self) -> Figure:
        """The heading, the legend, and a row for each transformation."""
        figure = Figure(figsize=self.size, dpi=DPI, facecolor="white")
        self._heading(figure)
        for place, curves in enumerate(self.result.curves.values()):
            above = self.top + place * (TITLE + self.tall + BELOW + BETWEEN)
            self._pictures(figure, curves, above)
            self._panels(figure, curves, above + TITLE)
            self._titles(figure, curves, above)
        return figure

    def _heading(self, figure: Figure) -> None:
        """The title, how to read the figure, and the name of each line."""
        write(figure, EDGE, 0.3, "Features under transformations", 11, colour=INK, bold=True)
        if len(self.result) > len(self.rows):
            said = f"images {self.rows[0] + 1} to {self.rows[-1] + 1} of {len(self.result)}"
            write(figure, self.width - EDGE, 0.3, said, LETTERS, align="right")
        for place, line in enumerate(self.lines, start=1):
            write(figure, EDGE, 0.34 + LINE * place, line, LETTERS)
        for (x, y), name, colour in zip(self.legend, self.names, COLOURS, strict=False):
            ends = np.array([x, x + 0.16]) / self.width
            height = 1 - (y - 0.032) / self.size[1]
            figure.add_artist(Line2D(ends, [height] * 2, color=colour, linewidth=2))
            write(figure, x + 0.22, y, name, LETTERS, colour=INK)

    def _pictures(self, figure: Figure, curves: Curves, above: float) -> None:
        """The images at some steps, the amounts above them, a bar of its line's colour before each."""
        steps = shown_steps(curves, PICTURES)
        strip = Strip(self.photographs, shown_channels(self.result), self.result.border, self.tile, SEAM)
        sheet = strip.draw(curves, steps, [int(self.result.image[row]) for row in self.rows])
        left, top = EDGE + 2 * BAR, above + TITLE
        height, width = sheet.shape[0] / DPI, sheet.shape[1] / DPI
        axes = panel(figure, left, top, width, height)
        axes.imshow(sheet, interpolation="none", aspect="auto")
        axes.set_axis_off()
        for column, step in enumerate(steps):
            middle = left + (column * (self.tile[1] + SEAM) + self.tile[1] / 2) / DPI
            said = number(float(curves.amounts[step]))
            bold = step == curves.identity
            write(figure, middle, top - 0.05, said, 5.5, align="center", bold=bold)
        for row, colour in zip(range(len(self.rows)), COLOURS, strict=False):
            begin = top + row * (self.tile[0] + SEAM) / DPI
            bar = panel(figure, EDGE, begin, BAR, self.tile[0] / DPI)
            bar.set_facecolor(colour)
            bar.set(xticks=[], yticks=[])
            for side in bar.spines.values():
                side.set_visible(False)

    def _panels(self, figure: Figure, curves: Curves, top: float) -> None:
        """A panel for each layer's distances, and one for the probabilities."""
        for place, (_, values) in enumerate(self._measures(curves)):
            last = place == len(self.result.layers)
            axes = panel(figure, self._left(place), top, PANEL, self.tall)
            for row, colour in zip(self.rows, COLOURS, strict=False):
                axes.plot(curves.amounts, values[row], color=colour, linewidth=1.1)
            still = float(curves.amounts[curves.identity])
            axes.axvline(still, color=QUIET, linewidth=0.6, linestyle=(0, (2, 2)), zorder=1)
            low, high = float(curves.amounts[0]), float(curves.amounts[-1])
            axes.set_xlim(low - 0.02 * (high - low), high + 0.02 * (high - low))
            axes.set_ylim(*((-0.03, 1.03) if last else self._span(values)))
            angles = curves.transform == "rotation" and high - low > 180
            axes.xaxis.set_major_locator(MultipleLocator(90) if angles else MaxNLocator(5))
            axes.yaxis.set_major_locator(MaxNLocator(5))
            quiet_axes(axes)
            axes.set_xlabel(AXES[curves.transform], fontproperties=font(LETTERS), color=QUIET, labelpad=2)

    def _titles(self, figure: Figure, curves: Curves, above: float) -> None:
        """The transformation's name, and what each panel shows."""
        line = above + 0.13
        name = curves.transform.replace("_", " ").capitalize()
        write(figure, EDGE, line, name, 8, colour=INK, bold=True)
        for place, (title, _) in enumerate(self._measures(curves)):
            said = fitted(title, PANEL, LETTERS)
            write(figure, self._left(place), above + TITLE - 0.07, said, LETTERS, colour=INK)

    def _measures(self, curves: Curves) -> list[tuple[str, Numbers]]:
        """The title and the values of each panel, (image, step)."""
        what = "relative distance" if self.relative else "distance"
        found = [(f"{layer}: {what}", self._distance(curves, layer)) for layer in self.result.layers]
        return [*found, ("probability of the target", curves.probability.double().numpy())]

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

    def _left(self, place: int) -> float:
        """Where a panel begins."""
        return EDGE + self.strip + GAP + place * (PANEL + GAP)
