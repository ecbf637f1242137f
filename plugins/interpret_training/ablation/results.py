"""What an ablation finds: the errors of every variant, what each costs, and what the paper says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

import torch
from jaxtyping import Bool, Float, Int
from pydantic import ConfigDict, Field
from torch import Tensor

from interpret.errors import UnknownNameError
from interpret.records import Record
from interpret.results import Result
from interpret.wording import counted, listed, percent, value
from interpret_training.results import History, Scores

__all__ = ["MEASURES", "Ablation", "Measure"]

Measure: TypeAlias = Literal["train", "validation", "validation5"]
MEASURES: tuple[Measure, ...] = ("train", "validation", "validation5")
"""Top-1 error on training images; top-1 and top-5 error on validation images: the columns of Table 3."""

Percent: TypeAlias = Annotated[float, Field(ge=0, le=100)]


@dataclass(frozen=True)
class PaperErrors(Record):
    """What a paper says of a variant, in percent, as it is printed; None where it says nothing.

    Attributes:
        train: Top-1 error on training images.
        validation: Top-1 error on validation images.
        validation5: Top-5 error on validation images.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    train: Percent | None = None
    validation: Percent | None = None
    validation5: Percent | None = None


@dataclass(frozen=True)
class VariantRun(Result):
    """One training of one variant; its weights are not kept.

    Attributes:
        scores: As a training's, by name; empty where it diverged.
        history: How it went, by epoch; without epochs where it diverged.
        ended: Why it ended before the last epoch of the recipe; empty where it did not.
        diverged: Whether it ended because a loss or a gradient was not finite.
        parameters: Numbers that are learnt.
        multiply_adds: Of convolutions and linear layers, for one image forward; -1 where the network cannot
            be traced.
        seconds: Of training, for 1000 images; see ``step_seconds``.
        images: How many it was trained on; 0 where it diverged.
        classes: Outputs of the network.
        skipped: The id of every image that could not be read, and the reason.
    """

    scores: dict[str, Scores]
    history: History
    ended: str
    diverged: bool
    parameters: int
    multiply_adds: int
    seconds: float
    images: int
    classes: int
    skipped: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Ablation(Result):
    """Variants of a model, each trained by one recipe with several seeds; errors are shares from 0 to 1.

    Attributes:
        labels: What each row is called.
        models: The model of each row: its name and every parameter.
        seeds: Of initial weights, order, crops and dropout: the columns.
        train: Top-1 error on training images, centre crops; NaN where the training diverged.
        validation: Top-1 error on validation images; NaN too where there are none.
        validation5: Their top-5 error.
        epochs: Whole epochs that were trained; 0 where it diverged.
        diverged: Whether a loss or a gradient was not finite.
        ended: Why a training ended before the last epoch; empty where it did not.
        histories: How every training went, by epoch; without epochs where it diverged.
        parameters: Numbers that are learnt.
        multiply_adds: Of convolutions and linear layers, for one image forward; -1 where the network cannot
            be traced.
        seconds: Of training, for 1000 images; the only numbers that differ from machine to machine, and
            from run to run.
        paper: What the paper says of ``train``, ``validation`` and ``validation5``; NaN where it is silent.
        recipe: Every choice of the trainings but the seed.
        images: How many each was trained on.
        validated: How many validation images; 0: none.
        crops: Views whose probabilities are averaged for a validation image: 1 (the centre) or 10.
        classes: Outputs of the networks.
        skipped: The id of every image that could not be read, and the reason.
    """

    labels: tuple[str, ...]
    models: tuple[dict[str, Any], ...]
    seeds: tuple[int, ...]
    train: Float[Tensor, "row seed"]
    validation: Float[Tensor, "row seed"]
    validation5: Float[Tensor, "row seed"]
    epochs: Int[Tensor, "row seed"]
    diverged: Bool[Tensor, "row seed"]
    ended: tuple[tuple[str, ...], ...]
    histories: tuple[tuple[History, ...], ...]
    parameters: Int[Tensor, " row"]
    multiply_adds: Int[Tensor, " row"]
    seconds: Float[Tensor, "row seed"]
    paper: Float[Tensor, "row measure"]
    recipe: dict[str, Any]
    images: int
    validated: int
    crops: int
    classes: int
    skipped: tuple[tuple[str, str], ...] = ()

    def summary(self) -> dict[str, str]:
        """Which variants were trained, and the mean error of each."""
        measure: Measure = "validation" if self.validated else "train"
        errors = zip(self.labels, self.mean(measure).tolist(), strict=True)
        return {
            "images": value(self.images),
            "seeds": listed(self.seeds),
            **{f"{measure} error of {label}": percent(error) for label, error in errors},
        }

    def warnings(self) -> tuple[str, ...]:
        """Trainings that diverged, and images that could not be read."""
        count = int(self.diverged.sum())
        return (*super().warnings(), *([f"{counted(count, 'training')} diverged."] if count else []))

    def row(self, label: str) -> int:
        """The place of a row.

        Raises:
            UnknownNameError: If there is no such row.
        """
        if label not in self.labels:
            raise UnknownNameError("row", label, self.labels)
        return self.labels.index(label)

    def mean(self, measure: Measure) -> Float[Tensor, " row"]:
        """Mean error over the seeds that did not diverge; NaN where all did."""
        values: Tensor = getattr(self, measure)
        return values.nanmean(1)

    def spread(self, measure: Measure) -> Float[Tensor, " row"]:
        """Sample standard deviation over the seeds that did not diverge; NaN for fewer than two."""
        values: Tensor = getattr(self, measure)
        there = (~values.isnan()).sum(1)
        squares = (values - values.nanmean(1, keepdim=True)).square().nansum(1) / (there - 1)
        return torch.where(there > 1, squares.sqrt(), torch.nan)

    def speed(self) -> Float[Tensor, " row"]:
        """Seconds of training for 1000 images: the fastest over the seeds, as other work only slows."""
        return self.seconds.amin(1)

    def reported(self, measure: Measure) -> Float[Tensor, " row"]:
        """The paper's errors; NaN where it says nothing."""
        return self.paper[:, MEASURES.index(measure)]
