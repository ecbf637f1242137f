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
from interpret_figures.text import fitted, paragraph, text_inches

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HALVES = (1.9, 1.4)
"""Inches of two panels side by side in a network's column."""

COLUMN = sum(HALVES)

PLOT, TILES, SPECTRUM, NOTE, FOOT = 0.72, 0.86, 0.86, 0.3, 0.05
"""Inches of the height of a plot, of the projections, of their spectrum, of what stands in place of both
where no network has them, and of what the findings hang on."""

NAME, FACTS = 11, 8.4
"""Points from one line of a network's name to the next, and of what it is."""

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
    aliasing = any(network.aliasing for network in result.networks)
    shifts = PLOT if any(map(panels.has_shifts, result.networks)) else NOTE
    heights = [filters, PLOT, PLOT, shifts, *([TILES, SPECTRUM] if aliasing else [NOTE]), FOOT]
    figure, grid = panel_grid(HALVES * len(result.networks), heights)
    lines = max(len(_fact_lines(network)) for network in result.networks)
    for network, left in zip(result.networks, range(0, grid.ncols, 2), strict=True):
        sheet, dead, moved, *below, findings = (
            figure.add_subplot(grid[row, left : left + 2]) for row in range(len(heights)) if row != 1
        )
        sizes, bands = (figure.add_subplot(grid[1, column]) for column in (left, left + 1))
        _name(sheet, network, lines)
        _first_layer(result.networks, network, (sheet, sizes, bands))
        _layers(result.networks, network, dead, moved)
        _aliasing(network, projections, below)
        _findings(findings, network)
    return finish(figure, Heading("Diagnosis", ()))


def _name(axes: Axes, network: NetworkDiagnosis, lines: int) -> None:
    """The network, and what it is in so many lines, above its first panel."""
    above = 24 + FACTS * (lines - 1)
    names = paragraph(network.label, COLUMN, 8.5, 3, bold=True)
    for index, text in enumerate(names):
        write_above(axes, text, above + NAME * (len(names) - index), **text_style(8.5, INK, bold=True))
    for index, text in enumerate(_fact_lines(network)):
        write_above(axes, text, above - FACTS * index, **text_style(6))


def _fact_lines(network: NetworkDiagnosis) -> list[str]:
    """What a network is, in a line, or more where it is long."""
    facts = _facts(network)
    whole = "  ·  ".join(facts)
    if text_inches(whole, 6) <= COLUMN:
        return [whole]
    return [line for fact in facts for line in paragraph(fact, COLUMN, 6, 2)]


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
    _title(dead, panels.rarely_active_title(network))
    panels.rarely_active(dead, network, panels.activity_limit(networks))
    reasons = {one.reason for one in network.shifts.values()}
    if not panels.has_shifts(network) and len(reasons) == 1:
        reason = reasons.pop()
        _title(shifts, "Shift-equivariance error")
        panels.missing(shifts, f"Measured in no layer: {reason[:1].lower()}{reason[1:]}", COLUMN)
        return
    _title(shifts, "Shift-equivariance error (0: maps move along; dashed: threshold)")
    panels.shifts(shifts, network, _shift_limit(networks))


def _aliasing(network: NetworkDiagnosis, projections: int, places: Sequence[Axes]) -> None:
    """The projections of the second layer, and their spectrum below them."""
    found, tiles = network.aliasing, places[0]
    if found is None:
        _title(tiles, "Aliasing in the second layer")
        if len(places) == 1:
            panels.missing(tiles, network.notes["aliasing"], COLUMN)
            return
        panels.empty(tiles, network.notes["aliasing"], COLUMN)
        panels.empty(places[1], "Without projections no spectrum.", COLUMN)
        return
    most = min(projections, len(found.projections.unit))
    said = caption(found.nonlinearities)
    beyond = f" ({said[:-1]})" if said else ""
    _title(tiles, f"Projections of {found.layer}{beyond}")
    columns = panels.projection_columns(most, COLUMN / TILES)
    panels.projections(tiles, found, network.input, most, columns)
    shares = f"{found.share:.1%} at the first stride's, {found.expected:.1%} expected"
    _title(places[1], f"Their spectrum, cycles per pixel: {shares}")
    panels.spectrum(places[1], found)


def _findings(axes: Axes, network: NetworkDiagnosis) -> None:
    """The findings, one below the other."""
    axes.set_axis_off()
    for index, (text, colour, bold) in enumerate(_listed(network)):
        write_above(axes, text, -9.4 * index, va="top", **text_style(6, colour, bold=bold))


def _title(axes: Axes, text: str) -> None:
    """In two lines where it is long."""
    lines = map(printable, paragraph(text, COLUMN + 0.25, 6, 2))
    axes.set_title("\n".join(lines), loc="left", pad=5, **text_style(6, INK))


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


def _facts(network: NetworkDiagnosis) -> list[str]:
    """Its first layer, if it is known, and how much was found."""
    first, count, images = network.first, len(network.findings), network.count
    found = f"{count} finding{'s' * (count != 1)} on {images:,} image{'s' * (images != 1)}"
    if first is None:
        return [found]
    (rows, columns), (down, across) = first.kernel, first.stride
    step = str(down) if down == across else f"{down} {TIMES} {across}"
    return [f"{first.layer}: {len(first.weight)} filters of {rows} {TIMES} {columns}, stride {step}", found]


def _listed(network: NetworkDiagnosis) -> list[tuple[str, str, bool]]:
    """The lines of the findings, with their colours: a title, then what and where, and the evidence."""
    lines = [("Findings" if network.findings else "No findings", INK, True)]
    for finding in network.findings[:FINDINGS]:
        lines.append((fitted(f"{finding.name}, {finding.layer}", COLUMN, 6.0), INK, False))
        lines += [(line, QUIET, False) for line in paragraph(finding.evidence, COLUMN, 6.0, 3)]
    more = len(network.findings) - FINDINGS
    return lines + ([(f"and {more} more", QUIET, False)] if more > 0 else [])
