"""The numbers of a diagnosis as charts: one series for each network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite

import numpy as np

from interpret_diagnosis.renderers.panels import RADIUS, WHITE, grid_frequencies, visible_spectrum
from interpret_diagnosis.results import FirstLayer, NetworkDiagnosis
from interpret_gallery import Chart, Series

__all__ = ["activity_chart", "band_chart", "shift_chart", "size_chart", "spectrum_chart"]

FLOOR = 1e-5
"""Of the largest energy: less is drawn there."""

Networks = Sequence[NetworkDiagnosis]


def size_chart(networks: Networks) -> Chart:
    """The RMS of every filter, the largest first, with the paper's radius; filters of zeros are left out."""
    first = [(network.label, network.first) for network in networks if network.first]
    most = max((len(one.rms) for _, one in first), default=0)
    series = [Series(label, _padded(_sorted(one), most)) for label, one in first]
    limits = [(RADIUS, "the paper's radius, 0.1")]
    title = "RMS of each filter, sorted"
    return Chart(title, list(range(1, most + 1)), series, "filter", "RMS", scale="log", limits=limits)


def _sorted(first: FirstLayer) -> list[float]:
    found: list[float] = first.rms.double().sort(descending=True).values.tolist()
    return found


def _padded(values: Sequence[float], most: int) -> list[float | None]:
    return [*values, *[None] * (most - len(values))]


def band_chart(networks: Networks) -> Chart:
    """The shares of low, mid and high frequencies in the average filter, beside those of white noise."""
    found = [(n.label, n.first.bands) for n in networks if n.first and n.first.bands]
    series = [Series(label, [100 * share for share in bands]) for label, bands in found]
    series += [Series("white noise", [100 * share for share in WHITE])] if series else []
    title = "Frequencies in the average filter"
    return Chart(title, ["low", "mid", "high"], series, y_label="% of its energy", kind="bar")


def activity_chart(networks: Networks) -> Chart:
    """The shares of units that are never, and hardly ever, above zero."""

    def shares(
        network: NetworkDiagnosis, take: Callable[[NetworkDiagnosis, str], float]
    ) -> list[float | None]:
        return [100 * take(network, name) if name in network.activity else None for name in layers(networks)]

    def dead(network: NetworkDiagnosis, name: str) -> float:
        return float(network.activity[name].dead.double().mean())

    def nearly(network: NetworkDiagnosis, name: str) -> float:
        return float(network.activity[name].nearly_dead(network.thresholds.nearly_dead).double().mean())

    series = []
    for network in networks:
        named = f"{network.label}: " if len(networks) > 1 else ""
        series.append(Series(f"{named}never", shares(network, dead)))
        rare = shares(network, nearly)
        if any(rare):
            series.append(Series(f"{named}hardly ever", rare))
    title = "Units that are never, or hardly ever, above zero"
    return Chart(title, layers(networks), series, y_label="% of the layer's units", kind="bar")


def shift_chart(networks: Networks) -> Chart:
    """How far maps fail to move along with the image, with the threshold."""
    names = [name for name in layers(networks) if any(_error(n, name) is not None for n in networks)]
    series = [Series(network.label, [_error(network, name) for name in names]) for network in networks]
    limits = sorted({network.thresholds.shift for network in networks})
    title = "Shift-equivariance error: 0 where maps move along with the image"
    marks = [(limit, f"threshold {limit:g}") for limit in limits]
    return Chart(title, names, series, y_label="error", kind="bar", limits=marks)


def _error(network: NetworkDiagnosis, layer: str) -> float | None:
    found = network.shifts.get(layer)
    error = found.error if found else None
    return error if error is not None and isfinite(error) else None


def layers(networks: Networks) -> list[str]:
    """The layers of all networks, in order."""
    return list(dict.fromkeys(layer for network in networks for layer in network.layers))


def spectrum_chart(network: NetworkDiagnosis, networks: Networks) -> Chart | None:
    """The spectrum of the second layer's projections, with the frequencies of the first stride."""
    if network.aliasing is None:
        return None
    frequency, energy = visible_spectrum(network.aliasing)
    relative = np.maximum(energy / energy.max(), FLOOR).astype(float)
    marks = [(one, f"{one:.3g}") for one in grid_frequencies(network.aliasing)]
    named = f"{network.label}: spectrum" if len(networks) > 1 else "Spectrum"
    return Chart(
        f"{named} of the projections of {network.aliasing.layer}",
        [round(float(one), 4) for one in frequency],
        [Series("energy", relative.tolist())],
        "cycles per pixel",
        "energy, of the largest",
        scale="log",
        events=marks,
    )
