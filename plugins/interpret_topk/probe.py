"""The probe ``topk``: mining as a step of a pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from interpret.images import Images
from interpret.network import Network, OnError
from interpret.plugin import ShardedProbe
from interpret_topk.mining import join, merge, scan
from interpret_topk.results import Exemplars


class TopK(ShardedProbe):
    """The strongest neurons of every unit over the dataset, with their images and positions."""

    name: ClassVar[str] = "topk"

    layers: list[str] = Field([], description="Layers to mine, by name or alias; none: every convolution.")
    k: int = Field(9, ge=1, le=10_000, description="Neurons to keep of each unit.")
    per_image: int = Field(
        1, ge=1, le=10_000, description="Neurons of one unit that a single image may give."
    )
    on_error: OnError = Field(
        "raise", description="What to do with images that cannot be read: raise, or skip and list them."
    )
    fields: bool = Field(
        True,
        description="Keep receptive fields, by which patches are cut; the network is traced for them.",
    )

    def run_shard(self, network: Network, images: Images) -> Exemplars:
        """The strongest neurons over one part of the dataset."""
        return scan(
            network,
            images,
            self.layers,
            k=self.k,
            batch_size=self.batch_size,
            per_image=self.per_image,
            on_error=self.on_error,
            fields=self.fields,
        )

    def join(self, pieces: Sequence[Exemplars]) -> Exemplars:
        """The strongest neurons over one part of the dataset, from those over its pieces."""
        return join(pieces)

    def merge(self, partials: Sequence[Exemplars]) -> Exemplars:
        """The strongest neurons over all parts."""
        return merge(partials)
