"""What mining finds: the strongest neurons of every unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor

from interpret.errors import UnknownNameError
from interpret.records import Record
from interpret.results import Result
from interpret.wording import counted, listed, value

__all__ = ["Exemplars", "LayerExemplars", "never_positive"]


@dataclass(frozen=True)
class LayerExemplars(Record):
    """The strongest neurons of every unit of one layer, strongest first.

    Where a unit has fewer than k neurons, value is -inf and image and position are -1.

    Attributes:
        values: Their activations.
        image: The place in the dataset of the image each was found in.
        position: Where in the layer's map, (y, x); (0, 0) in a layer of vectors.
        nan: How many neurons of each unit were NaN; they are left out.
    """

    values: Float[Tensor, "unit rank"]
    image: Int[Tensor, "unit rank"]
    position: Int[Tensor, "unit rank 2"]
    nan: Int[Tensor, " unit"]

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
    """

    layers: dict[str, LayerExemplars]
    ids: dict[str, str]
    skipped: tuple[tuple[str, str], ...]
    count: int
    nan_images: tuple[str, ...] = ()

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
