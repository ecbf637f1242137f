"""The probe ``deconv``: the strongest neurons of every unit, projected back to pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from interpret.graph import Seeds
from interpret.images import Images, as_images
from interpret.network import Network
from interpret.plugin import Probe
from interpret.progress import track
from interpret.run import cached_pieces
from interpret_deconv.choices import Engine, Nonlinear, Norm, Rule, Unpool, as_rules
from interpret_deconv.cutting import MAX_MB, MaxMegabytes
from interpret_deconv.mined import choose, empty_projections, in_images, mined_layers, store
from interpret_deconv.own_patches import own_patches, with_own_patches
from interpret_deconv.projection import LayerProjector
from interpret_deconv.results import LayerProjections, Projections
from interpret_deconv.signed import signed_layers
from interpret_topk import Exemplars


class Deconv(Probe):
    """What excites each unit: its strongest neurons projected back to pixels (Zeiler & Fergus 2014)."""

    name: ClassVar[str] = "deconv"
    in_pieces: ClassVar[bool] = True

    rule: Rule = Field(
        "deconvnet", description="How ReLUs treat the signal: deconvnet, gradient or guided (both)."
    )
    unpool: Unpool = Field(
        "sum", description="Where pooling windows share a maximum: signals add, or the last stays."
    )
    lrn: Norm | None = Field(
        None,
        description="Response norms: identity, scale (divide as on the way up) or gradient; none: identity "
        "for the deconvnet, gradient for the other rules.",
    )
    seed: float | Literal["activation"] = Field(
        1.0, description="The signal that starts at a neuron, or activation: its own value."
    )
    nonlinear: Nonlinear = Field(
        "rectify",
        description="Nonlinearities that are no ReLUs: rectify (as if they were), gradient, or refuse.",
    )
    engine: Engine = Field("auto", description="Whole maps (full), windows, or the cheaper of both.")
    layers: list[str] = Field([], description="Layers to project, of those that were mined; none: all.")
    units: int | list[int] | None = Field(
        None, description="Units of each layer: so many at random, or these; none: all."
    )
    ranks: int | None = Field(
        None, ge=1, le=10_000, description="How many neurons of each unit; none: all that were mined."
    )
    random_seed: int = Field(0, ge=0, description="Start of the random choice of units.")
    batch_size: int = Field(32, ge=1, le=4096, description="Images that are held at once.")
    max_mb: MaxMegabytes = MAX_MB

    def run(self, network: Network, images: Images, exemplars: Exemplars) -> Projections:
        """Project the strongest neurons; each of their images is read once; a stopped step goes on.

        Raises:
            StepError: If the exemplars come from other images, or a chosen unit does not exist.
        """
        layers, images = mined_layers(exemplars, self.layers), as_images(images)
        exemplars = in_images(exemplars, images)
        works = {layer: self._work(network, exemplars, layer) for layer in layers}
        local = {index: place for place, index in enumerate(images.indices)}
        signed = signed_layers(network, exemplars, layers)
        used = torch.unique(torch.cat([work.found.image for work in works.values()])).tolist()

        def project(piece: range) -> Projections:
            for start in track(range(piece.start, piece.stop, self.batch_size)):
                chosen = used[start : min(start + self.batch_size, piece.stop)]
                x = network.to_device(
                    torch.stack([network.preprocess(images[local[index]].image) for index in chosen])
                )
                for work in works.values():
                    work.project(x, chosen)
            return together(used[piece.start : piece.stop])

        def together(some: list[int]) -> Projections:
            return Projections(
                layers={layer: work.found.of_images(some) for layer, work in works.items()},
                ids={str(index): exemplars.ids[str(index)] for index in some},
                input=network.input,
                rule=self.rule,
                unpool=self.unpool,
                engine=_described({layer: work.projector.engine for layer, work in works.items()}),
                dead={layer: exemplars[layer].dead for layer in works},
                nonlinearities={layer: work.projector.nonlinearities for layer, work in works.items()},
                signed=signed,
                categories=exemplars.categories or images.categories,
                labels={key: exemplars.labels[key] for key in map(str, some) if key in exemplars.labels},
            )

        pieces = cached_pieces(project, range(len(used)), self.batch_size, kind=Projections)
        for layer, work in works.items():
            for piece in pieces if len(pieces) > 1 else ():
                work.found.fill(piece.layers[layer])
        return together(used)

    def _work(self, network: Network, exemplars: Exemplars, layer: str) -> _Work:
        mined = exemplars[layer]
        rules = as_rules(self.rule, self.unpool, self.lrn, self.nonlinear)
        projector = LayerProjector.of(network, network.graph, network.layer(layer), rules, self.engine)
        chosen = choose(mined, layer, self._units(len(mined.image)), self.ranks)
        shape = (network.input.shape[0], *projector.size)
        found = empty_projections(mined, chosen, shape, self.max_mb)
        found = with_own_patches(found, own_patches(network, layer))
        seed = found.value if self.seed == "activation" else torch.full_like(found.value, self.seed)
        return _Work(projector, found, seed)

    def _units(self, count: int) -> list[int] | None:
        if not isinstance(self.units, int):
            return self.units
        draw = torch.Generator().manual_seed(self.random_seed)
        return sorted(torch.randperm(count, generator=draw)[: self.units].tolist())


@dataclass(frozen=True)
class _Work:
    """How one layer's neurons are projected, what is done of it, and the signals that start at them."""

    projector: LayerProjector
    found: LayerProjections
    seed: Float[Tensor, " neuron"]

    def project(self, x: Tensor, images: list[int]) -> None:
        """Project the neurons of some images, which ``x`` holds in this order, ascending."""
        indices, found = torch.tensor(images), self.found
        mine = torch.isin(found.image, indices).nonzero()[:, 0]
        if len(mine) == 0:
            return
        y, x_ = found.position[mine].unbind(1)
        image = torch.searchsorted(indices, found.image[mine])
        seeds = Seeds(image, found.unit[mine], y, x_, self.seed[mine].to(x.dtype))
        for part, patches, box in self.projector.pieces(x, seeds):
            store(found, mine[part], patches, box, self.projector.graph.input.extent)


def _described(engines: dict[str, str]) -> str:
    """One word if all layers used one engine, else the layers of each."""
    used = sorted(set(engines.values()))
    if len(used) == 1:
        return used[0]
    groups: Iterator[str] = (
        f"{engine} ({', '.join(layer for layer, own in engines.items() if own == engine)})" for engine in used
    )
    return ", ".join(groups)
