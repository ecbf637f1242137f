"""Charts of numbers with axes: what they share in looks, and files with the same bytes each time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from interpret.results import write_atomically
from interpret_figures.page import NAMELESS, QUIET, STABLE, Format, Page, font, png

FAINT = "#e4e6e9"
"""The colour of lines that only help the eye along."""

DPI = 200


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
