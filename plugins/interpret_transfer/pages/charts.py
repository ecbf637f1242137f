"""What layers are worth, as charts: bars at the most training images, and lines over their number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isnan

from interpret_gallery import Chart, Series
from interpret_transfer.paper import METHODS, PaperData
from interpret_transfer.renderers.text import FROM_SCRATCH, guessing, largest, layer_name, reported, rows
from interpret_transfer.results import LayerTransfer, NetworkTransfer, Transfer

__all__ = ["classifiers", "few_chart", "layer_chart"]

DRAWN = 7
"""Lines that a chart can tell apart."""


def classifiers(network: NetworkTransfer) -> Iterator[tuple[str, list[LayerTransfer]]]:
    """The name of a network with each of its classifiers, and the layers."""
    kinds = list(dict.fromkeys(row.classifier for row in network.layers))
    for kind in kinds:
        layers = [row for row in network.layers if row.classifier == kind]
        plain = len(kinds) == 1 or kind == FROM_SCRATCH
        yield network.label if plain else f"{network.label}, {kind}", layers


def _percent(value: float) -> float | None:
    return None if isnan(value) else 100 * value


def _limits(result: Transfer) -> list[tuple[float, str]]:
    guess = guessing(result)
    return [] if guess is None else [(guess, "guessing")]


def layer_chart(result: Transfer, paper: PaperData | None) -> Chart:
    """Every layer with the most training images, and the paper's Table 7 where it has the layer."""
    index = largest(result)
    names = list(dict.fromkeys(layer_name(row) for _, row in rows(result)))
    series = []
    for network in result.networks:
        for title, layers in classifiers(network):
            found = {layer_name(row): row for row in layers}
            values = [_percent(float(found[name].mean[index])) if name in found else None for name in names]
            spread = [_percent(float(found[name].spread[index])) if name in found else None for name in names]
            series.append(Series(title, values, spread))
    known = {layer_name(row): value.mean for _, row in rows(result) if (value := reported(paper, row))}
    if known:
        series.append(Series("the paper, Table 7", [known.get(name) for name in names]))
    title = f"With {result.sizes[index]:,} training images" + _each(result)
    label = f"{result.measure}, %"
    return Chart(title, names, series, y_label=label, kind="bar", limits=_limits(result))


def _each(result: Transfer) -> str:
    return " of each category" if result.measure == "accuracy" else ""


def few_chart(
    result: Transfer, title: str, layers: Sequence[LayerTransfer], paper: PaperData | None
) -> Chart:
    """Some layers over the number of training images, beside the paper's own networks."""
    theirs = {name: found for name, found in METHODS[paper].items() if len(found) > 1} if paper else {}
    shown = _evenly(layers, DRAWN - min(len(theirs), 3))
    sizes = sorted({*result.sizes, *(size for found in theirs.values() for size in found)})
    series = [_ours(result, row, sizes) for row in shown]
    for name, found in list(theirs.items())[-3:]:
        values = [found[size].mean if size in found else None for size in sizes]
        series.append(Series(f"{name} (paper)", values))
    label = f"training images{_each(result)}"
    return Chart(title, sizes, series, label, f"{result.measure}, %", low=0.0, limits=_limits(result))


def _ours(result: Transfer, row: LayerTransfer, sizes: Sequence[int]) -> Series:
    means = dict(zip(result.sizes, map(_percent, row.mean.tolist()), strict=True))
    spreads = dict(zip(result.sizes, map(_percent, row.spread.tolist()), strict=True))
    return Series(layer_name(row), [means.get(size) for size in sizes], [spreads.get(size) for size in sizes])


def _evenly(layers: Sequence[LayerTransfer], most: int) -> list[LayerTransfer]:
    """At most so many layers, from the first to the last."""
    if len(layers) <= most:
        return list(layers)
    return [layers[round(place * (len(layers) - 1) / (most - 1))] for place in range(most)]
