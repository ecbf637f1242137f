"""Captum's methods for neurons on the strongest neurons of every unit: what ``deconv`` is compared with."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor

from interpret.batches import Batch
from interpret.errors import StepError, UnknownNameError
from interpret.graph.receptive import receptive_field
from interpret.graph.rules import Rules
from interpret.graph.windows import Seeds
from interpret.images import Images, as_images
from interpret.interfaces import Probe
from interpret.network import Network
from interpret_captum import library as captum
from interpret_captum.subject import Subject, quiet, warn_of_plain_gradients
from interpret_deconv import Asked, LayerProjections, Projections
from interpret_deconv.asking import tracked
from interpret_deconv.projection import LayerProjector
from interpret_topk import Exemplars, LayerExemplars


class _NeuronProbe(Probe):
    """The strongest neurons of every unit, back to pixels by one of Captum's methods."""

    rule: ClassVar[str]

    layers: list[str] = Field([], description="Layers to project, of those that were mined; none: all.")
    units: list[int] | None = Field(None, description="Units of each layer; none: all.")
    ranks: int | None = Field(
        None, ge=1, le=10_000, description="How many neurons of each unit; none: all that were mined."
    )
    batch_size: int = Field(
        32, ge=1, le=4096, description="Neurons that go through the whole network at once."
    )

    def run(self, network: Network, images: Images, exemplars: Exemplars) -> Projections:
        """Project the strongest neurons; each of their images is read once.

        Raises:
            StepError: If the exemplars come from other images, or a chosen unit does not exist.
        """
        images, subject = as_images(images), Subject.of(network)
        warn_of_plain_gradients(subject, "the probe deconv")
        works = {layer: self._work(subject, exemplars, layer) for layer in self._layers(exemplars)}
        for batch in tracked(network, _used(images, exemplars, works), self.batch_size):
            for work in works.values():
                work.project(batch, self.batch_size)
        used = sorted({index for work in works.values() for index in work.image.tolist()})
        return Projections(
            layers={layer: work.finished() for layer, work in works.items()},
            ids={str(index): exemplars.ids[str(index)] for index in used},
            input=network.input,
            rule=self.rule,
            unpool="sum",
            engine="captum",
            dead={layer: exemplars[layer].dead for layer in works},
        )

    @abstractmethod
    def method(self, subject: Subject) -> Any:
        """Captum's method for one layer."""

    def _layers(self, exemplars: Exemplars) -> list[str]:
        for layer in self.layers:
            if layer not in exemplars.layers:
                raise UnknownNameError("mined layer", layer, exemplars.layers)
        return self.layers or list(exemplars.layers)

    def _work(self, subject: Subject, exemplars: Exemplars, layer: str) -> _Work:
        mined, tapped, graph = exemplars[layer], subject.at(layer), subject.network.graph
        field = receptive_field(graph, tapped.layer)
        projector = LayerProjector(graph, tapped.layer, Rules(), None, field)
        return _Work.of(self.method(tapped), projector, mined, self._chosen(layer, mined))

    def _chosen(self, layer: str, mined: LayerExemplars) -> Bool[Tensor, "unit rank"]:
        count = len(mined.image)
        units = list(range(count)) if self.units is None else self.units
        for unit in units:
            if not 0 <= unit < count:
                raise StepError(f"Layer {layer!r} has no unit {unit}: it has {count}, 0 to {count - 1}.")
        chosen = torch.zeros_like(mined.image, dtype=torch.bool)
        chosen[units, : self.ranks] = True
        return chosen & (mined.image >= 0) & ~mined.dead[:, None]


class NeuronDeconvolution(_NeuronProbe):
    """What excites each unit, as Captum's deconvnet has it (captum ``NeuronDeconvolution``)."""

    name: ClassVar[str] = "captum.neuron_deconvolution"
    rule: ClassVar[str] = "deconvnet"

    def method(self, subject: Subject) -> Any:
        """Captum's ``NeuronDeconvolution``."""
        return captum.NeuronDeconvolution(subject.module, subject.tap)


