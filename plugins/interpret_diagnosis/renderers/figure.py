"""The paper's Figure 6 with its numbers: one column for each network, side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from pydantic import Field

from interpret.files import printable
from interpret.images import Images
from interpret.plugin import Renderer
from interpret_diagnosis.renderers import panels
from interpret_diagnosis.results import Diagnosis, NetworkDiagnosis
from interpret_figures.charts import DPI, save_chart
from interpret_figures.page import INK, QUIET, TIMES, Format, font
from interpret_figures.text import fitted, paragraph

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMN, GAP, MARGIN = 3.3, 0.45, 0.4
"""Inches of a network's column, between two of them, and around the page."""

INDENT = 0.25
"""Inches left of a plot for the numbers at its axis."""

TITLE, LINE = 0.2, 0.13
"""Inches of a panel's title, and from line to line."""

PLOT, APART = 0.72, 0.34
"""Inches of a plot's height, and from one panel to the next."""

TILES = 0.86
SPECTRUM = 2 * PLOT + APART - TILES - 0.2
"""Inches of the projections' height, and of their spectrum's: together as high as two panels."""

FINDINGS = 8
"""So many findings are listed under a network; the report has all."""


class DiagnosisFigure(Renderer[Diagnosis]):
    """Networks side by side: first filters under one scale, dead units, shifts and aliasing in numbers."""

    name: ClassVar[str] = "diagnosis_figure"

    projections: int = Field(16, ge=1, le=1000, description="Projections of the second layer to show.")
    formats: tuple[Format, ...] = Field(("png",), min_length=1, description="Kinds of files: png, svg, pdf.")

    def render(self, result: Diagnosis, images: Images, folder: Path) -> Sequence[Path]:  # noqa: ARG002
        """Write ``diagnosis.png``; no image is read."""
        return save_chart(lambda: draw(result, self.projections), folder / "diagnosis", self.formats)


