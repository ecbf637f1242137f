"""The page of a network: its layers, what each sees, and the pages about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from interpret.errors import InterpretError
from interpret.network import Network
from interpret.plugin import Sheet
from interpret.run import OpenedRun
from interpret_gallery.templates import render

__all__ = ["network_sheet"]


def network_sheet(run: OpenedRun, model: str, pages: Mapping[str, Sequence[tuple[str, str]]]) -> Sheet:
    """The page of a model of a run.

    Args:
        run: The run.
        model: The model's name in its pipeline.
        pages: The pages about each layer: what they are called, and their addresses.
    """
    try:
        network = run.network(model)
    except (InterpretError, OSError) as error:
        body = render("interpret_gallery", "no_network.html", reason=str(error), pages=pages)
        return Sheet(model, body, summary="It cannot be loaded here.")
    summary = network.summary(0)
    wanted = {_own_name(network, layer): layer for layer in pages}
    rows = [
        {"layer": layer, "pages": pages.get(wanted.get(layer.name, ""), ()), "depth": layer.name.count(".")}
        for layer in summary.layers
        if layer.mines or layer.name in wanted
    ]
    body = render("interpret_gallery", "network.html", summary=summary, rows=rows, network=network)
    return Sheet(model, body, summary=f"{summary.network}, {summary.parameters:,} parameters")


def _own_name(network: Network, layer: str) -> str:
    """The name of a layer that may be given by an alias, or as a part: ``blocks.3@class``."""
    plain = layer.partition("@")[0]
    return network.aliases.get(plain, plain)
