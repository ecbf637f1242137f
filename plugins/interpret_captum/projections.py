"""Captum's methods for neurons on the strongest neurons of every unit: what ``deconv`` is compared with."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Float16, Int
from pydantic import Field
from torch import Tensor, nn

from interpret.graph import Rules, Seeds, receptive_field
from interpret.images import Images, as_images
from interpret.network import Batch, Network, batches
from interpret.plugin import Probe
from interpret.progress import listening, track
from interpret.records import Record
from interpret.results import Result
from interpret.run import cached_pieces
from interpret.targets import Targets
from interpret_captum import library as captum
from interpret_captum.copies import NONLINEAR, ModuleCopy, quiet, warn_of_plain_gradients
from interpret_deconv import LayerProjections, Projections
from interpret_deconv.cutting import MAX_MB, MaxMegabytes, cut
from interpret_deconv.mined import choose, empty_projections, in_images, mined_layers, packed
from interpret_deconv.own_patches import OwnPatches, with_own_patches
from interpret_deconv.projection import LayerProjector
from interpret_deconv.signed import signed_layers
from interpret_topk import Exemplars


class _NeuronProbe(Probe):
    """The strongest neurons of every unit, back to pixels by one of Captum's methods."""

    rule: ClassVar[str]
    in_pieces: ClassVar[bool] = True

    layers: list[str] = Field([], description="Layers to project, of those that were mined; none: all.")
    units: list[int] | None = Field(None, description="Units of each layer; none: all.")
    ranks: int | None = Field(
        None, ge=1, le=10_000, description="How many neurons of each unit; none: all that were mined."
    )
    batch_size: int = Field(
        32, ge=1, le=4096, description="Neurons that go through the whole network at once."
    )
    max_mb: MaxMegabytes = MAX_MB

    def run(self, network: Network, images: Images, exemplars: Exemplars) -> Projections:
        """Project the strongest neurons; each of their images is read once.

        Raises:
            StepError: If the exemplars come from other images, or a chosen unit does not exist.
        """
        images, copy = as_images(images), ModuleCopy.of(network)
        warn_of_plain_gradients(copy, "the probe deconv")
        layers, exemplars = mined_layers(exemplars, self.layers), in_images(exemplars, images)
        works = {layer: self._work(copy, exemplars, layer) for layer in layers}
        used = sorted({index for work in works.values() for index in work.found.image.tolist()})
        self._project(network, images, works, used)
        return Projections(
            layers={layer: work.found for layer, work in works.items()},
            ids={str(index): exemplars.ids[str(index)] for index in used},
            input=network.input,
            rule=self.rule,
            unpool="sum",
            engine="captum",
            dead={layer: exemplars[layer].dead for layer in works},
            nonlinearities={layer: plain_gradients_below(copy, work.layer) for layer, work in works.items()},
            signed=signed_layers(network, exemplars, list(works)),
            categories=exemplars.categories or images.categories,
            labels={key: exemplars.labels[key] for key in map(str, used) if key in exemplars.labels},
        )

    def _project(
        self, network: Network, images: Images, works: Mapping[str, _Work], used: Sequence[int]
    ) -> None:
        """Project all neurons, so many images and so many neurons at once; a stopped step goes on."""
        local = {index: place for place, index in enumerate(images.indices)}
        groups = [used[start : start + self.batch_size] for start in range(0, len(used), self.batch_size)]
        parts = [
            (number, layer, part)
            for number, group in enumerate(groups)
            for layer, work in works.items()
            for part in work.parts(group, self.batch_size)
        ]

        @lru_cache(maxsize=1)
        def read(number: int) -> Batch:
            chosen = images.subset([local[index] for index in groups[number]])
            with listening(None):
                (batch,) = batches(network, chosen, self.batch_size)
            return batch

        def some(piece: range) -> _Pieces:
            chosen = track(parts[piece.start : piece.stop])
            return _Pieces(tuple(works[layer].project(read(number), part) for number, layer, part in chosen))

        pieces = cached_pieces(some, range(len(parts)), 1, kind=_Pieces)
        done = [patches for piece in pieces for patches in piece.parts]
        pieces.clear()  # so that all of them are in memory once
        for _, layer, part in parts[::-1]:
            done.pop().put(works[layer].found, part)

    @abstractmethod
    def method(self, copy: ModuleCopy) -> Any:
        """Captum's method for one layer."""

    def _work(self, copy: ModuleCopy, exemplars: Exemplars, layer: str) -> _Work:
        mined, tapped, graph = exemplars[layer], copy.at(layer), copy.network.graph
        field = receptive_field(graph, tapped.layer, measure=False)
        projector = LayerProjector(graph, tapped.layer, Rules(), None, field)
        chosen = choose(mined, layer, self.units, self.ranks)
        shape = (graph.input.shape[0], *projector.size)
        found = empty_projections(mined, chosen, shape, self.max_mb)
        found = with_own_patches(found, OwnPatches.of(graph, tapped.layer))
        y, x = found.position.unbind(1)
        found.seen.copy_(projector.boxes(Seeds(found.image, found.unit, y, x, found.value)).reshape(-1, 4))
        return _Work(self.method(tapped), tapped.layer, found)


