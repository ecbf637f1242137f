"""What mining finds: the strongest neurons of every unit, and what shows them without the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from interpret.errors import UnknownNameError
from interpret.images import InputSpec
from interpret.records import Record
from interpret.results import Result
from interpret.wording import counted, listed, value

__all__ = ["Exemplars", "LayerExemplars", "LayerField", "never_positive"]


@dataclass(frozen=True)
class LayerField(Record):
    """Where the neurons of a layer look: the boxes of `interpret.graph.receptive_field`, as numbers.

    Attributes:
        rows: First pixel row of the box of each row of neurons, and the one after its last, not cut at the
            borders.
        columns: The same of columns.
        size: Rows and columns of a box; of the largest, where they differ.
        stride: Pixels from one box to the next.
    """

    rows: Int[Tensor, "row 2"]
    columns: Int[Tensor, "column 2"]
    size: tuple[int, int]
    stride: tuple[float, float]

    @property
    def largest(self) -> tuple[int, int]:
        """Rows and columns that any box fits into."""
        rows, columns = (int((axis[:, 1] - axis[:, 0]).max()) for axis in (self.rows, self.columns))
        return rows, columns

    def boxes(self, position: Int[Tensor, "*k 2"]) -> Int[Tensor, "*k 4"]:
        """(top, left, bottom, right) of neurons at (y, x), half-open; of a position below 0: all 0."""
        there = (position >= 0).all(-1, keepdim=True)
        y, x = position.clamp(min=0).unbind(-1)
        edges = torch.cat([self.rows[y], self.columns[x]], -1)
        return torch.where(there, edges[..., [0, 2, 1, 3]], 0)


@dataclass(frozen=True)
class LayerExemplars(Record):
    """The strongest neurons of every unit of one layer, strongest first.

    Where a unit has fewer than k neurons, value is -inf and image and position are -1.

    Attributes:
        values: Their activations.
        image: The place in the dataset of the image each was found in.
        position: Where in the layer's map, (y, x); (0, 0) in a layer of vectors.
        nan: How many neurons of each unit were NaN; they are left out.
        maxima: How many images have their maximum in each of the bins between ``maxima_edges()``.
        field: The receptive fields; None where they are not known, or all are the whole image. Where only
            gates or statistics of whole maps make neurons depend on all of it: what they see without these.
        own: The patches where the neurons stand, where attention makes them depend on the whole image.
        mixed_by: What makes them depend on it: ``attention``, or ``an operation on whole maps``; else empty.
    """

    values: Float[Tensor, "unit rank"]
    image: Int[Tensor, "unit rank"]
    position: Int[Tensor, "unit rank 2"]
    nan: Int[Tensor, " unit"]
    maxima: Int[Tensor, "unit bin"] | None = None
    field: LayerField | None = None
    own: LayerField | None = None
    mixed_by: str = ""

    @property
    def dead(self) -> Bool[Tensor, " unit"]:
        """Units that are never positive on these images."""
        return self.values[:, 0] <= 0


@dataclass(frozen=True)
class Exemplars(Result):
    """The strongest neurons of every unit of some layers over a dataset.

    Attributes:
        layers: What was found, by the names the layers were asked for.
        ids: The id of every image that holds one of these neurons, by its place in the dataset as text.
        skipped: The id of every image that could not be read, and the reason.
        count: How many images were seen.
        nan_images: The ids of the images that have NaN neurons.
        input: What the network takes.
        categories: The names of the dataset's categories.
        labels: The category of each image in ``ids``, where the dataset knows it.
    """

    layers: dict[str, LayerExemplars]
    ids: dict[str, str]
    skipped: tuple[tuple[str, str], ...]
    count: int
    nan_images: tuple[str, ...] = ()
    input: InputSpec | None = None
    categories: tuple[str, ...] = ()
    labels: dict[str, int] = field(default_factory=dict)

    def __getitem__(self, layer: str) -> LayerExemplars:
        if layer not in self.layers:
            raise UnknownNameError("mined layer", layer, self.layers)
        return self.layers[layer]

    @property
    def k(self) -> int:
        """How many neurons are kept of each unit."""
        return int(next(iter(self.layers.values())).values.shape[1])

    def summary(self) -> dict[str, str]:
        """How many images were seen, and the strongest neurons of how many units."""
        units = sum(len(layer.values) for layer in self.layers.values())
        return {
            "images": value(self.count),
            "layers": listed(self.layers),
            "units": value(units),
            "strongest of each": value(self.k) if self.layers else "0",
        }

    def warnings(self) -> tuple[str, ...]:
        """Images that could not be read or gave NaN, and units that are never positive."""
        nan = f"{counted(len(self.nan_images), 'image')} gave NaN, left out: {listed(self.nan_images)}."
        dead = never_positive({name: layer.dead for name, layer in self.layers.items()})
        return (*super().warnings(), *([nan] if self.nan_images else []), *dead)


def never_positive(dead: Mapping[str, Bool[Tensor, " unit"]]) -> tuple[str, ...]:
    """A sentence about units that are never positive, by layer; none where there are none."""
    found = {name: (int(units.sum()), len(units)) for name, units in dead.items()}
    told = [f"{count} of {total} units of {name}" for name, (count, total) in found.items() if count]
    return (f"Never positive in these images: {', '.join(told)}.",) if told else ()
