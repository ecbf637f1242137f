"""The numbers of a diagnosis in rows: one value for each network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from interpret_diagnosis.results import Diagnosis, FirstLayer, NetworkDiagnosis
from interpret_figures.escaping import MISSING


@dataclass(frozen=True)
class Number:
    """One number of each network.

    Attributes:
        name: What programs read.
        title: What people read.
        values: One for each network; none where it does not apply.
        kind: How it is written.
    """

    name: str
    title: str
    values: tuple[float | None, ...]
    kind: Literal["share", "number", "count"] = "number"

    def text(self, value: float | None) -> str:
        """A value with the digits that can be read."""
        if value is None:
            return MISSING
        if self.kind == "share":
            return f"{value:.1%}"
        return f"{value:,.0f}" if self.kind == "count" else f"{value:.3g}"

    def change(self) -> str:
        """``more`` or ``less`` where the last network differs from the first by a tenth of the larger one."""
        one, other = self.values[0], self.values[-1]
        if one is None or other is None or abs(one - other) <= 0.1 * max(abs(one), abs(other)):
            return ""
        return "more" if other > one else "less"


def numbers(result: Diagnosis) -> list[Number]:
    """All numbers: those of the first layer, of the second layer's projections, then of each layer."""
    networks = result.networks
    layers = list(dict.fromkeys(layer for network in networks for layer in network.layers))
    lines = [*_first(networks), *_aliasing(networks)]
    for layer in layers:
        lines += _layer(networks, layer)
    return lines


def _first(networks: tuple[NetworkDiagnosis, ...]) -> Iterator[Number]:
    """The filters of the first convolution."""

    def line(
        name: str,
        title: str,
        take: Callable[[FirstLayer], float | None],
        kind: Literal["share", "number", "count"] = "number",
    ) -> Number:
        values = tuple(None if network.first is None else take(network.first) for network in networks)
        return Number(name, title, values, kind)

    yield line("filters", "first-layer filters", lambda first: len(first.weight), "count")
    yield line("kernel", "their size in pixels", lambda first: max(first.kernel), "count")
    yield line("stride", "their stride in pixels", lambda first: max(first.stride), "count")
    yield line("rms_median", "median RMS (inputs of -128 to 128)", lambda first: float(first.rms.median()))
    yield line("rms_largest", "largest RMS over the median", lambda first: float(first.relative.max()))
    yield line("rms_smallest", "smallest RMS over the median", lambda first: float(first.relative.min()))
    yield line("duplicates", "pairs of near-duplicates", lambda first: len(first.duplicates.units), "count")
    yield line("noise", "likeness to white noise", lambda first: first.noise)
    for index, band in enumerate(("low", "mid", "high")):
        yield line(
            f"energy_{band}",
            f"{band} frequencies in the average filter",
            lambda first, index=index: None if first.bands is None else first.bands[index],  # type: ignore[misc]
            "share",
        )


def _aliasing(networks: tuple[NetworkDiagnosis, ...]) -> list[Number]:
    """The projections of the second layer."""
    found = [network.aliasing for network in networks]
    shares = tuple(None if one is None else one.share for one in found)
    expected = tuple(None if one is None else one.expected for one in found)
    return [
        Number(
            "grid_energy", "energy of layer-2 projections at the first stride's frequencies", shares, "share"
        ),
        Number("grid_expected", "the same without a grid", expected, "share"),
    ]


def _layer(networks: tuple[NetworkDiagnosis, ...], layer: str) -> list[Number]:
    """Units and shifts of one layer."""
    counted = [network.activity.get(layer) for network in networks]
    units = tuple(None if one is None else len(one.images) for one in counted)
    dead = tuple(None if one is None else int(one.dead.sum()) for one in counted)
    nearly = tuple(
        None if one is None else int(one.nearly_dead(network.thresholds.nearly_dead).sum())
        for one, network in zip(counted, networks, strict=True)
    )
    moved = [network.shifts.get(layer) for network in networks]
    errors = tuple(None if one is None else one.error for one in moved)
    rectified = any(one is not None and not one.signed for one in counted)
    never, rarely = ("dead", "nearly dead") if rectified else ("never positive", "rarely positive")
    return [
        Number(f"units {layer}", f"{layer}: units", units, "count"),
        Number(f"dead {layer}", f"{layer}: {never} units", dead, "count"),
        Number(f"nearly_dead {layer}", f"{layer}: {rarely} units", nearly, "count"),
        Number(f"shift_error {layer}", f"{layer}: shift-equivariance error", errors),
    ]
