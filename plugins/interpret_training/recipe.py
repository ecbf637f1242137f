"""A recipe: every choice of a training, those the paper leaves open among them, with a name."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from interpret.errors import PipelineError, PluginError, UnknownNameError
from interpret.files import user_path
from interpret.pipeline import read_yaml
from interpret_zoo import recipes

Init = Literal["keep", "paper", "he"]
Crops = Literal["random", "ten", "center"]
Mean = Literal["network", "pixel"]
Precision = Literal["32", "bf16-mixed", "16-mixed"]


class Recipe(BaseModel):
    """How a network is trained; the defaults are the paper's (section 3), where it says them.

    How large photographs are scaled (the paper: shorter side 256) and cropped (224) is the network's own
    business: its ``resize`` and ``input_size``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    epochs: int = Field(70, ge=1, le=100_000, description="Passes over the training images, at most.")
    batch: int = Field(128, ge=1, le=65_536, description="Images in one step, over all processes.")
    rate: float = Field(0.01, gt=0, le=1_000_000, description="Learning rate at the beginning.")
    momentum: float = Field(0.9, ge=0, lt=1, description="Momentum of gradient descent.")
    decay: float = Field(
        5e-4, ge=0, le=1_000_000, description="Weight decay, on weights and biases (open in the paper)."
    )
    patience: int | None = Field(
        5,
        ge=0,
        le=100_000,
        description="Epochs without a lower validation error until the rate falls (paper: by hand).",
    )
    anneal: float = Field(0.1, gt=0, lt=1, description="Factor by which the rate falls (open in the paper).")
    lowest_rate: float = Field(1e-5, ge=0, le=1_000_000, description="The rate falls no further.")
    stop: int | None = Field(
        None,
        ge=1,
        le=100_000,
        description="Epochs without a lower validation error until training ends; none: never.",
    )
    radius: float | None = Field(
        0.1,
        gt=0,
        le=1_000_000,
        description="Largest root mean square of a filter, at inputs of -128 to 128; none: no limit.",
    )
    init: Init = Field(
        "paper",
        description="Initial weights: keep the network's, paper: N(0, deviation²) and zero biases, he: as "
        "paper in the first layer and the last, N(0, 2/inputs) between: narrow layers keep the signal.",
    )
    deviation: float = Field(
        0.01,
        gt=0,
        le=1_000_000,
        description="Standard deviation of the paper's initial weights, at inputs of -128 to 128.",
    )
    mean: Mean = Field(
        "network",
        description="What is subtracted: the network's own mean of each channel, or pixel: also the mean "
        "image of the training images, which the network keeps (a model with mean_image: true).",
    )
    crops: Crops = Field(
        "random",
        description="Views in training: random crops, one of the ten fixed ones, or the centre.",
    )
    flips: bool = Field(True, description="Whether random and centre crops are mirrored half of the time.")
    test_crops: Literal[1, 10] = Field(
        10,
        description="Views averaged in the last test: the centre; or corners and centre, mirrored too.",
    )
    checkpoints: tuple[int, ...] = Field(
        (1, 2, 5, 10, 20, 30, 40, 64),
        description="Epochs after which the weights are kept, besides the last.",
    )
    precision: Precision = Field("32", description="Arithmetic: 32 bits, or mixed with bf16 or 16 bits.")
    seed: int = Field(0, ge=0, description="Start of everything random: weights, order, crops, dropout.")

    @model_validator(mode="after")
    def _makes_sense(self) -> Recipe:
        if any(epoch < 1 for epoch in self.checkpoints):
            raise ValueError("'checkpoints' are counted from epoch 1")
        return self

    @property
    def kept_epochs(self) -> tuple[int, ...]:
        """The epochs whose weights are kept if training goes to its last epoch."""
        return tuple(sorted({epoch for epoch in self.checkpoints if epoch < self.epochs} | {self.epochs}))


def read_recipe(name: str | Path, /, **changes: Any) -> Recipe:
    """A recipe that comes along, or a YAML file of one, with some choices changed.

    Args:
        name: ``imagenet-zfnet``, …, or the path of a YAML file.
        **changes: Choices that differ from it.

    Raises:
        UnknownNameError: If there is no such recipe.
        PipelineError: If the file cannot be read, with line and column.
        PluginError: If it holds no recipe.
        ValidationError: If a choice makes no sense; from pydantic.
    """
    path = user_path(name)
    if path.suffix in {".yaml", ".yml"}:
        return Recipe.model_validate({**_read(path), **changes})
    if str(name) not in recipe_names():
        raise UnknownNameError("recipe (or path of a .yaml file)", str(name), recipe_names())
    return Recipe.model_validate({**_read(_folder() / f"{name}.yaml"), **changes})


def recipe_names() -> list[str]:
    """The recipes that come along."""
    return sorted(path.stem for path in _folder().glob("*.yaml"))


def _folder() -> Path:
    return Path(str(files(recipes)))


def _read(path: Path) -> dict[str, Any]:
    text = read_yaml(path)
    if text.problems:
        raise PipelineError(text.sorted())
    if not isinstance(text.value, dict):
        raise PluginError(f"The recipe {path} must be a mapping (epochs: 70, rate: 0.01, …).")
    return text.value
