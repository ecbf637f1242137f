"""The probe ``ablation``: variants of a model, trained alike, as a step of a pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field, NonNegativeInt, field_validator, model_validator

from interpret.images import Images, as_images
from interpret.network import Network
from interpret.plugin import Model, Plugin
from interpret_training.ablation.ablating import ablate, device_of
from interpret_training.ablation.results import Ablation
from interpret_training.ablation.variants import ModelSpec, Variant, build, check
from interpret_training.probe import Validated


class Ablate(Validated):
    """Trains variants of a model by one recipe, and compares their errors and costs (Table 3).

    The step's own model is not trained: it says on which device the variants are.
    """

    name: ClassVar[str] = "ablation"
    collective: ClassVar[bool] = True

    variants: list[Variant] = Field(
        min_length=1,
        max_length=1000,
        description="The rows in order: {label: …, model: what differs from 'base', paper: its errors in %}.",
    )
    base: ModelSpec = Field(
        {}, description="What the models of all rows have in common: {name: zfnet, width: 0.25, …}."
    )
    seeds: list[NonNegativeInt] = Field(
        [0],
        min_length=1,
        description="Every row is trained once with each, in place of the recipe's; which images are held "
        "out for validation stays with the recipe's.",
    )

    @field_validator("seeds")
    @classmethod
    def _different(cls, value: list[int]) -> list[int]:
        if len(set(value)) < len(value):
            raise ValueError("must be different numbers")
        return value

    @model_validator(mode="after")
    def _rows_make_sense(self) -> Ablate:
        check(self.base, self.variants)
        return self

    def models(self) -> dict[str, Model]:
        """The models by the labels of their rows."""
        return {variant.label: build(self.base, variant) for variant in self.variants}

    def nested(self) -> Sequence[Plugin]:
        """The models, and the validation dataset if it is one of its own."""
        return [*self.models().values(), *super().nested()]

    def run(self, network: Network, images: Images) -> Ablation:
        """Train every row with every seed; what an earlier run had done is found again."""
        shown, checked = self.parted(as_images(images))
        return ablate(
            self.models(),
            shown,
            self.recipe,
            validation=checked,
            seeds=self.seeds,
            device=device_of(network),
            paper={variant.label: variant.paper for variant in self.variants if variant.paper},
            on_error=self.on_error,
        )
