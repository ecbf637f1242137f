"""Charts of numbers with axes: how large they are, what they share in looks, the same bytes each time.

A renderer says how large its panels are (`subplots`), draws in them with matplotlib, and gives heading and
legend to `finish`, which makes the figure so large that all has room.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import Any, TypeAlias

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import Formatter
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from interpret.files import printable, write_atomically
from interpret_figures.grid import LINE, Heading
from interpret_figures.page import INK, NAMELESS, QUIET, STABLE, Format, font, png_bytes
from interpret_figures.text import number, numbers, paragraph, text_inches

__all__ = [
    "BODY",
    "DIAMOND",
    "DOT",
    "DOTTED",
    "DPI",
    "FAINT",
    "OURS",
    "PAPER",
    "TickNumbers",
    "apart",
    "by_depth",
    "finish",
    "name_rows",
    "panel_grid",
    "quiet_axes",
    "save_chart",
    "subplots",
    "text_style",
    "write_above",
    "write_beside",
]


FAINT = "#e4e6e9"
"""The colour of lines that only help the eye along."""

OURS, PAPER = "#0072b2", "#c2410c"
"""The colours of our numbers and of the paper's."""

DOTTED: dict[str, Any] = {"color": QUIET, "linewidth": 0.6, "linestyle": (0, (2, 2))}
DOT: dict[str, Any] = {
    "color": OURS, "marker": "o", "markersize": 4.2, "linestyle": "none", "zorder": 5
}  # fmt: skip
DIAMOND: dict[str, Any] = {
    "color": PAPER, "marker": "D", "markersize": 4, "markerfacecolor": "white", "markeredgewidth": 0.9,
    "linestyle": "none", "zorder": 3,
}  # fmt: skip
"""How matplotlib draws a level that numbers are compared with, a number of ours, and one of the paper."""

DPI, BODY = 200, 6.5
"""Pixels in an inch, and points of what is written."""

EDGE, CROWDED = 0.3, 0.16
"""Inches around all, and between the labels of two marks on an axis; closer ones are left out."""

PADS: dict[str, Any] = {"w_pad": 0.08, "h_pad": 0.08, "wspace": 0, "hspace": 0}
"""Inches around each panel with its texts."""

LEGEND: dict[str, Any] = {
    "loc": "upper left", "prop": font(BODY), "labelcolor": INK, "frameon": False, "borderpad": 0,
    "borderaxespad": 0, "handlelength": 1.2, "handletextpad": 0.5, "columnspacing": 1.5,
}  # fmt: skip

Panels: TypeAlias = NDArray[Any]
"""An array of axes, (row, column)."""

Ends: TypeAlias = Float[np.ndarray, "panel 2"]
"""Where panels begin and end on one axis of a figure."""


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
        return png_bytes(pixels, round(figure.dpi))
    file = BytesIO()
    figure.savefig(file, format=ending, metadata=NAMELESS[ending])
    return file.getvalue()


def subplots(widths: Sequence[float], heights: Sequence[float], **shared: Any) -> tuple[Figure, Panels]:
    """Panels in columns of these widths and rows of these heights, which `finish` makes true.

    Args:
        widths: Inches of the panels of each column, without what is written around them.
        heights: Inches of the panels of each row.
        shared: What ``Figure.subplots`` takes, as ``sharex``.
    """
    figure, grid = panel_grid(widths, heights)
    return figure, grid.subplots(squeeze=False, **shared)


def panel_grid(widths: Sequence[float], heights: Sequence[float]) -> tuple[Figure, GridSpec]:
    """The same before there are panels, some of which reach over several columns or rows."""
    size = (sum(widths) + 3 * len(widths) + 1, sum(heights) + len(heights) + 2)  # more than is needed
    figure = Figure(figsize=size, dpi=DPI, facecolor="white")
    ratios = {"width_ratios": widths, "height_ratios": heights}
    return figure, figure.add_gridspec(len(heights), len(widths), **ratios)


def finish(figure: Figure, heading: Heading, marks: Sequence[Line2D] = (), *, least: float = 4.5) -> Figure:
    """Make the figure as large as its panels and their texts need, with heading and legend above them.

    Args:
        figure: What `subplots` gave, with all that is in the panels.
        heading: What stands above.
        marks: The entries of the legend, each with its label.
        least: Inches of the narrowest figure.
    """
    x, y, (across, down) = _layout(figure)
    width = _whole(max(across + 2 * EDGE, least))
    lines = [line for text in heading.details for line in paragraph(text, width - 2 * EDGE, BODY, most=9)]
    columns = _legend_columns(marks, width - 2 * EDGE)
    above = 0.5 + LINE * (len(lines) + ceil(len(marks) / columns))
    height = _whole(above + down + EDGE / 2)
    figure.set_size_inches(width, height)
    _place(figure, x + EDGE, height - above - y)
    _write_heading(figure, heading, lines)
    if marks:
        place = (EDGE / width, 1 - (0.44 + LINE * len(lines)) / height)
        legend = figure.legend(handles=marks, bbox_to_anchor=place, ncols=columns, **LEGEND)
        for text in legend.get_texts():
            text.set(text=printable(text.get_text()), parse_math=False)
    return figure


def _layout(figure: Figure) -> tuple[Ends, Ends, tuple[float, float]]:
    """Where panels begin and end, from the left and from the top, and how long all is, in inches.

    Constrained layout finds the room that the texts around panels need, for panels of any size. Panels of the
    size that was asked for need the same.
    """
    ConstrainedLayoutEngine(**PADS).execute(figure)
    specs: list[Any] = [axes.get_subplotspec() for axes in figure.axes]
    widths, heights = specs[0].get_gridspec().get_width_ratios(), specs[0].get_gridspec().get_height_ratios()
    width, height = figure.get_size_inches()
    boxes = np.array([axes.get_position(original=True).get_points() for axes in figure.axes])
    columns = [(spec.colspan.start, spec.colspan.stop) for spec in specs]
    rows = [(spec.rowspan.start, spec.rowspan.stop) for spec in specs]
    x, across = _shrunk(boxes[:, :, 0] * width, columns, widths, width)
    y, down = _shrunk((1 - boxes[:, ::-1, 1]) * height, rows, heights, height)
    return x, y, (across, down)


