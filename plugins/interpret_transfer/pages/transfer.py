"""What layers are worth on another data set: charts, and tables that sort (Tables 4 to 7, Figure 9)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import ClassVar

from markupsafe import Markup

from interpret.plugin import Page, PageContext, Sheet
from interpret_gallery import chart, from_file, own_names, render, step_names, table, write_cover
from interpret_transfer.pages.charts import classifiers, few_chart, layer_chart
from interpret_transfer.pages.published import published
from interpret_transfer.renderers import categories
from interpret_transfer.renderers.table import as_table, caption
from interpret_transfer.results import NetworkTransfer, Transfer, same_task

__all__ = ["TransferPage"]


class TransferPage(Page[Transfer]):
    """Every layer of every network: with the most training images, with few, and category by category."""

    name: ClassVar[str] = "transfer"

    def compose(self, result: Transfer, context: PageContext) -> Iterable[Sheet]:
        """One page."""
        names = " and ".join(network.label for network in result.networks)
        summary = f"What the layers of {names} are worth on {context.dataset}."
        cover = write_cover(context, layer_chart(result, published(result)))
        yield Sheet(context.step, _body(result), summary=summary, cover=cover)

    def compare(self, results: Sequence[tuple[Transfer, PageContext]]) -> Iterable[Sheet]:
        """The networks of all steps about the same task beside each other, each once."""
        first = max((result for result, _ in results), key=lambda result: len(result.networks))
        names = step_names([context for _, context in results])
        networks = {
            _identity(network): (network, name)
            for name, (result, _) in zip(names, results, strict=True)
            if same_task(first, result)
            for network in result.networks
        }
        if len(networks) > len(first.networks):
            body = _body(replace(first, networks=_named(list(networks.values()))))
            yield Sheet("Transfer", body, name="transfer", summary="The layers of all networks.")


def _named(networks: Sequence[tuple[NetworkTransfer, str]]) -> tuple[NetworkTransfer, ...]:
    """The networks, with their step where two share a name."""
    labels = [network.label for network, _ in networks]
    return tuple(
        replace(network, label=f"{network.label}, {step}") if labels.count(network.label) > 1 else network
        for network, step in networks
    )


def _identity(network: NetworkTransfer) -> tuple[str, str]:
    """The name and all numbers: a network that several steps hold is the same."""
    numbers = [(row.layer, row.classifier, row.quality.tolist()) for row in network.layers]
    return network.label, repr(numbers)


def _body(given: Transfer) -> Markup:
    names = own_names([network.label for network in given.networks])
    networks = [replace(one, label=name) for one, name in zip(given.networks, names, strict=True)]
    result = replace(given, networks=tuple(networks))
    paper = published(result)
    parts = [part for network in result.networks for part in classifiers(network)]
    return render(
        "interpret_transfer",
        "transfer.html",
        facts=result.summary(),
        warnings=result.warnings(),
        layers=chart(layer_chart(result, paper)),
        table=table(from_file(as_table(result, paper), "What each layer is worth")),
        caption=caption(result, paper),
        few=[chart(few_chart(result, title, layers, paper)) for title, layers in parts]
        if len(result.sizes) > 1 else [],
        categories=[
            (title, table(from_file(categories.category_table(result, layers, paper), title)))
            for title, layers in parts
        ],
        categories_caption=categories.caption(result, paper),
    )  # fmt: skip
