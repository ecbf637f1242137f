"""The part of the image where a neuron stands, where attention makes it depend on all of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Int
from torch import Tensor

from interpret.graph import Graph, ReceptiveField
from interpret.network import Network
from interpret_deconv.results import LayerProjections
from interpret_topk import own_patch

__all__ = ["OwnPatches", "own_patches", "own_patches_caption", "with_own_patches"]


@dataclass(frozen=True)
class OwnPatches:
    """The patches of the neurons of one layer.

    Attributes:
        field: Where each lies.
        mixed_by: What makes the neurons depend on the whole image, in a word.
    """

    field: ReceptiveField
    mixed_by: str

    @classmethod
    def of(cls, graph: Graph, layer: str) -> OwnPatches | None:
        """Those of a layer, as `interpret_topk.own_patch` has them."""
        found = own_patch(graph, layer)
        return None if found is None else cls(*found)

    def boxes(self, position: Int[Tensor, "k 2"]) -> Int[Tensor, "k 4"]:
        """(top, left, bottom, right) of the patch at each row and column, not cut at the borders."""
        boxes = [self.field.box(y, x) for y, x in position.tolist()]
        return torch.tensor(boxes, dtype=torch.int64).reshape(-1, 4)


def with_own_patches(found: LayerProjections, patches: OwnPatches | None) -> LayerProjections:
    """Projections that know the patches of their neurons, if these are more than their boxes say."""
    if patches is None:
        return found
    return replace(found, own=patches.boxes(found.position), mixed_by=patches.mixed_by)


def own_patches(network: Network, layer: str) -> OwnPatches | None:
    """The same of a layer by its name or alias."""
    return OwnPatches.of(network.graph, network.layer(layer))


def own_patches_caption(found: LayerProjections) -> str:
    """What is outlined in a figure, and what that leaves out; empty where nothing is."""
    if found.own is None or not len(found.own):
        return ""
    rows, columns = (found.own[:, 2:] - found.own[:, :2]).amax(0).tolist()
    return (
        f"Outlined: each neuron's own {rows} \N{MULTIPLICATION SIGN} {columns} pixels; {found.mixed_by} "
        "below mixes in what lies around, up to the whole image."
    )
