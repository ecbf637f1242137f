"""What transformations of an image do to its features and to the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float, Int
from torch import Tensor

from interpret.errors import UnknownNameError
from interpret.images import InputSpec
from interpret.records import Record
from interpret.results import Result
from interpret.wording import counted, listed, value
from interpret_invariance.halves import half_widths, linearity
from interpret_invariance.transforms import find_transformation
from interpret_invariance.warping import Border


@dataclass(frozen=True)
class Curves(Record):
    """What one transformation does, by how much there is of it.

    Attributes:
        transform: Its name.
        amounts: How much of it, rising, in its unit.
        distance: Euclidean distance of the features to those of the untransformed image, by layer.
        probability: The probability of each image's target, or its output where that stands for none.
    """

    transform: str
    amounts: Float[Tensor, " step"]
    distance: dict[str, Float[Tensor, "image step"]]
    probability: Float[Tensor, "image step"]

    @property
    def identity(self) -> int:
        """The step that changes nothing."""
        return int((self.amounts == find_transformation(self.transform).identity).nonzero()[0])

    @property
    def unit(self) -> str:
        """The unit of the amounts."""
        return find_transformation(self.transform).unit

    @property
    def offsets(self) -> Float[Tensor, " step"]:
        """How far each step is from the identity, in units of the transformation.

        Rotations go round: 350 degrees are -10, and 180 are 180.
        """
        offsets = self.amounts - self.amounts[self.identity]
        return 180 - (180 - offsets) % 360 if self.transform == "rotation" else offsets

    def distance_half_widths(self, layer: str) -> Float[Tensor, "image 2"]:
        """How far below and above the identity the distance first reaches half of its largest value.

        The largest value is that of all steps, on both sides. Straight lines connect the steps. Inf: it is
        not reached on this side; NaN: there is no step on this side, or the features do not change.
        """
        distance = self.distance[layer]
        return half_widths(self.offsets, distance, distance.amax(1) / 2)

    def probability_half_widths(self) -> Float[Tensor, "image 2"]:
        """How far below and above the identity the probability has first moved by half of its value there.

        It may have fallen or risen. Inf: it does not on this side; NaN: there is no step on this side.
        """
        start = self.probability[:, self.identity]
        return half_widths(self.offsets, (self.probability - start[:, None]).abs(), start.abs() / 2)

    def linearity(self, layer: str) -> Float[Tensor, " image"]:
        """How much of the distance is a straight line from the identity: R squared, see ``halves``."""
        return linearity(self.offsets, self.distance[layer])


@dataclass(frozen=True)
class Invariances(Result):
    """How the features of some images change while the images are transformed (the paper's Figure 5).

    Attributes:
        curves: By transformation.
        norm: Length of the features of each untransformed image, by layer.
        image: The index of each image in the dataset.
        ids: The id of every image, by its place in the dataset as text.
        target: The class whose probability is followed.
        target_from: Where it comes from, for each image: ``label``, ``predicted`` (the most probable class of
            the untransformed image), or ``given``.
        border: What is seen beyond the border of the image.
        input: What the network takes.
        categories: The names of the network's outputs; the dataset's where the network has none and they are
            as many.
        skipped: The id of each image that could not be read, and the reason.
        matching: How the images' labels were matched to outputs; empty where no label was used.
        asked: What is followed of the target: its ``probability``, or its ``output`` where that is none.
    """

    curves: dict[str, Curves]
    norm: dict[str, Float[Tensor, " image"]]
    image: Int[Tensor, " image"]
    ids: dict[str, str]
    target: Int[Tensor, " image"]
    target_from: tuple[str, ...]
    border: Border
    input: InputSpec
    categories: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    matching: str = ""
    asked: Literal["probability", "output"] = "probability"

    def __getitem__(self, transform: str) -> Curves:
        if transform not in self.curves:
            raise UnknownNameError("transformation in this result", transform, self.curves)
        return self.curves[transform]

    def __len__(self) -> int:
        return len(self.image)

    def summary(self) -> dict[str, str]:
        """How images were transformed, and what was looked at."""
        return {
            "images": value(len(self.image)),
            "transformations": ", ".join(
                f"{name} ({counted(len(found.amounts), 'step')})" for name, found in self.curves.items()
            ),
            "layers": listed(self.layers),
            "followed": f"{self.asked} of the target",
        }

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers, as they were asked for."""
        return tuple(self.norm)

    def relative(self, transform: str, layer: str) -> Float[Tensor, "image step"]:
        """The distance divided by the length of the untransformed image's features; NaN where that is 0."""
        return self[transform].distance[layer] / self.norm[layer][:, None]
