"""Mining: which images, and which places in them, drive each unit of a network most."""

from typing import Any

from interpret.plugin import Page, Probe, Renderer, hookimpl
from interpret_topk.fields import layer_fields, own_patch
from interpret_topk.maxima import maxima_edges
from interpret_topk.mining import merge, mine
from interpret_topk.probe import TopK
from interpret_topk.results import Exemplars, LayerExemplars, LayerField

__all__ = [
    "Exemplars",
    "LayerExemplars",
    "LayerField",
    "TopK",
    "layer_fields",
    "maxima_edges",
    "merge",
    "mine",
    "own_patch",
]


@hookimpl
def register_pages() -> list[type[Page[Any]]]:
    """What shows the result of ``topk`` in a gallery."""
    from interpret_topk.pages import ExemplarPages  # noqa: PLC0415 - matplotlib takes time

    return [ExemplarPages]


@hookimpl
def register_probes() -> list[type[Probe]]:
    """The probe ``topk``."""
    return [TopK]


@hookimpl
def register_renderers() -> list[type[Renderer[Any]]]:
    """What draws the result of ``topk``."""
    from interpret_topk.renderers import ExemplarGrid  # noqa: PLC0415 - matplotlib takes time

    return [ExemplarGrid]
