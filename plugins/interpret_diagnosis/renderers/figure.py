"""The paper's Figure 6 with its numbers: one column for each network, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from matplotlib.figure import Figure
from pydantic import Field

from interpret.files import printable
from interpret.images import Images
from interpret.plugin import Renderer
from interpret_deconv.beyond import caption
from interpret_diagnosis.renderers import panels
from interpret_diagnosis.results import Diagnosis, NetworkDiagnosis
from interpret_figures.charts import finish, panel_grid, save_chart, text_style, write_above
from interpret_figures.grid import Heading
from interpret_figures.page import INK, QUIET, TIMES, Format
from interpret_figures.text import fitted, paragraph

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HALVES = (1.9, 1.4)
"""Inches of two panels side by side in a network's column."""

COLUMN = sum(HALVES)

PLOT, TILES, SPECTRUM, FOOT = 0.72, 0.86, 0.86, 0.05
"""Inches of the height of a plot, of the projections, of their spectrum, and of what the findings hang on."""

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
    """The whole figure: panels of one kind stand at one height, under one scale.

    Args:
        result: What was found about one network or several.
        projections: So many projections of the second layer are shown, at most.
    """
    filters = max(_sheet_height(network) for network in result.networks)
    heights = [filters, PLOT, PLOT, PLOT, TILES, SPECTRUM, FOOT]
    figure, grid = panel_grid(HALVES * len(result.networks), heights)
    for network, left in zip(result.networks, range(0, grid.ncols, 2), strict=True):
        sheet, dead, shifts, tiles, spectrum, findings = (
            figure.add_subplot(grid[row, left : left + 2]) for row in (0, 2, 3, 4, 5, 6)
        )
        sizes, bands = (figure.add_subplot(grid[1, column]) for column in (left, left + 1))
        _name(sheet, network)
        _first_layer(result.networks, network, (sheet, sizes, bands))
        _layers(result.networks, network, dead, shifts)
        _aliasing(network, projections, tiles, spectrum)
        _findings(findings, network)
    return finish(figure, Heading("Diagnosis", ()))


def _name(axes: Axes, network: NetworkDiagnosis) -> None:
    """The network, and what it is, above its first panel."""
    label = fitted(network.label, COLUMN, 8.5, bold=True)
    write_above(axes, label, 35, **text_style(8.5, INK, bold=True))
    write_above(axes, fitted(_facts(network), COLUMN, 6), 24, **text_style(6))


def _first_layer(
    networks: Sequence[NetworkDiagnosis], network: NetworkDiagnosis, axes: tuple[Axes, Axes, Axes]
) -> None:
    """The filters, their sizes and their frequencies."""
    first, (sheet, sizes, bands) = network.first, axes
    if first is None:
        _title(sheet, "First-layer filters")
        panels.missing(sheet, network.notes["filters"], COLUMN)
        sizes.set_axis_off()
        bands.set_axis_off()
        return
    _title(sheet, panels.filters_title(first, network.input))
    panels.filters(sheet, first, network.input, panels.filter_columns(len(first.weight)))
    _title(sizes, "RMS of each filter, sorted")
    panels.sizes(sizes, first, panels.size_limits([one.first for one in networks if one.first]))
    _title(bands, "Frequencies (dashed: noise)")
    if first.bands:
        panels.bands(bands, first.bands)
    else:
        panels.missing(bands, "Filters of one pixel have none.", HALVES[1])


def _layers(
    networks: Sequence[NetworkDiagnosis], network: NetworkDiagnosis, dead: Axes, shifts: Axes
) -> None:
    """What is counted in each layer."""
    _title(dead, "Dead units (blue), and nearly dead ones (orange)")
    panels.rarely_active(dead, network, panels.activity_limit(networks))
    _title(shifts, "Shift-equivariance error (0: maps move along; dashed: threshold)")
    panels.shifts(shifts, network, _shift_limit(networks))


def _aliasing(network: NetworkDiagnosis, projections: int, tiles: Axes, spectrum: Axes) -> None:
    """The projections of the second layer, and their spectrum."""
    found = network.aliasing
    if found is None:
        _title(tiles, "Aliasing in the second layer")
        panels.missing(tiles, network.notes["aliasing"], COLUMN)
        spectrum.set_axis_off()
        return
    most = min(projections, len(found.projections.unit))
    said = caption(found.nonlinearities)
    beyond = f" ({said[:-1]})" if said else ""
    _title(tiles, f"Projections of {found.layer}{beyond}")
    columns = panels.projection_columns(most, COLUMN / TILES)
    panels.projections(tiles, found, network.input, most, columns)
    shares = f"{found.share:.1%} at the first stride's, {found.expected:.1%} expected"
    _title(spectrum, f"Their spectrum, cycles per pixel: {shares}")
    panels.spectrum(spectrum, found)


def _findings(axes: Axes, network: NetworkDiagnosis) -> None:
    """The findings, one below the other."""
    axes.set_axis_off()
    for index, (text, colour, bold) in enumerate(_listed(network)):
        write_above(axes, text, -9.4 * index, va="top", **text_style(6, colour, bold=bold))


def _title(axes: Axes, text: str) -> None:
    axes.set_title(printable(fitted(text, COLUMN + 0.25, 6)), loc="left", pad=5, **text_style(6, INK))


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
