"""Attributions: how much each input value counts for a class or a neuron, by whatever method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jaxtyping import Float, Int
from torch import Tensor

from interpret.images.inputs import InputSpec
from interpret.moved import elsewhere
from interpret.results import Result
from interpret.targets import Targets
from interpret.wording import counted, listed, value

if not TYPE_CHECKING:  # or type checkers would believe any name
    __getattr__ = elsewhere(__name__)


@dataclass(frozen=True)
class Attributions(Result):
    """Signed attributions of some images by one method; any probe that attributes returns this.

    Attributes:
        maps: What each input value counts, in the method's own scale.
        image: The index of each image in the dataset.
        ids: The id of every image, by its place in the dataset as text.
        target: The class asked about, or the unit if ``layer`` is given.
        layer: The layer of the neurons asked about; empty: the network's output.
        position: Where in the layer's map each neuron stands, (y, x); (0, 0) in vectors.
        score: The value of what was asked about in each image.
        method: The name of the method, such as ``captum.saliency``.
        input: What the network takes.
        categories: The names of the network's outputs.
        matching: How the images' labels were matched to outputs; empty where no label was used.
        note: What must be known of the method on this network; empty if nothing.
        outputs: How many outputs the network has; 0: nobody noted it.
    """

    maps: Float[Tensor, "image channel height width"]
    image: Int[Tensor, " image"]
    ids: dict[str, str]
    target: Int[Tensor, " image"]
    layer: str
    position: Int[Tensor, "image 2"]
    score: Float[Tensor, " image"]
    method: str
    input: InputSpec
    categories: tuple[str, ...] = ()
    matching: str = ""
    note: str = ""
    outputs: int = 0

    def attributions(self) -> Attributions:
        """Itself: a result of any probe that can be compared has this method."""
        return self

    def summary(self) -> dict[str, str]:
        """By which method, for what, and between which values."""
        units = list(dict.fromkeys(self.target.tolist()))
        names = [self._name(unit) for unit in units]
        finite = self.maps[self.maps.isfinite()]
        between = [value(float(end)) for end in (finite.min(), finite.max())] if finite.numel() else []
        return {
            "method": self.method,
            "images": value(len(self.image)),
            **({"layer": self.layer, "units": listed(units)} if self.layer else {"targets": listed(names)}),
            "values": " to ".join(between) or "none that is finite",
        }

    def warnings(self) -> tuple[str, ...]:
        """What must be known of the method on this network, and images whose maps are not finite."""
        broken = int((~self.maps.isfinite()).flatten(1).any(1).sum()) if self.maps.numel() else 0
        told = [f"{counted(broken, 'image')} with values that are not finite."] if broken else []
        return (*super().warnings(), *([self.note] if self.note else []), *told)

    def asked(self, place: int) -> str:
        """What was asked about in one image, in words: a category, the only output, or a neuron."""
        unit = int(self.target[place])
        if not self.layer:
            return self._name(unit)
        y, x = self.position[place].tolist()
        return f"{self.layer}, unit {unit} at ({y}, {x})"

    def _name(self, target: int) -> str:
        if target < len(self.categories):
            return self.categories[target]
        return "the output" if self.outputs == 1 else f"class {target}"

    def image_numbers(self, place: int) -> dict[str, Any]:
        """Who was asked about in the image at a place of the dataset, and what the method says of it."""
        rows = (self.image == place).nonzero().flatten().tolist()
        return {"attributions": list(map(self._row, rows))} if rows else {}

    def _row(self, row: int) -> dict[str, Any]:
        target, where = int(self.target[row]), dict[str, Any]()
        if self.layer:
            where = {"layer": self.layer, "unit": target, "position": self.position[row].tolist()}
        else:
            where = {"target": {"category": self._name(target), "index": target}}
        note = {"note": self.note} if self.note else {}
        return {"method": self.method, **where, "score": float(self.score[row]), **note}

    @property
    def targets(self) -> Targets:
        """Who was asked about in each image."""
        return Targets(self.layer, self.target, self.position)
