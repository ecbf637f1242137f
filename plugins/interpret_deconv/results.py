"""What projecting finds: the pixels that excite single neurons."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Float16, Int
from torch import Tensor

from interpret.errors import UnknownNameError
from interpret.images import InputSpec
from interpret.records import Record
from interpret.results import Result
from interpret.wording import counted, listed, percent, value
from interpret_deconv.beyond import captions
from interpret_topk.results import never_positive

MUCH = 0.9
"""The share of a projection's energy that is as good as all to the eye."""


@dataclass(frozen=True)
class LayerProjections(Record):
    """Projections of the neurons of one layer, ordered by unit and then by rank, strongest first.

    Attributes:
        unit: The channel of each neuron.
        rank: Its place among the strongest neurons of its unit, from 0.
        image: The place in the dataset of its image.
        position: Where it stands in the layer's map, (y, x).
        value: Its activation.
        box: Its receptive field in pixels of the network's input, (top, left, bottom, right), half-open, not
            cut at the borders; the whole image where the receptive field is larger than that.
        patches: Its projection, cropped to the box and divided by ``scale``; zero outside the image.
        scale: The largest magnitude of each projection, or 1 for one that is zero.
        own: The part of the image where it stands, as ``interpret.graph.own_field`` has it, in the form of
            ``box``: a token's patch. None where the box is no more than that.
        mixed_by: What makes it depend on the whole image all the same: ``attention``.
        field: Its receptive field, in the form of ``box``, where only a part of the projection is kept: then
            ``box`` is that part, of one size for all. None where projections are whole.
        kept: The share of its energy, the sum of its squares, that is kept; None where they are whole.
    """

    unit: Int[Tensor, " neuron"]
    rank: Int[Tensor, " neuron"]
    image: Int[Tensor, " neuron"]
    position: Int[Tensor, "neuron 2"]
    value: Float[Tensor, " neuron"]
    box: Int[Tensor, "neuron 4"]
    patches: Float16[Tensor, "neuron channel height width"]
    scale: Float[Tensor, " neuron"]
    own: Int[Tensor, "neuron 4"] | None = None
    mixed_by: str = ""
    field: Int[Tensor, "neuron 4"] | None = None
    kept: Float[Tensor, " neuron"] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of what is kept of each projection."""
        return self.patches.shape[2], self.patches.shape[3]

    @property
    def is_cut(self) -> bool:
        """Whether only a part of each projection is kept."""
        return self.kept is not None and len(self.kept) > 0

    @property
    def seen(self) -> Int[Tensor, "neuron 4"]:
        """The receptive field of each neuron, whatever part of its projection is kept."""
        return self.box if self.field is None else self.field

    def projection(self, i: int) -> Float[Tensor, "channel height width"]:
        """The projection of neuron ``i`` in its own scale."""
        return self.patches[i].float() * self.scale[i]

    def of_images(self, images: Sequence[int]) -> LayerProjections:
        """Those of the neurons of some images, in the same order."""
        mine = torch.isin(self.image, torch.tensor(images, dtype=torch.int64))
        if mine.all():
            return self
        return self.take(mine)

    def take(self, which: Bool[Tensor, " neuron"]) -> LayerProjections:
        """Those of some neurons, in the same order."""
        given = {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **{name: value[which] for name, value in given.items()})  # type: ignore[arg-type]

    def fill(self, part: LayerProjections) -> None:
        """Put in what was found for the neurons of some images, as `of_images` gives them."""
        if part is self:  # all of them
            return
        mine = torch.isin(self.image, part.image)
        for name in ("box", "patches", "scale", "field", "kept"):
            if (own := getattr(self, name)) is not None:
                own[mine] = getattr(part, name)


@dataclass(frozen=True)
class Projections(Result):
    """Projections of the strongest neurons of some layers.

    Attributes:
        layers: The projections, by the names of the layers.
        ids: The id of every image that is projected from, by its place in the dataset as text.
        input: What the network takes.
        rule: How ReLUs treated the signal.
        unpool: What unpooling did where windows share a maximum.
        engine: How it was computed: ``windows``, ``full``, or ``windows (conv1, conv2), full (conv5)``.
        dead: The units of each layer that were left out because they are never positive.
        nonlinearities: What was done in each layer at other nonlinearities than ReLUs, as
            ``interpret_deconv.nonlinearities`` says it.
        signed: The layers without a ReLU in which values below zero go on: their units in ``dead`` are never
            positive, but not dead.
        categories: The names of the dataset's categories.
        labels: The category of each image in ``ids``, where the dataset knows it.
    """

    layers: dict[str, LayerProjections]
    ids: dict[str, str]
    input: InputSpec
    rule: str
    unpool: str
    engine: str
    dead: dict[str, Tensor]
    nonlinearities: dict[str, dict[str, tuple[str, ...]]] = dataclasses.field(default_factory=dict)
    signed: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    labels: dict[str, int] = dataclasses.field(default_factory=dict)

    def __getitem__(self, layer: str) -> LayerProjections:
        if layer not in self.layers:
            raise UnknownNameError("projected layer", layer, self.layers)
        return self.layers[layer]

    def summary(self) -> dict[str, str]:
        """What was projected, and by which rule."""
        return {
            "images": value(len(self.ids)),
            "layers": listed(self.layers),
            "projections": value(sum(len(layer.unit) for layer in self.layers.values())),
            "rule": self.rule,
            "engine": self.engine,
            **self._stored(),
        }

    def warnings(self) -> tuple[str, ...]:
        """Units never positive, what was done at other nonlinearities than ReLUs, and what was cut off."""
        beyond = captions(self.nonlinearities)
        told = (f"At other nonlinearities than ReLUs: {beyond}",) if beyond else ()
        return (*super().warnings(), *never_positive(self.dead), *told, *self._much_cut())

    def _stored(self) -> dict[str, str]:
        """How many layers' projections are cut, and how much of their energy is kept."""
        shares = [share for share in map(_kept, self.layers.values()) if share is not None]
        if not shares:
            return {}
        energy = " to ".join(dict.fromkeys(map(percent, (min(shares), max(shares)))))
        layers = f"{len(shares)} of {counted(len(self.layers), 'layer')}"
        return {"stored": f"in part in {layers}: {energy} of the energy"}

    def _much_cut(self) -> tuple[str, ...]:
        """What to do about layers of which much is missing."""
        kept = {name: _kept(layer) for name, layer in self.layers.items()}
        little = [
            f"{name} ({percent(share)})" for name, share in kept.items() if share is not None and share < MUCH
        ]
        if not little:
            return ()
        return (
            f"Less than {percent(MUCH)} of the energy of projections is stored of {', '.join(little)}, "
            "at the median: a larger max_mb keeps more.",
        )


def _kept(layer: LayerProjections) -> float | None:
    """The share of the energy that is kept at the median; None where projections are whole."""
    return float(layer.kept.median()) if layer.kept is not None and len(layer.kept) else None
