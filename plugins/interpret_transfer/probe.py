"""The probes ``transfer`` and ``scratch``: layers judged on another data set, as steps of a pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from interpret.errors import StepError
from interpret.images import Images, as_images
from interpret.network import Network, OnError
from interpret.plugin import DATASET_OF, Plugin, Probe, dataset_of
from interpret_training.probe import GivenRecipe
from interpret_transfer.classifiers import STRENGTHS, Classifier
from interpret_transfer.features import Crops
from interpret_transfer.gram import Scaling
from interpret_transfer.judging import Method
from interpret_transfer.results import Transfer, same_task
from interpret_transfer.scratch import from_scratch
from interpret_transfer.transferring import transfer, transfer_split


class Splits(Probe):
    """What probes over random splits have in common."""

    train: list[PositiveInt] = Field(
        [15], min_length=1, description="Training images of each category; several give a curve."
    )
    test: PositiveInt | None = Field(
        50, le=1_000_000, description="Test images of each category, at most; none: all that are left."
    )
    folds: int = Field(5, ge=1, le=1000, description="Random splits.")
    seed: int = Field(0, ge=0, description="Start of the random splits.")
    label: str = Field("", description="The network's name in tables; left out: its class.")
    on_error: OnError = Field(
        "raise", description="What to do with images that cannot be read: raise, or skip and list them."
    )


class TransferLayers(Splits):
    """Linear classifiers on every layer's features of the dataset (the paper's Tables 4 to 7, Figure 9)."""

    name: ClassVar[str] = "transfer"
    in_pieces: ClassVar[bool] = True

    layers: list[str] = Field([], description="Layers, by name or alias; none: the paper's, or some of all.")
    held_out: Annotated[dict[str, Any] | None, DATASET_OF] = Field(
        None,
        description="A dataset to test on ({name: voc2012, split: val, …}), where images may show several "
        "categories: average precision, without random splits. Left out: the protocol of Caltech.",
    )
    exclusive: bool = Field(
        False, description="With held_out: one category an image while training, as the paper's softmax."
    )
    classifiers: list[Classifier] = Field(
        ["svm"], min_length=1, description="svm, one against the rest, or softmax."
    )
    scaling: Scaling = Field(
        "length",
        description="length: each vector to length 1; standard: each number to mean 0 and variance 1 over "
        "the training images; none.",
    )
    crops: Crops = Field(1, description="Views whose features are averaged: 1, the centre, or the ten.")
    strengths: list[PositiveFloat] = Field(
        list(STRENGTHS),
        min_length=1,
        description="What cross-validation on the training images chooses c from; it counts at features of "
        "variance 1.",
    )
    batch_size: int = Field(32, ge=1, le=4096, description="Images in one forward pass.")

    @model_validator(mode="after")
    def _makes_sense(self) -> TransferLayers:
        if self.exclusive and self.held_out is None:
            raise ValueError("'exclusive' is about images with several categories: it needs 'held_out'")
        if self.held_out is not None and "softmax" in self.classifiers and not self.exclusive:
            raise ValueError(
                "a softmax gives an image one category: with 'held_out' it needs exclusive: true"
            )
        return self

    def nested(self) -> Sequence[Plugin]:
        """The dataset to test on."""
        return [] if self.held_out is None else [dataset_of(self.held_out)]

    def run(self, network: Network, images: Images, other: Transfer | None = None) -> Transfer:
        """Extract, train, test; what ``other`` has found stands above."""
        method = Method(
            classifiers=tuple(self.classifiers),
            scaling=self.scaling,
            crops=self.crops,
            strengths=tuple(self.strengths),
            batch_size=self.batch_size,
            on_error=self.on_error,
        )
        common: dict[str, Any] = {"label": self.label, "method": method}
        if self.held_out is None:
            found = transfer(
                network, images, self.layers, train=self.train, test=self.test, folds=self.folds,
                seed=self.seed, **common,
            )  # fmt: skip
        else:
            held_out = dataset_of(self.held_out).open()
            found = transfer_split(network, images, held_out, self.layers, exclusive=self.exclusive, **common)
        return beside(other, found)


class Scratch(Splits):
    """The model trained from scratch on every split: what the weights of another data set are worth."""

    name: ClassVar[str] = "scratch"

    recipe: Annotated[GivenRecipe, Field(description="How it is trained: a recipe, as of the probe train.")]

    def run(self, network: Network, images: Images, other: Transfer | None = None) -> Transfer:
        """Train once for each split; what ``other`` has found stands above."""
        found = from_scratch(
            network, as_images(images), self.recipe, train=self.train, test=self.test, folds=self.folds,
            seed=self.seed, label=self.label, on_error=self.on_error,
        )  # fmt: skip
        return beside(other, found)


def beside(other: Transfer | None, found: Transfer) -> Transfer:
    """Two results as one table; what is said of features is said of those of the first that has any.

    Raises:
        StepError: If they are not about the same categories, splits and measure.
    """
    if other is None:
        return found
    if not same_task(other, found):
        raise StepError(
            f"The other result is about {_task(other)}, this one about {_task(found)}: they cannot stand in "
            "one table. Give both steps the same dataset, sizes and folds."
        )
    features = (
        found if all(row.classifier == "scratch" for one in other.networks for row in one.layers) else other
    )
    return replace(
        features,
        networks=other.networks + found.networks,
        without=tuple(dict.fromkeys(other.without + found.without)),
        skipped=tuple(dict.fromkeys(other.skipped + found.skipped)),
    )


def _task(result: Transfer) -> str:
    sizes = ", ".join(map(str, result.sizes))
    return f"{len(result.categories)} categories with {sizes} images to train, {result.folds} folds"
