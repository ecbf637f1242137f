"""Mining: which images, and which places in them, drive each unit of a network most."""

from interpret.plugin import Probe, hookimpl
from interpret_topk.mining import merge, mine
from interpret_topk.probe import TopK
from interpret_topk.results import Exemplars, LayerExemplars

__all__ = ["Exemplars", "LayerExemplars", "TopK", "merge", "mine"]


@hookimpl
def register_probes() -> list[type[Probe]]:
    """The probe ``topk``."""
    return [TopK]