class NeuronGuidedBackprop(_NeuronProbe):
    """What excites each unit, by guided backpropagation (captum ``NeuronGuidedBackprop``)."""

    name: ClassVar[str] = "captum.neuron_guided_backprop"
    rule: ClassVar[str] = "guided"

    def method(self, subject: Subject) -> Any:
        """Captum's ``NeuronGuidedBackprop``."""
        return captum.NeuronGuidedBackprop(subject.module, subject.tap)


@dataclass(frozen=True)
class _Work:
    """The neurons of one layer, and room for their projections."""

    method: Any
    projector: LayerProjector
    unit: Int[Tensor, " k"]
    rank: Int[Tensor, " k"]
    image: Int[Tensor, " k"]
    position: Int[Tensor, "k 2"]
    value: Float[Tensor, " k"]
    box: Int[Tensor, "k 4"]
    patches: Tensor
    scale: Tensor

    @classmethod
    def of(
        cls, method: Any, projector: LayerProjector, mined: LayerExemplars, chosen: Bool[Tensor, "unit rank"]
    ) -> _Work:
        """Room for the chosen neurons."""
        unit, rank = chosen.nonzero(as_tuple=True)
        image, position, value = mined.image[chosen], mined.position[chosen], mined.values[chosen].float()
        y, x = position.unbind(1)
        box = projector.boxes(Seeds(image, unit, y, x, value)).reshape(-1, 4)
        shape = (len(unit), projector.graph.input.shape[0], *projector.size)
        patches, scale = torch.zeros(shape, dtype=torch.float16), torch.ones(len(unit))
        return cls(method, projector, unit, rank, image, position, value, box, patches, scale)

    def project(self, batch: Batch, count: int) -> None:
        """Project the neurons of a batch of images, so many at once."""
        images = torch.tensor(batch.indices)
        mine = torch.isin(self.image, images).nonzero()[:, 0]
        for part in torch.split(mine, count) if len(mine) else ():
            row = (self.image[part, None] == images).int().argmax(1)
            asked = Asked(self.projector.layer, self.unit[part], self.position[part], self.value[part])
            with quiet():
                found = self.method.attribute(batch.x[row.to(batch.x.device)], asked.pick)
            self._keep(part, found.detach().cpu())

    def _keep(self, part: Int[Tensor, " m"], found: Float[Tensor, "m c h w"]) -> None:
        """Crop projections of whole images to their boxes, and store them with their scale."""
        for place, whole in zip(part.tolist(), found, strict=True):
            patch = crop(whole, self.box[place].tolist())
            peak = float(patch.abs().amax()) or 1.0
            self.patches[place], self.scale[place] = (patch / peak).half(), peak

    def finished(self) -> LayerProjections:
        """The projections of the layer."""
        return LayerProjections(
            self.unit, self.rank, self.image, self.position, self.value, self.box, self.patches, self.scale
        )


def crop(image: Float[Tensor, "c h w"], box: list[int]) -> Float[Tensor, "c height width"]:
    """The part of an image in a box (top, left, bottom, right), half-open; zero outside the image."""
    top, left, bottom, right = box
    height, width = image.shape[1:]
    return F.pad(image, (-left, right - width, -top, bottom - height))


def _used(images: Images, exemplars: Exemplars, works: dict[str, _Work]) -> Images:
    """The images that hold a neuron, in the order of the dataset.

    Raises:
        StepError: If they are not those that were mined.
    """
    local = {index: place for place, index in enumerate(images.indices)}
    for text, id_ in exemplars.ids.items():
        found = images.ids[local[int(text)]] if int(text) in local else "nothing"
        if found != id_:
            raise StepError(
                f"The exemplars were mined from other images: image {text} was {id_!r} and is {found!r}. "
                "Use the dataset of the mining step."
            )
    used = {index for work in works.values() for index in work.image.tolist()}
    return images.subset(sorted(local[index] for index in used))
