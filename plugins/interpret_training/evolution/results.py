"""What a series of checkpoints shows: every unit's strongest neurons, and projections, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Float16, Int
from torch import Tensor

from interpret.errors import UnknownNameError
from interpret.images import InputSpec
from interpret.records import Record
from interpret.results import Result
from interpret.wording import listed, value
from interpret_deconv import LayerProjections
from interpret_deconv.beyond import captions
from interpret_topk.results import never_positive

__all__ = ["Evolution", "LayerEvolution"]


@dataclass(frozen=True)
class LayerEvolution(Record):
    """How the units of one layer come to be.

    The axis ``unit`` is all units of the layer, ``row`` those that are projected.

    Attributes:
        values: The strongest activations of each unit, strongest first; -inf where there are fewer.
        image: The place in the dataset of the image each was found in; -1 where there are fewer.
        position: Where in the layer's map, (y, x).
        turnover: Share of the strongest images that were not among them one checkpoint before, 0 to 1; NaN at
            the first checkpoint and where the unit is dead at one of the two.
        overlap: Share of the last checkpoint's strongest images that are among those of this one, 0 to 1; NaN
            for units that are dead at the end.
        settled: The epoch from which on the overlap stays at the threshold or above; -1 for units that are
            dead at the end.
        unit: The unit of each row.
        box: The receptive field of the row's strongest neuron, as in ``LayerProjections``.
        patches: Its projection with the checkpoint's weights, cropped to the box and divided by ``scale``;
            zero where the unit is dead.
        scale: The largest magnitude of each projection; 1 where it is zero.
        similarity: Cosine of each projection with the one before, -1 to 1; NaN where one is missing.
        own: The part of the image where the neuron stands, as in ``LayerProjections``; so ``mixed_by``.
        signed: Whether it has no ReLU and values below zero go on: then units that are never positive have no
            projections, but are not dead.
    """

    values: Float[Tensor, "unit epoch rank"]
    image: Int[Tensor, "unit epoch rank"]
    position: Int[Tensor, "unit epoch rank 2"]
    turnover: Float[Tensor, "unit epoch"]
    overlap: Float[Tensor, "unit epoch"]
    settled: Int[Tensor, " unit"]
    unit: Int[Tensor, " row"]
    box: Int[Tensor, "row epoch 4"]
    patches: Float16[Tensor, "row epoch channel height width"]
    scale: Float[Tensor, "row epoch"]
    similarity: Float[Tensor, "row epoch"]
    own: Int[Tensor, "row epoch 4"] | None = None
    mixed_by: str = ""
    signed: bool = False

    @property
    def dead(self) -> Bool[Tensor, "unit epoch"]:
        """Where a unit is not positive in any image."""
        return self.values[:, :, 0] <= 0

    @property
    def jump(self) -> Bool[Tensor, "unit epoch"]:
        """Where the strongest image is another one than at the checkpoint before; both exist."""
        image = self.image[:, :, 0].masked_fill(self.dead, -1)
        before = torch.cat([image[:, :1], image[:, :-1]], 1)
        return (image != before) & (image >= 0) & (before >= 0)

    @property
    def stays(self) -> Bool[Tensor, "unit epoch"]:
        """Where the strongest neuron, image and position, is the same as at the checkpoint before."""
        here = torch.cat([self.image[:, :, :1], self.position[:, :, 0]], 2)
        same = torch.zeros_like(self.dead)
        same[:, 1:] = (here[:, 1:] == here[:, :-1]).all(2)
        same[:, 1:] &= ~self.dead[:, 1:] & ~self.dead[:, :-1]
        return same

    @property
    def cells(self) -> Int[Tensor, "cell 2"]:
        """Row and column of every projection there is, row by row."""
        return (~self.dead[self.unit]).nonzero()

    def projections(self) -> LayerProjections:
        """The projections there are, in the order of ``cells``."""
        row, column = self.cells.unbind(1)
        unit = self.unit[row]
        return LayerProjections(
            unit=unit,
            rank=torch.zeros_like(unit),
            image=self.image[unit, column, 0],
            position=self.position[unit, column, 0],
            value=self.values[unit, column, 0],
            box=self.box[row, column],
            patches=self.patches[row, column],
            scale=self.scale[row, column],
            own=None if self.own is None else self.own[row, column],
            mixed_by=self.mixed_by,
        )


@dataclass(frozen=True)
class Evolution(Result):
    """The units of some layers over a series of checkpoints (paper, section 4.1 and Figure 4).

    Attributes:
        epochs: The epoch of each checkpoint, ascending: the axis ``epoch``.
        layers: What was found, by the names the layers were asked for.
        ids: The id of every image that is named, by its place in the dataset as text.
        input: What the network takes.
        rule: How ReLUs treated the signal of the projections.
        threshold: The overlap from which on a unit counts as settled.
        checkpoints: The hash of each checkpoint's file.
        count: How many images were seen.
        skipped: The id of every image that could not be read, and the reason.
        nonlinearities: What the projections of each layer did at other nonlinearities than ReLUs, as
            ``interpret_deconv.nonlinearities`` says it.
    """

    epochs: tuple[int, ...]
    layers: dict[str, LayerEvolution]
    ids: dict[str, str]
    input: InputSpec
    rule: str
    threshold: float
    checkpoints: tuple[str, ...]
    count: int
    skipped: tuple[tuple[str, str], ...] = ()
    nonlinearities: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)

    def __getitem__(self, layer: str) -> LayerEvolution:
        if layer not in self.layers:
            raise UnknownNameError("layer of the evolution", layer, self.layers)
        return self.layers[layer]

    def summary(self) -> dict[str, str]:
        """Which checkpoints and units were looked at."""
        return {
            "images": value(self.count),
            "epochs": listed(self.epochs, most=8),
            "layers": listed(self.layers),
            "units": value(sum(len(layer.values) for layer in self.layers.values())),
            "projected": value(sum(len(layer.unit) for layer in self.layers.values())),
            "rule": self.rule,
        }

    def warnings(self) -> tuple[str, ...]:
        """Images that could not be read, units dead at the end, and what was done beyond ReLUs."""
        dead = never_positive(
            {name: layer.dead[:, -1] for name, layer in self.layers.items() if len(self.epochs)}
        )
        beyond = captions(self.nonlinearities)
        told = (f"At other nonlinearities than ReLUs: {beyond}",) if beyond else ()
        return (*super().warnings(), *dead, *told)

    @property
    def k(self) -> int:
        """How many strongest images of a unit are compared."""
        return int(next(iter(self.layers.values())).image.shape[2])

    @property
    def chance(self) -> float:
        """The overlap of two sets of images that were drawn at random."""
        return min(self.k / self.count, 1.0)
