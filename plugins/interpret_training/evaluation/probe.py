"""The probe ``evaluate``: how well a network classifies, alone or together with others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor

from interpret.errors import StepError
from interpret.images import Images, as_images, match_labels
from interpret.network import Network, OnError
from interpret.plugin import Probe
from interpret.results import Result
from interpret.run import cached_pieces
from interpret.wording import percent, value
from interpret_training.evaluation.evaluating import TestCrops, class_count, errors, probabilities, score
from interpret_training.pixels import Pixels, read_pixels
from interpret_training.results import Scores


@dataclass(frozen=True)
class Evaluation(Result):
    """What one or several networks say of labelled images.

    Attributes:
        probabilities: Of every category, averaged over views and networks.
        labels: The category of each image.
        ids: The id of each image.
        networks: How many networks were averaged.
        scores: Errors and loss.
        categories: The names of the outputs; empty if they have none.
        skipped: The id of every image that could not be read, and the reason.
        matching: How the images' labels were matched to outputs.
    """

    probabilities: Float[Tensor, "image category"]
    labels: Int[Tensor, " image"]
    ids: tuple[str, ...]
    networks: int
    scores: Scores
    categories: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    matching: str = ""

    def summary(self) -> dict[str, str]:
        """How well the networks classify."""
        return {
            "images": value(len(self.labels)),
            "networks": value(self.networks),
            "top-1 error": percent(self.scores.error),
            "top-5 error": percent(self.scores.error5),
            "loss": value(self.scores.loss),
            "views of each image": value(self.scores.crops),
        }

    def category_errors(self) -> Float[Tensor, " category"]:
        """The top-1 error of each category's images; NaN where it has none."""
        wrong = errors(self.probabilities, self.labels)
        own = torch.nn.functional.one_hot(self.labels, self.probabilities.shape[1]).float()
        return (wrong @ own) / own.sum(0)


class Evaluate(Probe):
    """The errors of a network, or of an ensemble: a chain of such steps averages probabilities (Table 2)."""

    name: ClassVar[str] = "evaluate"
    in_pieces: ClassVar[bool] = True

    crops: TestCrops = Field(
        10, description="Views averaged: the centre; or corners and centre, mirrored too."
    )
    batch_size: int = Field(64, ge=1, le=4096, description="Images in one forward pass.")
    on_error: OnError = Field(
        "raise", description="What to do with images that cannot be read: raise, or skip and list them."
    )

    def run(self, network: Network, images: Images, others: Evaluation | None = None) -> Evaluation:
        """Classify every image, and average with what the other networks say.

        Raises:
            StepError: If the others saw other images.
        """
        images = as_images(images)
        categories, classes = network.categories, class_count(network)
        pixels = read_pixels(
            images,
            network.input,
            classes=classes,
            categories=categories,
            on_error=self.on_error,
            several=False,
            hold=False,
        )
        found, count = self._probabilities(network, pixels), 1
        ids = tuple(images.ids[index] for index in pixels.places.tolist())
        if others is not None:
            _check_same(others, ids, found, pixels.labels)
            count = others.networks + 1
            found = (others.probabilities * others.networks + found) / count
        scores = score(found, pixels.labels, self.crops)
        matching = match_labels(images.categories, categories, classes).report
        return Evaluation(found, pixels.labels, ids, count, scores, categories, pixels.skipped, matching)

    def _probabilities(self, network: Network, pixels: Pixels) -> Float[Tensor, "image category"]:
        """What the network says of all images; a stopped step goes on."""

        def some(piece: range) -> _Answers:
            return _Answers(
                probabilities(network, pixels, crops=self.crops, batch_size=self.batch_size, among=piece)
            )

        pieces = cached_pieces(some, range(len(pixels)), self.batch_size, kind=_Answers)
        return torch.cat([piece.probabilities for piece in pieces])


@dataclass(frozen=True)
class _Answers(Result):
    """What a network says of some of the images."""

    probabilities: Float[Tensor, "image category"]


def _check_same(others: Evaluation, ids: tuple[str, ...], found: Tensor, labels: Tensor) -> None:
    if others.ids != ids or others.probabilities.shape != found.shape:
        raise StepError(
            f"The other networks saw {len(others.ids)} images with {others.probabilities.shape[1]} outputs, "
            f"this one {len(ids)} with {found.shape[1]}, or other images: an ensemble needs the same."
        )
    if not torch.equal(others.labels, labels):
        raise StepError(
            "The other networks have the same categories at other outputs: what one means by an output is "
            "not what the other does. Average networks with the same categories."
        )
