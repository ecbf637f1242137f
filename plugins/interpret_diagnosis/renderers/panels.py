"""The panels of a diagnosis: each draws one kind of number of one network into its place."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, sqrt
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, UInt8
from matplotlib.transforms import blended_transform_factory
from torch import Tensor

from interpret.images import InputSpec
from interpret_diagnosis.results import Aliasing, FirstLayer, NetworkDiagnosis
from interpret_figures import display
from interpret_figures.colours import LABELS
from interpret_figures.page import INK, QUIET, font
from interpret_figures.text import fitted, paragraph, text_inches

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RADIUS = 0.1
"""The radius to which the paper limits the RMS of first-layer filters."""

SMALL = 5.5
"""Points of the numbers at an axis."""

EMPTY = "#f4f4f4"
"""The tone of a place in which only other networks have something to see."""

MAIN, SECOND = LABELS[0], LABELS[1]
"""The colours of what is counted first and second."""

FAINT = "#d9dbe0"
"""The colour of lines that are no data."""

TILE = 64
"""Pixels of a tile's longer side, at least: gaps between tiles are a small part of them."""

NAMED = 8
"""So many layers are named under an axis; more are numbered."""

WHITE = (0.09, 0.26, 0.65)
"""The shares of low, mid and high frequencies in white noise: the areas of the bands."""


