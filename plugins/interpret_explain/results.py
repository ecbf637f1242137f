"""What is found in single images: what the network answers, and which of its units are strongest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor

from interpret.errors import UnknownNameError
from interpret.images import InputSpec
from interpret.modules import OutputKind, has_probabilities
from interpret.results import Result
from interpret_deconv import LayerProjections

__all__ = ["Predictions", "StrongestUnits"]


@dataclass(frozen=True)
class Predictions(Result):
    """The most probable categories of each image, most probable first.

    Attributes:
        image: The place of each image in the dataset.
        ids: The id of every image, by its place as text.
        classes: The outputs with the largest values; of equal ones the first.
        scores: Their probabilities; their values where the outputs stand for none.
        label: The output that stands for each image's label; -1 where there is none.
        label_rank: Its place among all outputs, 0 for the most probable; -1 where there is none.
        label_score: Its probability or value; NaN where there is none.
        class_count: How many outputs the network has.
        output_kind: What its outputs are, see ``Network.output_kind``.
        input: What it takes.
        categories: The names of its outputs; empty where they have none.
        matching: How labels were matched to outputs; empty where there are none.
        skipped: The id of every image that could not be read, and the reason.
    """

    image: Int[Tensor, " image"]
    ids: dict[str, str]
    classes: Int[Tensor, "image rank"]
    scores: Float[Tensor, "image rank"]
    label: Int[Tensor, " image"]
    label_rank: Int[Tensor, " image"]
    label_score: Float[Tensor, " image"]
    class_count: int
    output_kind: OutputKind
    input: InputSpec
    categories: tuple[str, ...] = ()
    matching: str = ""
    skipped: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.image)

    @property
    def has_probability(self) -> bool:
        """Whether scores are probabilities; those of a regression and single logits are values."""
        return has_probabilities(self.output_kind, self.class_count)

    def category(self, output: int) -> str:
        """The name of an output; ``class 3`` where it has none."""
        return self.categories[output] if output < len(self.categories) else f"class {output}"

    def summary(self) -> dict[str, str]:
        """Images, outputs, and how many labelled images are predicted as their label says."""
        known = self.label >= 0
        right = int((self.label_rank[known] == 0).sum())
        labelled = {"predicted as labelled": f"{right:,} of {int(known.sum()):,}"} if known.any() else {}
        return {"images": f"{len(self):,}", "outputs": f"{self.class_count:,}", **labelled}

    def warnings(self) -> tuple[str, ...]:
        """What was left out."""
        return _unreadable(self.skipped)

    def image_numbers(self, place: int) -> dict[str, Any]:
        """The predictions of the image at a place of the dataset, as plain values."""
        rows = (self.image == place).nonzero().flatten().tolist()
        return self._row(rows[0]) if rows else {}

    def _row(self, row: int) -> dict[str, Any]:
        score = "probability" if self.has_probability else "value"
        found = zip(self.classes[row].tolist(), self.scores[row].tolist(), strict=True)
        predictions = [
            {"category": self.category(output), "index": output, score: value} for output, value in found
        ]
        label = int(self.label[row])
        if label < 0:
            return {"predictions": predictions}
        known = {"category": self.category(label), "index": label, "rank": int(self.label_rank[row])}
        return {"predictions": predictions, "label": {**known, score: float(self.label_score[row])}}


@dataclass(frozen=True)
class StrongestUnits(Result):
    """The strongest units of some layers in each image, each where it is strongest, projected to pixels.

    Attributes:
        layers: The neurons by the names of the layers, ordered by image and then by ``rank``, strongest
            first. Where a layer is in ``notes``, ``patches`` are empty: 0 rows and 0 columns.
        ids: The id of every image, by its place as text.
        input: What the network takes.
        rule: How ReLUs treated the signal on its way down.
        notes: Why a layer could not be projected, by its name.
        nonlinearities: What was done in each layer at other nonlinearities than ReLUs, as
            ``interpret_deconv.nonlinearities`` says it.
        skipped: The id of every image that could not be read, and the reason.
    """

    layers: dict[str, LayerProjections]
    ids: dict[str, str]
    input: InputSpec
    rule: str
    notes: dict[str, str] = field(default_factory=dict)
    nonlinearities: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)
    skipped: tuple[tuple[str, str], ...] = ()

    def __getitem__(self, layer: str) -> LayerProjections:
        if layer not in self.layers:
            raise UnknownNameError("layer", layer, self.layers)
        return self.layers[layer]

    def summary(self) -> dict[str, str]:
        """Images, layers and neurons."""
        neurons = sum(len(layer.unit) for layer in self.layers.values())
        return {"images": f"{len(self.ids):,}", "layers": f"{len(self.layers):,}", "neurons": f"{neurons:,}"}

    def warnings(self) -> tuple[str, ...]:
        """What could not be projected, and what was left out."""
        notes = (f"{layer} could not be projected: {note}" for layer, note in self.notes.items())
        return (*notes, *_unreadable(self.skipped))

    def image_numbers(self, place: int) -> dict[str, Any]:
        """The neurons of the image at a place of the dataset, as plain values."""
        found = {name: layer.of_images([place]) for name, layer in self.layers.items()}
        strongest = {name: list(map(_neuron, *_columns(layer))) for name, layer in found.items()}
        notes = {"not_projected": self.notes} if self.notes else {}
        return {"strongest": strongest, **notes} if any(strongest.values()) else {}


def _unreadable(skipped: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    return tuple(f"{name} was left out: {reason}" for name, reason in skipped[:20])


def _columns(layer: LayerProjections) -> tuple[list[Any], ...]:
    """Unit, value, position and box of every neuron."""
    return tuple(column.tolist() for column in (layer.unit, layer.value, layer.position, layer.box))


def _neuron(unit: int, value: float, position: list[int], box: list[int]) -> dict[str, Any]:
    return {"unit": unit, "value": value, "position": position, "box": box}
