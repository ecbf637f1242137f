"""The strongest neurons of one layer, projected batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interpret.errors import ModelError
from interpret.graph import Graph, Rules, Seeds, receptive_field
from interpret.network import Network
from interpret_deconv import LayerProjections
from interpret_deconv.mined import packed
from interpret_deconv.own_patches import own_patches, with_own_patches
from interpret_deconv.projection import LayerProjector
from interpret_explain.neurons import Neurons


@dataclass
class LayerWork:
    """What is done in one layer, and what was found so far.

    Attributes:
        network: The network.
        layer: The layer as it was asked for.
        projector: What projects, or at least knows the boxes; None where the network cannot be traced.
        note: Why nothing can be projected; empty where it can.
        parts: The neurons of the batches so far.
    """

    network: Network
    layer: str
    projector: LayerProjector | None
    note: str = ""
    parts: list[LayerProjections] = field(default_factory=list)

    @classmethod
    def of(cls, network: Network, layer: str, rules: Rules) -> LayerWork:
        """The work of a layer; that it cannot be projected is noted.

        Raises:
            UnknownNameError: If there is no such layer.
        """
        name = network.layer(layer)
        try:
            graph = network.graph
        except ModelError as error:
            return cls(network, layer, None, str(error))
        try:
            return cls(network, layer, LayerProjector.of(network, graph, name, rules, "auto"))
        except ModelError as error:
            return cls(network, layer, _boxes_alone(graph, name, rules), str(error))

    def add(self, x: Float[Tensor, "n c h w"], places: Sequence[int], found: Neurons) -> None:
        """Project the neurons of a batch, whose images stand at these places of the dataset."""
        patches, box = self._patches(x, found.seeds())
        patches, scale = packed(patches) if patches.numel() else (patches.half().cpu(), torch.ones(len(box)))
        image = torch.tensor(places)[found.image]
        self.parts.append(
            LayerProjections(
                found.unit, found.rank, image, found.position, found.value.float(), box, patches, scale
            )
        )

    def _patches(self, x: Tensor, seeds: Seeds) -> tuple[Float[Tensor, "k c h w"], Int[Tensor, "k 4"]]:
        count, channels = len(seeds.image), x.shape[1]
        if self.projector and not self.note:
            try:
                return self.projector.patches(x, seeds._replace(value=seeds.value.to(x.dtype)))
            except ModelError as error:
                self.note = str(error)
        whole = torch.tensor([[0, 0, *x.shape[2:]]]).repeat(count, 1)
        return x.new_zeros(count, channels, 0, 0), self.projector.boxes(seeds) if self.projector else whole

    def collected(self) -> LayerProjections:
        """The neurons of all batches."""
        parts = list(map(_without_patches, self.parts)) if self.note else self.parts
        known = {name: value for name, value in vars(parts[0]).items() if isinstance(value, Tensor)}
        columns: dict[str, Any] = {name: torch.cat([vars(part)[name] for part in parts]) for name in known}
        found = LayerProjections(**columns)
        return with_own_patches(found, own_patches(self.network, self.layer)) if self.projector else found

    @property
    def nonlinearities(self) -> dict[str, tuple[str, ...]]:
        """What was done at other nonlinearities than ReLUs; nothing where nothing was projected."""
        return {} if self.note or self.projector is None else self.projector.nonlinearities


def _boxes_alone(graph: Graph, layer: str, rules: Rules) -> LayerProjector:
    """What knows the boxes of a layer, and projects nothing."""
    return LayerProjector(graph, layer, rules, None, receptive_field(graph, layer, measure=False))


def _without_patches(part: LayerProjections) -> LayerProjections:
    """The same neurons with nothing projected."""
    return replace(part, patches=part.patches[:, :, :0, :0], scale=torch.ones_like(part.scale))
