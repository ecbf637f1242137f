"""The probe ``evolution``: a series of checkpoints as a step of a pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field, NonNegativeInt

from interpret.errors import StepError
from interpret.files import digest
from interpret.images import Images
from interpret.network import Network, OnError
from interpret.plugin import Probe
from interpret_deconv.choices import Nonlinear, Rule
from interpret_training.checkpoints import Checkpoint, read_checkpoints
from interpret_training.evolution.evolving import THRESHOLD, chosen, evolve
from interpret_training.evolution.results import Evolution
from interpret_training.results import Training


class Evolve(Probe):
    """When each feature was learned: strongest neurons and projections at every checkpoint (Figure 4)."""

    name: ClassVar[str] = "evolution"
    in_pieces: ClassVar[bool] = True

    checkpoints: Path | None = Field(
        None,
        description="Folder of weights named epoch-1.safetensors and so on (or .pth, .pt); none: the input "
        "training gives them.",
    )
    epochs: list[NonNegativeInt] | None = Field(
        None, min_length=1, description="Only the checkpoints of these epochs; none: all."
    )
    layers: list[str] = Field(
        [],
        description="Layers by name or alias; none: its aliases as far as they give maps, else every "
        "convolution.",
    )
    units: NonNegativeInt | list[NonNegativeInt] | dict[str, list[NonNegativeInt]] = Field(
        6,
        description="Units to project: so many of each layer at random among those that live at the end, a "
        "list, or a list for each layer; 0: numbers only.",
    )
    random_seed: int = Field(0, ge=0, description="Start of the random choice of units.")
    k: int = Field(9, ge=1, le=10_000, description="Strongest images of a unit that the numbers compare.")
    threshold: float = Field(
        THRESHOLD, gt=0, le=1, description="Share of the final strongest images that a settled unit keeps."
    )
    rule: Rule = Field(
        "deconvnet", description="How ReLUs treat the signal: deconvnet, gradient or guided (both)."
    )
    nonlinear: Nonlinear = Field(
        "rectify",
        description="Nonlinearities that are no ReLUs: rectify (as if they were), gradient, or refuse.",
    )
    batch_size: int = Field(32, ge=1, le=4096, description="Images in one forward pass.")
    on_error: OnError = Field(
        "raise", description="What to do with images that cannot be read: raise, or skip and list them."
    )

    def content(self) -> str:
        """A hash of the checkpoints in the folder: one more is another question."""
        found = () if self.checkpoints is None else read_checkpoints(self.checkpoints)
        return digest(*((one.epoch, one.sha256) for one in found))

    def run(self, network: Network, images: Images, training: Training | None = None) -> Evolution:
        """Mine and project every checkpoint; what was mined before is found again.

        Raises:
            StepError: If the checkpoints come from nowhere or from two places, or an epoch is missing.
            ModelError: If a checkpoint is missing, was changed, or belongs to another architecture.
        """
        return evolve(
            network,
            images,
            chosen(self._series(training), self.epochs),
            self.layers,
            units=self.units,
            random_seed=self.random_seed,
            k=self.k,
            threshold=self.threshold,
            rule=self.rule,
            nonlinear=self.nonlinear,
            batch_size=self.batch_size,
            on_error=self.on_error,
        )

    def _series(self, training: Training | None) -> tuple[Checkpoint, ...]:
        """The checkpoints, from the one place that has them."""
        if self.checkpoints is not None and training is None:
            return read_checkpoints(self.checkpoints)
        if training is not None and self.checkpoints is None:
            return training.checkpoints
        found = "both" if training else "neither"
        raise StepError(
            "evolution needs checkpoints, from a folder (checkpoints: FOLDER) or from an earlier step "
            f"(inputs: {{training: STEP}}). Here it has {found}: give one of them."
        )
