"""Charts of numbers with axes: what they share in looks, and files with the same bytes each time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from interpret.files import printable, write_atomically
from interpret_figures.page import INK, NAMELESS, QUIET, STABLE, Format, Page, font, png
from interpret_figures.text import text_inches

__all__ = [
    "DPI",
    "FAINT",
    "OURS",
    "PAPER",
    "apart",
    "by_depth",
    "diamond",
    "dot",
    "legend",
    "panel",
    "put_mark",
    "quiet_axes",
    "save_chart",
    "write",
]


FAINT = "#e4e6e9"
"""The colour of lines that only help the eye along."""

OURS, PAPER = "#0072b2", "#c2410c"
"""The colours of our numbers and of the paper's."""

DPI = 200

CROWDED = 0.16
"""Inches between the labels of two marks on an axis; closer ones are left out."""


def save_chart(draw: Callable[[], Figure], path: Path, formats: Sequence[Format]) -> list[Path]:
    """Write a chart once for each format and return the files; matplotlib's settings change nothing.

    Args:
        draw: Makes the figure, anew for each file.
        path: Folder and name without an ending.
        formats: Endings.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    files = []
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STABLE)
        for ending in dict.fromkeys(formats):
            files.append(path.with_name(f"{path.name}.{ending}"))
            write_atomically(files[-1], _bytes(draw(), ending))
    return files


def _bytes(figure: Figure, ending: Format) -> bytes:
    """A chart as a file that has the same bytes each time; a PNG is opaque."""
    if ending == "png":
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]
        pixels = np.asarray(canvas.buffer_rgba())[..., :3].copy()  # type: ignore[no-untyped-call]
        return png(Page(pixels, (), round(figure.dpi)))
    file = BytesIO()
    figure.savefig(file, format=ending, metadata=NAMELESS[ending])
    return file.getvalue()


def quiet_axes(axes: Axes) -> None:
    """Axes of a faint grid and small grey numbers, without a frame."""
    axes.tick_params(length=2, width=0.5, color=QUIET, labelcolor=QUIET, pad=2)
    axes.grid(visible=True, color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_fontproperties(font(6))


def write(
    figure: Figure,
    x: float,
    y: float,
    text: str,
    size: float,
    *,
    colour: str = QUIET,
    bold: bool = False,
    align: str = "left",
) -> None:
    """Write text whose baseline is at a place in inches from the top left."""
    width, height = figure.get_size_inches()
    figure.text(
        x / width, 1 - y / height, printable(text), fontproperties=font(size, bold=bold), color=colour,
        ha=align, va="baseline", parse_math=False,
    )  # fmt: skip


def panel(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place in inches from the top left of the figure."""
    whole, tall = figure.get_size_inches()
    axes: Axes = figure.add_axes((left / whole, 1 - (top + height) / tall, width / whole, height / tall))
    return axes


def dot(colour: str = OURS) -> Line2D:
    """The mark of a number of ours."""
    return Line2D([], [], color=colour, marker="o", markersize=4.2, linestyle="none", zorder=5)


def diamond() -> Line2D:
    """The mark of a number of the paper."""
    return Line2D(
        [], [], color=PAPER, marker="D", markersize=4, markerfacecolor="white", markeredgewidth=0.9,
        linestyle="none", zorder=3,
    )  # fmt: skip


def put_mark(axes: Axes, mark: Line2D, x: float, y: float) -> None:
    """Put a mark at a place in the units of the axes."""
    mark.set_data([x], [y])
    axes.add_line(mark)


def legend(
    figure: Figure, left: float, below: float, marks: Sequence[tuple[str, Line2D]], size: float
) -> None:
    """Marks and what they stand for, from left to right above a line in inches from the top left."""
    width, height = figure.get_size_inches()
    for name, mark in marks:
        mark.set(transform=figure.transFigure, figure=figure)
        mark.set_data([(left + 0.05) / width], [1 - (below - 0.035) / height])
        figure.add_artist(mark)
        write(figure, left + 0.15, below, name, size, colour=INK)
        left += 0.15 + text_inches(name, size) + 0.2


def by_depth(count: int, last: float = 0.85) -> list[str]:
    """Colours from the lowest layer to the highest, which gets viridis at ``last`` (1: bright yellow)."""
    return [to_hex(colormaps["viridis"](last * place / max(count - 1, 1))) for place in range(count)]


def apart(axes: Axes, values: Sequence[int]) -> list[int]:
    """The values on the x-axis whose labels do not touch: the last, and from it down those with room."""
    kept: list[int] = []
    inches = {value: axes.transData.transform((value, 0))[0] / axes.figure.dpi for value in values}
    for value in reversed(values):
        if not kept or inches[kept[-1]] - inches[value] >= CROWDED:
            kept.append(value)
    return kept[::-1]
