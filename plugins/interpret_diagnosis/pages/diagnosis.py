"""What is probably wrong with an architecture: findings in sentences, filters, and numbers side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import ClassVar

from markupsafe import Markup

from interpret.plugin import Page, PageContext, Sheet
from interpret_deconv.beyond import caption
from interpret_diagnosis.pages import charts
from interpret_diagnosis.renderers import panels
from interpret_diagnosis.renderers.numbers import Number, numbers
from interpret_diagnosis.renderers.report import LIMITS, missing
from interpret_diagnosis.results import Diagnosis, NetworkDiagnosis, Thresholds
from interpret_figures import display
from interpret_gallery import (
    Picture,
    Quantity,
    Table,
    chart,
    own_names,
    render,
    save_picture,
    step_names,
    table,
)

__all__ = ["DiagnosisPage"]

PROJECTIONS, COLUMNS = 24, 6
"""Projections of the second layer that are shown, and how many in a row."""

PER_LAYER = ("units", "dead", "nearly_dead", "shift_error")
"""What `numbers` knows of each layer."""


@dataclass(frozen=True)
class Shown:
    """The pictures of a network; None where it has none, or none can be written.

    Attributes:
        network: The network.
        filters: Its first-layer filters.
        projections: Projections of its second layer.
    """

    network: NetworkDiagnosis
    filters: Picture | None = None
    projections: Picture | None = None

    @property
    def filters_title(self) -> str:
        """What the picture of filters shows."""
        first = self.network.first
        return panels.filters_title(first, self.network.input) if first else ""

    @property
    def first(self) -> str:
        """The first layer in words."""
        if (first := self.network.first) is None:
            return ""
        size, stride = (_by(*pair) for pair in (first.kernel, first.stride))
        return f"{first.layer}: {len(first.weight)} filters of {size} pixels, stride {stride}"

    @property
    def helps(self) -> dict[str, str]:
        """What usually helps, by the name of the finding."""
        return {finding.name: finding.helps for finding in self.network.findings}

    @property
    def missing(self) -> list[tuple[str, str, str]]:
        """What is missing, of which layer, and why."""
        return missing(self.network)

    @property
    def aliasing(self) -> str:
        """How much energy is at the frequencies of the first stride, in words."""
        if (found := self.network.aliasing) is None:
            return ""
        said = caption(found.nonlinearities)
        return (
            f"{found.share:.1%} of their energy is at the frequencies of the first stride, where "
            f"{found.expected:.1%} is expected without a grid.{' ' + said if said else ''}"
        )


def _by(down: int, across: int) -> str:
    return str(down) if down == across else f"{down} by {across}"


class DiagnosisPage(Page[Diagnosis]):
    """The findings about one network or several, with the numbers and pictures they come from."""

    name: ClassVar[str] = "diagnosis"

    def compose(self, result: Diagnosis, context: PageContext) -> Iterable[Sheet]:
        """One page."""
        networks = _named(result.networks)
        shown = [_pictures(network, place, context) for place, network in enumerate(networks)]
        cover = next((one.filters.url for one in shown if one.filters), "")
        names = " and ".join(network.label for network in networks)
        summary = f"What is probably wrong with {names}."
        model = context.model if len(networks) == 1 else ""
        yield Sheet(context.step, _body(shown, model), summary=summary, cover=cover)

    def compare(self, results: Sequence[tuple[Diagnosis, PageContext]]) -> Iterable[Sheet]:
        """The networks of all steps beside each other, each once."""
        names = step_names([context for _, context in results])
        every = {
            _identity(network): (network, name)
            for name, (result, _) in zip(names, results, strict=True)
            for network in result.networks
        }
        if len(every) > max(len(result) for result, _ in results):
            body = _body([Shown(network) for network in _named(*zip(*every.values(), strict=True))])
            yield Sheet("Diagnoses", body, name="diagnoses", summary="The networks of several steps.")


def _identity(network: NetworkDiagnosis) -> tuple[str, tuple[float | None, ...]]:
    """The name and all numbers: a network that several steps hold is the same."""
    return network.label, tuple(line.values[0] for line in numbers(Diagnosis((network,))))


def _named(networks: Sequence[NetworkDiagnosis], steps: Sequence[str] = ()) -> list[NetworkDiagnosis]:
    """The networks with a name of its own each: with that of their step where they share one."""
    labels = [network.label or "network" for network in networks]
    longer = [
        f"{label}, {step}" if labels.count(label) > 1 else label
        for label, step in zip(labels, steps or labels, strict=True)
    ]
    names = own_names(longer if steps else labels)
    return [replace(network, label=name) for network, name in zip(networks, names, strict=True)]


def _pictures(network: NetworkDiagnosis, place: int, context: PageContext) -> Shown:
    """Write the filters and the projections of one network."""
    filters = projections = None
    if (first := network.first) is not None:
        columns = panels.filter_columns(len(first.weight))
        largest = first.weight.abs().amax().expand(len(first.weight))
        pixels = panels.mosaic(first.weight, largest, columns, network.input)
        filters = save_picture(context, f"{place} filters", pixels, exact=True)
    if network.aliasing is not None:
        values = network.aliasing.projections.patches[:PROJECTIONS].float()
        scale = display.magnitude(values, 99.5)
        pixels = panels.mosaic(values, scale, min(COLUMNS, len(values)), network.input)
        projections = save_picture(context, f"{place} projections", pixels)
    return Shown(network, filters, projections)


def _body(shown: Sequence[Shown], model: str = "") -> Markup:
    """The page; findings lead to what other steps show of the model, if all are about that."""
    networks = [one.network for one in shown]
    lines = numbers(Diagnosis(tuple(networks)))
    spectra = [found for network in networks if (found := charts.spectrum_chart(network, networks))]
    return render(
        "interpret_diagnosis",
        "diagnosis.html",
        shown=shown,
        model=model,
        several=len(networks) > 1,
        first=[chart(charts.size_chart(networks)), chart(charts.band_chart(networks))]
        if any(network.first for network in networks) else [],
        activity=chart(charts.activity_chart(networks)),
        shifts=chart(charts.shift_chart(networks)),
        spectra=[chart(one) for one in spectra],
        layers=table(_layers(lines, networks)),
        numbers=table(_all(lines, networks)),
        thresholds=_thresholds(networks),
    )  # fmt: skip


def _layers(lines: Sequence[Number], networks: Sequence[NetworkDiagnosis]) -> Table:
    """A row for each layer of each network: its units, the dead ones and its shift-equivariance error."""
    known, several = {line.name: line for line in lines}, len(networks) > 1
    names = charts.layers(networks)
    told = [known[f"{kind} {names[0]}"].title.partition(": ")[2] for kind in PER_LAYER]
    rows = []
    for name in names:
        for place, network in enumerate(networks):
            if name in network.activity:
                cells = [_cell(known[f"{kind} {name}"], place) for kind in PER_LAYER]
                rows.append([name, *([network.label] if several else []), *cells])
    return Table(["layer", *(["network"] if several else []), *told], rows, "Layers")


def _cell(line: Number, place: int) -> Quantity | None:
    value = line.values[place]
    return None if value is None else Quantity(value, line.text(value))


def _all(lines: Sequence[Number], networks: Sequence[NetworkDiagnosis]) -> Table:
    """The numbers that belong to no layer; of several networks with how the last differs from the first."""
    kept = [line for line in lines if not any(line.name.startswith(f"{kind} ") for kind in PER_LAYER)]
    several = len(networks) > 1
    places = range(len(networks))
    rows = [
        [line.title, *(_cell(line, place) for place in places), *([line.change()] if several else [])]
        for line in kept
    ]
    ends = [f"{networks[-1].label} against {networks[0].label}"] if several else []
    return Table(["number", *(network.label for network in networks), *ends], rows, "Numbers")


def _thresholds(networks: Sequence[NetworkDiagnosis]) -> list[tuple[str, str, str]]:
    """Each threshold: its parameter, its value, and what it means."""
    return [
        (
            item.name,
            " / ".join(dict.fromkeys(f"{getattr(network.thresholds, item.name):g}" for network in networks)),
            LIMITS[item.name],
        )
        for item in fields(Thresholds)
    ]
