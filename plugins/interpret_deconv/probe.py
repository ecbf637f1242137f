"""The probe ``deconv``: the strongest neurons of every unit, projected back to pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Bool, Int
from pydantic import Field
from torch import Tensor

from interpret.errors import StepError, UnknownNameError
from interpret.graph.windows import Seeds
from interpret.images import Images, as_images
from interpret.interfaces import Probe
from interpret.network import Network
from interpret.progress import track
from interpret_deconv.choices import Engine, Nonlinear, Norm, Rule, Unpool, as_rules
from interpret_deconv.projection import LayerProjector
from interpret_deconv.results import LayerProjections, Projections
from interpret_topk import Exemplars, LayerExemplars


class Deconv(Probe):
    """What excites each unit: its strongest neurons projected back to pixels (Zeiler & Fergus 2014)."""

    name: ClassVar[str] = "deconv"

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
        "refuse", description="Nonlinearities without a rule: refuse them, or take their gradient."
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

    def run(self, network: Network, images: Images, exemplars: Exemplars) -> Projections:
        """Project the strongest neurons; each of their images is read once.

        Raises:
            StepError: If the exemplars come from other images, or a chosen unit does not exist.
        """
        works = {layer: self._work(network, exemplars, layer) for layer in self._layers(exemplars)}
        images = as_images(images)
        local = {index: place for place, index in enumerate(images.indices)}
        _check_images(dict(zip(images.indices, images.ids, strict=True)), exemplars)
        used = torch.unique(torch.cat([work.image for work in works.values()])).tolist()
        for start in track(range(0, len(used), self.batch_size)):
            chosen = used[start : start + self.batch_size]
            x = network.place(
                torch.stack([network.preprocess(images[local[index]].image) for index in chosen])
            )
            for work in works.values():
                work.project(x, chosen)
        return Projections(
            layers={layer: work.finished() for layer, work in works.items()},
            ids={str(index): exemplars.ids[str(index)] for index in used},
            input=network.input,
            rule=self.rule,
            unpool=self.unpool,
            engine=_described({layer: work.projector.engine for layer, work in works.items()}),
            dead={layer: work.dead for layer, work in works.items()},
        )

    def _layers(self, exemplars: Exemplars) -> list[str]:
        for layer in self.layers:
            if layer not in exemplars.layers:
                raise UnknownNameError("mined layer", layer, exemplars.layers)
        return self.layers or list(exemplars.layers)

    def _work(self, network: Network, exemplars: Exemplars, layer: str) -> _Work:
        mined = exemplars[layer]
        rules = as_rules(self.rule, self.unpool, self.lrn, self.nonlinear)
        projector = LayerProjector.of(network, network.graph, network.layer(layer), rules, self.engine)
        chosen = torch.zeros_like(mined.image, dtype=torch.bool)
        chosen[self._units(layer, len(mined.image)), : self.ranks] = True
        chosen &= (mined.image >= 0) & ~mined.dead[:, None]
        return _Work.of(projector, mined, chosen, self.seed)

    def _units(self, layer: str, count: int) -> list[int]:
        if self.units is None:
            return list(range(count))
        if isinstance(self.units, int):
            draw = torch.Generator().manual_seed(self.random_seed)
            return sorted(torch.randperm(count, generator=draw)[: self.units].tolist())
        for unit in self.units:
            if not 0 <= unit < count:
                raise StepError(f"Layer {layer!r} has no unit {unit}: it has {count}, 0 to {count - 1}.")
        return self.units


@dataclass(frozen=True)
class _Work:
    """The neurons of one layer, and room for their projections."""

    projector: LayerProjector
    unit: Int[Tensor, " k"]
    rank: Int[Tensor, " k"]
    image: Int[Tensor, " k"]
    position: Int[Tensor, "k 2"]
    value: Tensor
    seed: Tensor
    box: Int[Tensor, "k 4"]
    patches: Tensor
    scale: Tensor
    dead: Bool[Tensor, " unit"]

    @classmethod
    def of(
        cls,
        projector: LayerProjector,
        mined: LayerExemplars,
        chosen: Bool[Tensor, "unit rank"],
        seed: float | Literal["activation"],
    ) -> _Work:
        """Room for the chosen neurons."""
        unit, rank = chosen.nonzero(as_tuple=True)
        value, count = mined.values[chosen].float(), len(unit)
        shape = (projector.graph.input.shape[0], *projector.size)
        return cls(
            projector,
            unit,
            rank,
            mined.image[chosen],
            mined.position[chosen],
            value,
            value if seed == "activation" else torch.full_like(value, seed),
            torch.zeros(count, 4, dtype=torch.int64),
            torch.zeros(count, *shape, dtype=torch.float16),
            torch.ones(count),
            mined.dead,
        )

    def project(self, x: Tensor, images: list[int]) -> None:
        """Project the neurons of some images, which ``x`` holds in this order, ascending."""
        places = torch.tensor(images)
        mine = torch.isin(self.image, places).nonzero()[:, 0]
        if len(mine) == 0:
            return
        y, x_ = self.position[mine].unbind(1)
        image = torch.searchsorted(places, self.image[mine])
        seeds = Seeds(image, self.unit[mine], y, x_, self.seed[mine].to(x.dtype))
        patches, self.box[mine] = self.projector.patches(x, seeds)
        scale = patches.abs().amax((1, 2, 3))
        scale = torch.where(scale > 0, scale, 1.0)
        self.patches[mine] = (patches / scale[:, None, None, None]).to("cpu", torch.float16)
        self.scale[mine] = scale.float().cpu()

    def finished(self) -> LayerProjections:
        """The projections of the layer."""
        return LayerProjections(
            self.unit, self.rank, self.image, self.position, self.value, self.box, self.patches, self.scale
        )


def _check_images(ids: Mapping[int, str], exemplars: Exemplars) -> None:
    """Refuse images other than those that were mined; ``ids`` are by their place in the whole dataset."""
    for place, id_ in exemplars.ids.items():
        found = ids.get(int(place), "nothing")
        if found != id_:
            raise StepError(
                f"The exemplars were mined from other images: image {place} was {id_!r} and is {found!r}. "
                "Use the dataset of the mining step."
            )


def _described(engines: dict[str, str]) -> str:
    """One word if all layers used one engine, else the layers of each."""
    used = sorted(set(engines.values()))
    if len(used) == 1:
        return used[0]
    groups: Iterator[str] = (
        f"{engine} ({', '.join(layer for layer, own in engines.items() if own == engine)})" for engine in used
    )
    return ", ".join(groups)
