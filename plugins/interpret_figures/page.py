"""One page: pixels and labels on white paper, written as PNG, SVG or PDF.

A page is one numpy canvas and some text: thousands of axes would take minutes. A PNG holds the very pixels of
the canvas; SVG and PDF hold them as one image. Files are the same bytes whenever the page is the same: no
dates, no versions, fixed ids.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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

__all__ = [
    "INK",
    "QUIET",
    "TIMES",
    "Format",
    "Label",
    "Page",
    "file_name",
    "file_stem",
    "font",
    "save_page",
    "save_pages",
]


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

COMPRESSION: dict[str, Any] = {"compress_level": 1, "compress_type": zlib.Z_RLE}
"""Runs of equal bytes: pages of photographs get smaller by it than by levels that search, and faster."""


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
    return save_pages([(path.name, page)], path.parent, formats)


def save_pages(pages: Iterable[tuple[str, Page]], folder: Path, formats: Sequence[Format]) -> list[Path]:
    """Write pages, each while the next one is drawn, and return the files.

    Args:
        pages: What to write, and the name of each without an ending.
        folder: Where.
        formats: Endings.
    """
    files, waiting = list[Path](), deque[Future[None]]()
    with ThreadPoolExecutor(2, thread_name_prefix="interpret-pages") as threads:
        for name, page in pages:
            for ending in dict.fromkeys(formats):
                files.append(folder / f"{name}.{ending}")
                if ending == "png":
                    waiting.append(threads.submit(_write_png, lettered(page), page.dpi, files[-1]))
                else:
                    write_atomically(files[-1], vector(page, ending))
            while len(waiting) > 2:  # no more than three pages are in memory
                waiting.popleft().result()
        for future in waiting:
            future.result()
    return files


def _write_png(pixels: UInt8[np.ndarray, "h w 3"], dpi: int, file: Path) -> None:
    write_atomically(file, png_bytes(pixels, dpi))


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


def lettered(page: Page) -> UInt8[np.ndarray, "h w 3"]:
    """The very pixels of the canvas, with the labels blended in."""
    layer = FigureCanvasAgg(lettering(page))
    layer.draw()  # type: ignore[no-untyped-call]
    ink = np.array(layer.buffer_rgba()).reshape(-1, 4)  # type: ignore[no-untyped-call]
    where = np.flatnonzero(ink[:, 3])
    pixels, alpha = page.canvas.copy(), ink[where, 3:] / 255
    flat = pixels.reshape(-1, 3)
    flat[where] = (flat[where] * (1 - alpha) + ink[where, :3] * alpha).round()
    return pixels


def png_bytes(pixels: UInt8[np.ndarray, "h w 3"], dpi: int) -> bytes:
    """Pixels as a file."""
    file = BytesIO()
    Image.fromarray(pixels).save(file, "png", dpi=(dpi, dpi), **COMPRESSION)
    return file.getvalue()


def vector(page: Page, ending: Literal["svg", "pdf"]) -> bytes:
    """The page as SVG or PDF: text as outlines or embedded font, patches in their own pixels."""
    height, width = page.canvas.shape[:2]
    figure, file = lettering(page), BytesIO()
    figure.axes[0].imshow(page.canvas, interpolation="none", aspect="auto", extent=(0, width, height, 0))
    with mpl.rc_context(STABLE):
        figure.savefig(file, format=ending, metadata=NAMELESS[ending])
    return file.getvalue()
