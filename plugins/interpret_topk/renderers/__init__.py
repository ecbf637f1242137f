"""What draws exemplars: the patches of every unit, and what other figures of units take from it."""

from interpret_topk.renderers.exemplar_grid import ExemplarGrid

__all__ = ["ExemplarGrid"]
