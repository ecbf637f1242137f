"""One page: pixels and labels on white paper, written as PNG, SVG or PDF.

A page is one numpy canvas and some text: thousands of axes would take minutes. A PNG holds the very pixels of
the canvas; SVG and PDF hold them as one image. Files are the same bytes whenever the page is the same: no
dates, no versions, fixed ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, TypeAlias

import matplotlib as mpl
import numpy as np
from jaxtyping import UInt8
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from PIL import Image

from interpret.files import printable, write_atomically

__all__ = ["INK", "QUIET", "TIMES", "Format", "Label", "Page", "file_name", "file_stem", "font", "save_page"]


Format: TypeAlias = Literal["png", "svg", "pdf"]

INK, QUIET = "#1a1c20", "#7d828c"
"""The colours of what is read first and of what is read when it is needed."""

STABLE: dict[Any, Any] = {
    "svg.hashsalt": "interpret",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "text.usetex": False,  # no label is given to a LaTeX that is installed
}
NAMELESS: dict[str, dict[str, None]] = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}

TIMES = "\N{MULTIPLICATION SIGN}"

COMPRESSION = 2
"""Of 9: pages of photographs hardly get smaller beyond it, only slower."""


@dataclass(frozen=True)
class Label:
    """Text on a page; ``x`` and ``y`` (of the baseline) in pixels from the top left, ``size`` in points."""

    x: float
    y: float
    text: str
    size: float = 6.0
    colour: str = QUIET
    align: Literal["left", "center", "right"] = "left"
    bold: bool = False


@dataclass(frozen=True)
class Page:
    """A sheet of pixels with labels; ``dpi`` pixels are an inch."""

    canvas: UInt8[np.ndarray, "h w 3"]
    labels: tuple[Label, ...]
    dpi: int


def save_page(page: Page, path: Path, formats: Sequence[Format]) -> list[Path]:
    """Write a page once for each format and return the files.

    Args:
        page: What to write.
        path: Folder and name without an ending; a dot in the name is part of it.
        formats: Endings.
    """
    files = []
    for ending in dict.fromkeys(formats):
        file = path.with_name(f"{path.name}.{ending}")
        write_atomically(file, png(page) if ending == "png" else vector(page, ending))
        files.append(file)
    return files


def file_name(layer: str, number: int) -> str:
    """The name of a layer's page without an ending."""
    return f"{file_stem(layer)}-{number}"


def file_stem(layer: str) -> str:
    """The name of a layer in those of files: ``:`` and ``/`` cannot stand there everywhere."""
    return layer.replace(":", "_").replace("/", "_")


def lettering(page: Page) -> Figure:
    """The labels of a page on a transparent figure of its size, in pixels from the top left."""
    height, width = page.canvas.shape[:2]
    inches = ((width + 0.01) / page.dpi, (height + 0.01) / page.dpi)  # matplotlib cuts fractions off
    figure = Figure(figsize=inches, dpi=page.dpi, facecolor="none")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    for label in page.labels:
        axes.text(
            label.x, label.y, printable(label.text), color=label.colour, ha=label.align, va="baseline",
            fontproperties=font(label.size, bold=label.bold), parse_math=False, usetex=False,
        )  # fmt: skip
    return figure


def font(size: float, *, bold: bool = False) -> FontProperties:
    """DejaVu Sans as it comes with matplotlib, so that a page looks the same on every machine."""
    file = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return FontProperties(fname=str(Path(mpl.get_data_path()) / "fonts" / "ttf" / file), size=size)


def png(page: Page) -> bytes:
    """The page as an opaque PNG: the very pixels of the canvas, with the labels blended in."""
    layer = FigureCanvasAgg(lettering(page))
    layer.draw()  # type: ignore[no-untyped-call]
    ink = np.asarray(layer.buffer_rgba())  # type: ignore[no-untyped-call]
    where = ink[..., 3] > 0
    pixels, alpha = page.canvas.copy(), ink[where][:, 3:] / 255
    pixels[where] = (pixels[where] * (1 - alpha) + ink[where][:, :3] * alpha).round()
    return png_bytes(pixels, page.dpi)


def png_bytes(pixels: UInt8[np.ndarray, "h w 3"], dpi: int) -> bytes:
    """Pixels as a file."""
    file = BytesIO()
    Image.fromarray(pixels).save(file, "png", dpi=(dpi, dpi), compress_level=COMPRESSION)
    return file.getvalue()


def vector(page: Page, ending: Literal["svg", "pdf"]) -> bytes:
    """The page as SVG or PDF: text as outlines or embedded font, patches in their own pixels."""
    height, width = page.canvas.shape[:2]
    figure, file = lettering(page), BytesIO()
    figure.axes[0].imshow(page.canvas, interpolation="none", aspect="auto", extent=(0, width, height, 0))
    with mpl.rc_context(STABLE):
        figure.savefig(file, format=ending, metadata=NAMELESS[ending])
    return file.getvalue()