def _shrunk(
    found: Ends, spans: Sequence[tuple[int, int]], asked: Sequence[float], whole: float
) -> tuple[Ends, float]:
    """Ends of panels and the whole once columns (or rows) are as long as asked.

    Args:
        found: Where each panel begins and ends, in columns that are all longer by one factor.
        spans: The first column of each panel, and the one after its last; one panel has a single one.
        asked: Inches of each column.
        whole: Inches of all.
    """
    (begin, end), column = next(
        (ends, first) for ends, (first, after) in zip(found, spans, strict=True) if after == first + 1
    )
    before = ((end - begin) / asked[column] - 1) * np.cumsum([0.0, *asked])
    return found - before[np.array(spans)], whole - before[-1]


def _place(figure: Figure, x: Ends, y: Ends) -> None:
    """Put panels on the nearest whole pixels: the last bits of a layout differ from time to time."""
    ends = np.floor(np.stack([x, y[:, ::-1]], -1) * DPI + 0.501) / DPI / figure.get_size_inches()
    for axes, box in zip(figure.axes, ends, strict=True):
        axes.set_position(Bbox(box))


def _whole(inches: float) -> float:
    """The next length of whole pixels."""
    return ceil(inches * DPI - 1e-6) / DPI


def _legend_columns(marks: Sequence[Line2D], inches: float) -> int:
    """How many entries of a legend stand side by side."""
    widest = max((text_inches(str(mark.get_label()), BODY) for mark in marks), default=0) + 0.45
    return max(min(int(inches / widest), len(marks)), 1)


def _write_heading(figure: Figure, heading: Heading, lines: Sequence[str]) -> None:
    """The title, the details below it, and the page's number at the right."""
    width, height = figure.get_size_inches()
    left, right = EDGE / width, 1 - EDGE / width
    figure.text(left, 1 - 0.3 / height, heading.title, **text_style(11, INK, bold=True))
    figure.text(right, 1 - 0.3 / height, heading.number, ha="right", **text_style(BODY))
    for place, line in enumerate(lines, start=1):
        figure.text(left, 1 - (0.34 + LINE * place) / height, printable(line), **text_style(BODY))


def text_style(size: float, colour: str = QUIET, *, bold: bool = False) -> dict[str, Any]:
    """How a text looks; none is a formula."""
    return {"fontproperties": font(size, bold=bold), "color": colour, "parse_math": False}


def quiet_axes(axes: Axes) -> None:
    """Axes of a faint grid and small grey numbers, without a frame."""
    axes.tick_params(length=2, width=0.5, color=QUIET, labelcolor=QUIET, pad=2)
    axes.grid(visible=True, color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_fontproperties(font(6))


class TickNumbers(Formatter):
    """The numbers at an axis in as many digits as it takes to tell them apart, as everywhere in figures.

    Matplotlib would write what they have in common beside the axis.
    """

    def __call__(self, x: float, pos: int | None = None) -> str:  # noqa: ARG002 - matplotlib gives it
        """One number."""
        return number(x)

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """All numbers of the axis."""
        return numbers(*values) if len(values) else []


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """A row for each name (made printable), which stands at its left; row i is from i to i + 1, downwards."""
    axes.set_ylim(len(names), 0)
    axes.set_yticks(np.arange(len(names)) + 0.5, list(names), **text_style(BODY, INK))
    axes.tick_params(axis="y", length=0, pad=6)


def write_above(axes: Axes, text: str, points: float, x: float = 0.0, **style: Any) -> None:
    """Write a text so many points above the top of a panel, from ``x`` on, a share of its width."""
    axes.annotate(
        printable(text), (x, 1), (0, points), textcoords="offset points", xycoords="axes fraction", **style
    )


def write_beside(axes: Axes, head: str, texts: Sequence[str]) -> None:
    """A column of numbers at the right of rows, below its head."""
    widest = max(text_inches(line, BODY) for text in (head, *texts) for line in text.split("\n"))
    how: dict[str, Any] = {
        "xytext": (72 * widest + 6, 0), "textcoords": "offset points", "ha": "right",
        "xycoords": axes.get_yaxis_transform(),
    }  # fmt: skip
    for row, text in enumerate(texts):
        axes.annotate(text, (1, row + 0.5), va="center", **how, **text_style(BODY, INK))
    how |= {"xytext": (72 * widest + 6, 5), "xycoords": axes.transAxes}
    axes.annotate(head, (1, 1), va="bottom", **how, **text_style(BODY))


def by_depth(count: int, last: float = 0.85) -> list[str]:
    """Colours from the lowest layer to the highest, which gets viridis at ``last`` (1: bright yellow)."""
    return [to_hex(colormaps["viridis"](last * place / max(count - 1, 1))) for place in range(count)]


def apart(axes: Axes, values: Sequence[int], width: float) -> list[int]:
    """The values on an x-axis of so many inches whose labels do not touch: the last, then those with room."""
    kept: list[int] = []
    shares = (axes.transData - axes.transAxes).transform([(value, 0) for value in values])[:, 0]
    inches = dict(zip(values, width * shares, strict=True))
    for value in reversed(values):
        if not kept or inches[kept[-1]] - inches[value] >= CROWDED:
            kept.append(value)
    return kept[::-1]