def draw(result: Diagnosis, projections: int = 16) -> Figure:
    """The whole figure.

    Args:
        result: What was found about one network or several.
        projections: So many projections of the second layer are shown, at most.
    """
    sheet = _Sheet(result.networks, projections)
    figure = Figure(figsize=(sheet.width, sheet.height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    pens = [
        _Pen(figure, sheet, network, MARGIN + place * (COLUMN + GAP))
        for place, network in enumerate(result.networks)
    ]
    pens[0].write(MARGIN, MARGIN, "Diagnosis", size=11, bold=True)
    for pen in pens:
        pen.column()
    return figure


@dataclass(frozen=True)
class _Sheet:
    """How large everything is: panels of one kind stand at one height, under one scale."""

    networks: tuple[NetworkDiagnosis, ...]
    projections: int

    @property
    def width(self) -> float:
        """Inches of the page."""
        return 2 * MARGIN + len(self.networks) * (COLUMN + GAP) - GAP

    @property
    def filters(self) -> float:
        """Inches of the highest sheet of filters."""
        return max((_sheet_height(network) for network in self.networks), default=PLOT)

    @property
    def findings(self) -> float:
        """Inches of the longest list of findings."""
        return LINE * max(len(_listed(network)) for network in self.networks)

    @property
    def height(self) -> float:
        """Inches of the page."""
        plots = 5 * (TITLE + PLOT + APART)
        return 2 * MARGIN + 0.75 + (TITLE + self.filters + 0.2) + plots + self.findings + 0.1


class _Place(NamedTuple):
    """A rectangle on the sheet, in inches from its upper left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class _Pen:
    """Draws one network from top to bottom, from ``x`` inches on."""

    figure: Figure
    sheet: _Sheet
    network: NetworkDiagnosis
    x: float

    def column(self) -> None:
        """All panels, one below the other."""
        y = MARGIN + 0.34
        self.write(self.x, y, fitted(self.network.label, COLUMN, 8.5, bold=True), size=8.5, bold=True)
        self.write(self.x, y + 0.17, fitted(_facts(self.network), COLUMN, 6.0), colour=QUIET)
        y = self.first_layer(y + 0.41)
        y = self.layers(y)
        y = self.aliasing(y)
        for place, (text, colour, bold) in enumerate(_listed(self.network)):
            self.write(self.x, y + place * LINE, text, colour=colour, bold=bold)

    def first_layer(self, y: float) -> float:
        """The filters, their sizes and their frequencies; returns where the next panel begins."""
        first, sheet = self.network.first, self.sheet
        sides = _Place(self.x, y, COLUMN, sheet.filters)
        below = y + TITLE + sheet.filters + 0.2
        left, right = INDENT + 1.6, COLUMN - INDENT - 1.9
        if first is None:
            self.panel(sides, "First-layer filters", self.network.notes["filters"])
            return below + TITLE + PLOT + APART
        columns, bands = panels.filter_columns(len(first.weight)), first.bands
        limits = panels.size_limits([one.first for one in sheet.networks if one.first])
        self.panel(sides, panels.filters_title(first), lambda axes: panels.filters(axes, first, columns))
        self.panel(
            _Place(self.x + INDENT, below, left - INDENT, PLOT), "RMS of each filter, sorted",
            lambda axes: panels.sizes(axes, first, limits),
        )  # fmt: skip
        self.panel(
            _Place(self.x + left + 0.3, below, right, PLOT), "Frequencies (dashed: noise)",
            (lambda axes: panels.bands(axes, bands)) if bands else "Filters of one pixel have none.",
        )  # fmt: skip
        return below + TITLE + PLOT + APART

    def layers(self, y: float) -> float:
        """What is counted in each layer; returns where the next panel begins."""
        share, error = panels.activity_limit(self.sheet.networks), _shift_limit(self.sheet.networks)
        self.panel(
            _Place(self.x + INDENT, y, COLUMN - INDENT, PLOT),
            "Dead units (blue), and nearly dead ones (orange)",
            lambda axes: panels.rarely_active(axes, self.network, share),
        )  # fmt: skip
        y += TITLE + PLOT + APART
        self.panel(
            _Place(self.x + INDENT, y, COLUMN - INDENT, PLOT),
            "Shift-equivariance error (0: maps move along; dashed: threshold)",
            lambda axes: panels.shifts(axes, self.network, error),
        )  # fmt: skip
        return y + TITLE + PLOT + APART

    def aliasing(self, y: float) -> float:
        """The projections of the second layer, and their spectrum; returns where the next panel begins."""
        found, end = self.network.aliasing, y + 2 * (TITLE + PLOT + APART)
        if found is None:
            self.panel(
                _Place(self.x, y, COLUMN, PLOT),
                "Aliasing in the second layer",
                self.network.notes["aliasing"],
            )
            return end
        most = min(self.sheet.projections, len(found.projections.unit))
        columns = panels.projection_columns(most, COLUMN / TILES)
        self.panel(
            _Place(self.x, y, COLUMN, TILES), f"Projections of {found.layer}",
            lambda axes: panels.projections(axes, found, most, columns),
        )  # fmt: skip
        shares = f"{found.share:.1%} at the first stride's, {found.expected:.1%} expected"
        self.panel(
            _Place(self.x, y + TITLE + TILES + 0.2, COLUMN, SPECTRUM),
            f"Their spectrum, cycles per pixel: {shares}",
            lambda axes: panels.spectrum(axes, found),
        )  # fmt: skip
        return end

    def panel(self, place: _Place, title: str, paint: Callable[[Axes], None] | str) -> None:
        """One panel below its title; or why there is none."""
        self.write(place.x, place.y, fitted(title, self.x + COLUMN + GAP - place.x, 6.0))
        whole_width, whole_height = self.sheet.width, self.sheet.height
        bottom = whole_height - place.y - TITLE - place.height
        axes = self.figure.add_axes(
            (
                place.x / whole_width,
                bottom / whole_height,
                place.width / whole_width,
                place.height / whole_height,
            )
        )
        if isinstance(paint, str):
            panels.missing(axes, paint, place.width)
        else:
            paint(axes)

    def write(
        self, x: float, y: float, text: str, *, size: float = 6.0, bold: bool = False, colour: str = INK
    ) -> None:
        """Text with the top of its letters at (x, y)."""
        across, down = x / self.sheet.width, (y + 0.11 * size / 8) / self.sheet.height
        letters = font(size, bold=bold)
        self.figure.text(
            across, 1 - down, printable(text), color=colour, fontproperties=letters, parse_math=False
        )


def _sheet_height(network: NetworkDiagnosis) -> float:
    """Inches of a network's filters at the width of a column, at most as high as wide."""
    if network.first is None:
        return PLOT
    count, (rows, columns) = len(network.first.weight), network.first.kernel
    across = panels.filter_columns(count)
    return min(COLUMN * (-(-count // across) / across) * rows / columns, COLUMN)


def _shift_limit(networks: Sequence[NetworkDiagnosis]) -> float:
    """One upper end for the errors of all networks."""
    errors = [one.error or 0.0 for network in networks for one in network.shifts.values()]
    return 1.25 * max([*errors, *(network.thresholds.shift for network in networks)])


def _facts(network: NetworkDiagnosis) -> str:
    first, count = network.first, len(network.findings)
    found = f"{count} finding{'' if count == 1 else 's'} on {network.count:,} images"
    if first is None:
        return found
    rows, columns = first.kernel
    step = (
        str(first.stride[0])
        if first.stride[0] == first.stride[1]
        else f"{first.stride[0]} {TIMES} {first.stride[1]}"
    )
    return (
        f"{first.layer}: {len(first.weight)} filters of {rows} {TIMES} {columns}, stride {step}  ·  {found}"
    )


def _listed(network: NetworkDiagnosis) -> list[tuple[str, str, bool]]:
    """The lines of the findings, with their colours: a title, then what and where, and the evidence."""
    lines = [("Findings" if network.findings else "No findings", INK, True)]
    for finding in network.findings[:FINDINGS]:
        lines.append((fitted(f"{finding.name}, {finding.layer}", COLUMN, 6.0), INK, False))
        lines += [(line, QUIET, False) for line in paragraph(finding.evidence, COLUMN, 6.0, 3)]
    more = len(network.findings) - FINDINGS
    return lines + ([(f"and {more} more", QUIET, False)] if more > 0 else [])