def plain_gradients_below(copy: ModuleCopy, layer: str) -> dict[str, tuple[str, ...]]:
    """The nonlinearities below a layer where Captum's rules do nothing, as `Projections` has them."""
    graph, found = copy.network.graph, Counter[str]()
    for node in graph.path(graph.layer(layer)):
        outside = not isinstance(copy.inside.get_submodule(node.layer), nn.ReLU)
        found[node.operation] += outside and node.operation in NONLINEAR
    names = tuple(f"{name} x {count}" for name, count in sorted(found.items()) if count)
    return {"gradient": names} if names else {}


class NeuronDeconvolution(_NeuronProbe):
    """What excites each unit, as Captum's deconvnet has it (captum ``NeuronDeconvolution``)."""

    name: ClassVar[str] = "captum.neuron_deconvolution"
    rule: ClassVar[str] = "deconvnet"

    def method(self, copy: ModuleCopy) -> Any:
        """Captum's ``NeuronDeconvolution``."""
        return captum.NeuronDeconvolution(copy.module, copy.tap)


class NeuronGuidedBackprop(_NeuronProbe):
    """What excites each unit, by guided backpropagation (captum ``NeuronGuidedBackprop``)."""

    name: ClassVar[str] = "captum.neuron_guided_backprop"
    rule: ClassVar[str] = "guided"

    def method(self, copy: ModuleCopy) -> Any:
        """Captum's ``NeuronGuidedBackprop``."""
        return captum.NeuronGuidedBackprop(copy.module, copy.tap)


@dataclass(frozen=True)
class _Patches(Record):
    """The projections of some neurons, as `LayerProjections` has them."""

    patches: Float16[Tensor, "neuron channel height width"]
    scale: Float[Tensor, " neuron"]
    box: Int[Tensor, "neuron 4"]
    kept: Float[Tensor, " neuron"] | None = None

    def put(self, into: LayerProjections, which: Int[Tensor, " neuron"]) -> None:
        """Put them into their places."""
        into.patches[which], into.scale[which], into.box[which] = self.patches, self.scale, self.box
        if into.kept is not None and self.kept is not None:
            into.kept[which] = self.kept


@dataclass(frozen=True)
class _Pieces(Result):
    """The projections of some parts of all neurons."""

    parts: tuple[_Patches, ...]


@dataclass(frozen=True)
class _Work:
    """How one layer's neurons are projected, and where their projections go."""

    method: Any
    layer: str
    found: LayerProjections

    def parts(self, images: Sequence[int], count: int) -> Sequence[Int[Tensor, " m"]]:
        """The neurons of some images, so many at once."""
        mine = torch.isin(self.found.image, torch.tensor(images)).nonzero()[:, 0]
        return torch.split(mine, count) if len(mine) else ()

    def project(self, batch: Batch, part: Int[Tensor, " m"]) -> _Patches:
        """Project some neurons of a batch of images; crop what is of whole images."""
        images, found = torch.tensor(batch.indices), self.found
        row = (found.image[part, None] == images).int().argmax(1)
        targets = Targets(self.layer, found.unit[part], found.position[part])
        with quiet():
            maps = self.method.attribute(batch.x[row.to(batch.x.device)], targets.pick)
        box = found.seen[part]
        patches = torch.stack(list(map(crop, maps.detach().cpu(), box.tolist())))
        if found.field is None:
            return _Patches(*packed(patches), box)
        own = None if found.own is None else found.own[part]
        kept = cut(patches, box, found.size, (batch.x.shape[2], batch.x.shape[3]), own)
        return _Patches(*packed(kept.patches), kept.box, kept.kept)


def crop(image: Float[Tensor, "c h w"], box: list[int]) -> Float[Tensor, "c height width"]:
    """The part of an image in a box (top, left, bottom, right), half-open; zero outside the image."""
    top, left, bottom, right = box
    height, width = image.shape[1:]
    return F.pad(image, (-left, right - width, -top, bottom - height))
