"""What training finds: how it went, the weights at some epochs, or that it diverged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor

from interpret.errors import StepError
from interpret.network import Network
from interpret.plugin import WeightsResult
from interpret.records import Record
from interpret.wording import counted, listed, percent, value
from interpret_training.checkpoints import Checkpoint, load_checkpoint


class DivergenceError(StepError):
    """A loss or a gradient that is not finite ended a training.

    Attributes:
        reason: The step, the layer, and the learning rate, in sentences.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason} Checkpoints written before are kept.")
        self.reason = reason


@dataclass(frozen=True)
class History(Record):
    """How a training went, epoch by epoch; errors are shares from 0 to 1.

    Attributes:
        rate: Learning rate of the epoch.
        loss: Mean training loss of the epoch, with dropout and random crops.
        error: Top-1 error of the same passes.
        validation_loss: Loss on the validation images after the epoch, centre crops; NaN without such images.
        validation_error: Their top-1 error.
        validation_error5: Their top-5 error.
    """

    rate: Float[Tensor, " epoch"]
    loss: Float[Tensor, " epoch"]
    error: Float[Tensor, " epoch"]
    validation_loss: Float[Tensor, " epoch"]
    validation_error: Float[Tensor, " epoch"]
    validation_error5: Float[Tensor, " epoch"]


@dataclass(frozen=True)
class Scores(Record):
    """How well a network classifies some images; errors are shares from 0 to 1.

    Attributes:
        error: Share of images whose label is not the first category.
        error5: Share of images whose label is not among the first five.
        loss: Mean cross-entropy.
        images: How many images.
        crops: Views of each image whose probabilities were averaged: 1 (the centre) or 10.
    """

    error: float
    error5: float
    loss: float
    images: int
    crops: int

    def text(self) -> str:
        """The errors in a few words."""
        errors = f"top-1 error {percent(self.error)}, top-5 {percent(self.error5)}"
        return f"{errors}, {counted(self.images, 'image')}"


@dataclass(frozen=True)
class Training(WeightsResult):
    """A trained network's history and its weights at some epochs.

    Attributes:
        recipe: Every choice of the training, spelled out.
        history: How it went, by epoch.
        losses: Training loss of every step.
        checkpoints: The weights, by epoch; the last one is the trained network.
        scores: By name: ``train`` (centre crops), ``validation`` (centre crops) and, with ``test_crops: 10``,
            ``validation, ten crops``.
        images: How many images it was trained on.
        skipped: The id of every image that could not be read, and the reason.
        ended: Why it ended before the last epoch of the recipe; empty where it did not.
    """

    recipe: dict[str, Any]
    history: History
    losses: Float[Tensor, " step"]
    checkpoints: tuple[Checkpoint, ...]
    scores: dict[str, Scores]
    images: int
    skipped: tuple[tuple[str, str], ...] = ()
    ended: str = ""

    def summary(self) -> dict[str, str]:
        """How long it was trained, and how well it classifies."""
        rows = {
            "images": value(self.images),
            "epochs": value(len(self.history.loss)),
            "checkpoints": listed([f"epoch {checkpoint.epoch}" for checkpoint in self.checkpoints]) or "none",
        }
        for name, scores in self.scores.items():
            rows[name] = scores.text()
        return rows

    def warnings(self) -> tuple[str, ...]:
        """Why it ended early, and images that could not be read."""
        return (*super().warnings(), *([f"It ended early: {self.ended}"] if self.ended else []))

    def network(self, network: Network) -> Network:
        """The network with the weights of the last checkpoint.

        Raises:
            ModelError: If the file is missing or belongs to another architecture.
        """
        return load_checkpoint(network, self.checkpoints[-1])