def mosaic(
    values: Float[Tensor, "n c h w"],
    scale: Float[Tensor, " n"],
    columns: int,
    spec: InputSpec | None = None,
) -> UInt8[np.ndarray, "h w 3"]:
    """Signed tiles side by side on white paper, zero at mid-grey, each under its own scale.

    Args:
        values: The tiles.
        scale: The value of full colour of each tile.
        columns: Tiles in a row.
        spec: What the network takes: it says which channels are shown.
    """
    shown = values[:, display.shown_channels(spec, values.shape[1])].float()
    tiles = display.signed_pixels(shown, scale).numpy()
    factor = ceil(TILE / max(tiles.shape[1:3]))
    tiles = tiles.repeat(factor, 1).repeat(factor, 2)
    count, height, width = tiles.shape[:3]
    gap = round(0.08 * max(height, width))
    rows = ceil(count / columns)
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for index, tile in enumerate(tiles):
        y, x = (index // columns) * (height + gap), (index % columns) * (width + gap)
        sheet[y : y + height, x : x + width] = tile
    return sheet


def filters(axes: Axes, first: FirstLayer, spec: InputSpec, columns: int) -> None:
    """All first-layer filters under one scale, so that one that dominates looks dominant."""
    largest = first.weight.abs().amax().expand(len(first.weight))
    _picture(axes, mosaic(first.weight, largest, columns, spec))


def filters_title(first: FirstLayer, spec: InputSpec) -> str:
    """What the sheet of filters shows."""
    shown, count = display.shown_channels(spec, first.weight.shape[1]), first.weight.shape[1]
    named = f"; channel{'s' * (len(shown) > 1)} {', '.join(map(str, shown))} of {count}"
    return f"First-layer filters, one scale for all{'' if shown == list(range(count)) else named}"


def filter_columns(count: int) -> int:
    """Filters in a row: a sheet one and a half times as wide as high."""
    return ceil(sqrt(1.5 * count))


def sizes(axes: Axes, first: FirstLayer, limits: tuple[float, float]) -> None:
    """The RMS of every filter, sorted, with the paper's radius."""
    values = np.sort(first.rms.clamp_min(limits[0]).numpy())[::-1]
    axes.set_yscale("log")
    axes.set_xlim(-0.02 * len(values) - 0.5, len(values) * 1.02 - 0.5)
    axes.set_ylim(*limits)
    axes.axhline(RADIUS, color=QUIET, lw=0.6, ls=(0, (4, 2)))
    where = blended_transform_factory(axes.transAxes, axes.transData)
    axes.text(
        0.98, RADIUS * 1.08, "paper's radius 0.1", color=QUIET, ha="right", va="bottom", transform=where,
        fontproperties=font(SMALL),
    )  # fmt: skip
    axes.plot(np.arange(len(values)), values, ".", ms=3, color=MAIN, mew=0)
    _ticks(axes, [0, len(values) - 1], ["1", str(len(values))])
    axes.minorticks_off()


def size_limits(found: Sequence[FirstLayer]) -> tuple[float, float]:
    """One range for the RMS of all networks; filters of zeros stand at its lower end."""
    values = torch.cat([first.rms for first in found])
    positive = values[values > 0]
    low = float(positive.min()) if len(positive) else RADIUS
    high = max(float(values.max()), RADIUS)
    return max(low, 1e-4 * high) / 1.6, high * 2.2


def bands(axes: Axes, shares: tuple[float, float, float]) -> None:
    """The shares of low, mid and high frequencies, with those of noise as lines."""
    axes.set_ylim(0, max(*shares, *WHITE))
    axes.set_xlim(-0.6, 2.6)
    axes.bar(range(3), shares, width=0.7, color=MAIN)
    for index, noise in enumerate(WHITE):
        axes.plot([index - 0.43, index + 0.43], [noise, noise], color=INK, lw=0.8, ls=(0, (2, 1)))
    names = zip(("low", "mid", "high"), shares, strict=True)
    _ticks(axes, range(3), [f"{name}\n{share:.0%}" for name, share in names])
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def rarely_active(axes: Axes, network: NetworkDiagnosis, top: float) -> None:
    """The shares of dead and of nearly dead units of each layer, one above the other."""
    layers, limit = network.layers, network.thresholds.nearly_dead
    dead = np.array([float(network.activity[layer].dead.float().mean()) for layer in layers])
    nearly = np.array([float(network.activity[layer].nearly_dead(limit).float().mean()) for layer in layers])
    axes.bar(range(len(layers)), dead, width=0.62, color=MAIN)
    axes.bar(range(len(layers)), nearly, bottom=dead, width=0.62, color=SECOND)
    for index, (one, other) in enumerate(zip(dead, nearly, strict=True)):
        if len(layers) <= NAMED:
            counts = [
                network.activity[layers[index]].dead,
                network.activity[layers[index]].nearly_dead(limit),
            ]
            text = " + ".join(str(int(count.sum())) for count in counts)
            axes.text(
                index, one + other + 0.03 * top, text, ha="center", color=INK, fontproperties=font(SMALL)
            )
    axes.set_ylim(0, top)
    _share_ticks(axes, top)
    _layer_ticks(axes, layers)


def rarely_active_title(network: NetworkDiagnosis) -> str:
    """What the bars count: where values below zero go on, a unit that is never above it is not dead."""
    signed = [counted.signed for counted in network.activity.values()]
    if not any(signed):
        return "Dead units (blue), and nearly dead ones (orange)"
    if all(signed):
        return "Units never above zero (blue), and rarely (orange); no layer has a ReLU"
    return "Units never above zero (blue), and rarely (orange); with a ReLU, dead"


def activity_limit(networks: Sequence[NetworkDiagnosis]) -> float:
    """One upper end for the shares of all networks, at least a tenth."""
    shares = [
        float((counted.images < max(network.thresholds.nearly_dead, 1e-12)).float().mean())
        for network in networks
        for counted in network.activity.values()
    ]
    return min(max(1.3 * max(shares), 0.1), 1.15)


def has_shifts(network: NetworkDiagnosis) -> bool:
    """Whether the shift-equivariance error of any layer could be measured."""
    return any(one.error is not None for one in network.shifts.values())


def shifts(axes: Axes, network: NetworkDiagnosis, top: float) -> None:
    """The shift-equivariance error of each layer, with the threshold."""
    layers, limit = network.layers, network.thresholds.shift
    axes.axhline(limit, color=QUIET, lw=0.6, ls=(0, (4, 2)), zorder=3)
    for index, layer in enumerate(layers):
        error = network.shifts[layer].error
        if error is not None:
            axes.bar(index, error, width=0.62, color=MAIN)
        text = "\N{EN DASH}" if error is None else f"{error:.2f}"
        if len(layers) <= NAMED:
            axes.text(
                index, (error or 0) + 0.02 * top, text, ha="center", color=QUIET if error is None else INK,
                fontproperties=font(SMALL),
            )  # fmt: skip
    axes.set_ylim(0, top)
    _ticks(axes, [0, limit], ["0", f"{limit:g}"], down=True)
    _layer_ticks(axes, layers)


def projections(axes: Axes, found: Aliasing, spec: InputSpec, most: int, columns: int) -> None:
    """Projections of the second layer, each under its own scale."""
    values = found.projections.patches[:most].float()
    _picture(axes, mosaic(values, display.magnitude(values, 99.5), columns, spec))


def projection_columns(count: int, wide: float) -> int:
    """Tiles in a row, for a sheet ``wide`` times as wide as high that is filled as well as can be."""
    return min(range(1, count + 1), key=lambda columns: max(columns / wide, ceil(count / columns)))


def visible_spectrum(found: Aliasing) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Frequencies in cycles per pixel, without the mean, and the average energy there of the projections."""
    values = found.energy.profile.clamp_min(1e-30).numpy()
    frequency = np.linspace(0, 0.5, len(values))
    visible = frequency >= 1 / max(found.projections.patches.shape[2:])  # below lies the mean
    return frequency[visible], values[visible]


def grid_frequencies(found: Aliasing) -> list[float]:
    """The frequencies of the first stride, in cycles per pixel."""
    step = max(found.stride)
    return [number / step for number in range(1, step // 2 + 1)]


def spectrum(axes: Axes, found: Aliasing) -> None:
    """The average spectrum of the projections along the axes, with the frequencies of the first stride."""
    (frequency, values), multiples = visible_spectrum(found), grid_frequencies(found)
    for index in multiples:
        axes.axvline(index, color=SECOND, lw=0.9)
    axes.plot(frequency, values, color=MAIN, lw=0.8)
    axes.set_yscale("log")
    high = float(values.max())
    axes.set_ylim(max(float(values.min()) / 2, high * 1e-5), high * 2)
    axes.set_xlim(0, 0.505)
    axes.set_yticks([])
    axes.minorticks_off()
    axes.spines["left"].set_visible(False)
    _ticks(axes, [0, *multiples], ["0", *(f"{position:g}".removeprefix("0") for position in multiples)])


def empty(axes: Axes, text: str, inches: float) -> None:
    """A place in which only other networks have something to see, and why, in its middle."""
    axes.set(xticks=[], yticks=[], facecolor=EMPTY)
    for spine in axes.spines.values():
        spine.set_visible(False)
    lines = "\n".join(paragraph(text, inches - 0.4, SMALL, 5))
    words = axes.text(0.5, 0.5, lines, transform=axes.transAxes, color=QUIET, fontproperties=font(SMALL))
    words.set(ha="center", va="center")


def missing(axes: Axes, text: str, inches: float) -> None:
    """Why there is nothing to see."""
    axes.set_axis_off()
    lines = paragraph(text, inches, SMALL, 5)
    axes.text(
        0, 1, "\n".join(lines), transform=axes.transAxes, va="top", color=QUIET, fontproperties=font(SMALL)
    )


def _picture(axes: Axes, pixels: UInt8[np.ndarray, "h w 3"]) -> None:
    axes.imshow(pixels, interpolation="antialiased", aspect="equal")
    axes.set_anchor("NW")
    axes.set_axis_off()


def _layer_ticks(axes: Axes, layers: Sequence[str]) -> None:
    """Names where there is room, else the numbers of the first, the last and a few between."""
    axes.set_xlim(-0.6, len(layers) - 0.4)
    room = 3.0 / len(layers) * 0.95
    if len(layers) <= NAMED and all(text_inches(layer, SMALL) <= room for layer in layers):
        _ticks(axes, range(len(layers)), layers)
        return
    step = ceil(len(layers) / 12)
    positions = [*range(0, len(layers), step)]
    _ticks(axes, positions, [str(position + 1) for position in positions])
    text = fitted(f"1: {layers[0]}   {len(layers)}: {layers[-1]}", 3.0, SMALL)
    axes.set_xlabel(text, color=QUIET, fontproperties=font(SMALL), labelpad=1)


def _share_ticks(axes: Axes, top: float) -> None:
    most = next(share for share in (1.0, 0.5, 0.2, 0.1, 0.05) if share <= top)
    _ticks(axes, [0, most], ["0", f"{most:.0%}"], down=True)


def _ticks(axes: Axes, positions: Sequence[float], texts: Sequence[str], *, down: bool = False) -> None:
    """Words along one axis; the lines around the plot are quiet."""
    axis = axes.yaxis if down else axes.xaxis
    axis.set_ticks(list(positions), list(texts), fontproperties=font(SMALL), color=QUIET)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set(color=FAINT, linewidth=0.6)
    axes.tick_params(length=1.5, width=0.5, color=FAINT, pad=1.5, labelsize=SMALL, labelcolor=QUIET)
    for label in axes.yaxis.get_ticklabels():
        label.set_fontproperties(font(SMALL))
