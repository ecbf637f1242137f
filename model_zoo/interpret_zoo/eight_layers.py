"""The parameters that ZFNet and Krizhevsky's net share, and the weights that come along with them."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import Any

from pydantic import Field, field_validator, model_validator
from torch import nn

from interpret.errors import ModelError
from interpret.images import InputSpec
from interpret.plugin import Card
from interpret.weights import load_into, read_weights
from interpret_zoo.architecture import Layers, build, resize
from interpret_zoo.cards import WeightsCard, card_names, find_card
from interpret_zoo.image_model import ImageModel, Stated

IMAGENET_MEAN = InputSpec().mean
PIXEL = (1 / 255, 1 / 255, 1 / 255)
"""The paper's networks take pixels of about -128 to 128: the mean is subtracted, nothing is divided."""


MAX_WIDTH = 1_000_000


class EightLayers(ImageModel):
    """Five convolutional layers, two hidden linear ones and a classifier, at any width."""

    width: float = Field(1.0, gt=0, le=64, description="Multiplies the width of every layer.")
    widths: dict[int, int] = Field({}, description="Units of single layers, such as {3: 512, 6: 2048}.")
    remove: list[int] = Field(
        [], description="Layers to leave out, such as [3, 4]; others keep their number."
    )
    dropout: float = Field(0.5, ge=0, lt=1, description="Share of hidden units dropped while training.")

    mean_image: bool = Field(
        False, description="Whether the network subtracts the mean image of its training (paper section 3)."
    )

    @abstractmethod
    def layers(self) -> Layers:
        """The layers at the paper's widths."""

    @field_validator("widths")
    @classmethod
    def _positive_widths(cls, value: dict[int, int]) -> dict[int, int]:
        if any(not 1 <= width <= MAX_WIDTH for width in value.values()):
            raise ValueError(f"must be 1 to {MAX_WIDTH:,} units each")
        return value

    @model_validator(mode="after")
    def _numbers_exist(self) -> EightLayers:
        try:
            self.resized()
        except ModelError as error:
            raise ValueError(str(error)) from error
        return self

    @model_validator(mode="before")
    @classmethod
    def _filled_from_card(cls, data: Any) -> Any:
        card = find_card(cls.name, data.get("weights")) if isinstance(data, dict) else None
        return data if card is None else {**card.parameters, **data}

    @model_validator(mode="after")
    def _agrees_with_card(self) -> EightLayers:
        card = self.weights_card
        expected = type(self).model_validate(card.parameters) if card else self
        for name in card.parameters if card else ():
            if getattr(self, name) != getattr(expected, name):
                raise ValueError(
                    f"{name!r} is {getattr(expected, name)!r} in the weights {self.weights!r}. "
                    f"Got {getattr(self, name)!r}; leave it out, or train weights of your own"
                )
        return self

    @property
    def weights_card(self) -> WeightsCard | None:
        """The card of the weights, if they come along."""
        return find_card(self.name, self.weights)

    def build(self) -> nn.Module:
        """The architecture with weights from N(0, 0.01²) and zero biases."""
        spec = super().card().input
        return build(
            self.resized(),
            channels=len(spec.mean),
            size=spec.size,
            classes=self.count(1000),
            dropout=self.dropout,
            mean_image=spec.whole if self.mean_image else None,
        )

    def resized(self) -> Layers:
        """The layers at the widths that were asked for."""
        return resize(self.layers(), scale=self.width, widths=self.widths, remove=self.remove)

    def card(self) -> Card:
        """Input specification, categories, and the paper's names of the layers."""
        names = [f"layer{number}" for number in self.resized()]
        return replace(super().card(), aliases={name: name for name in names})

    def known(self) -> Stated:
        """What a weights file says; a card has filled in the parameters already."""
        return Stated() if self.weights_card else super().known()

    def weights_names(self) -> list[str]:
        """The names of the weights that come along."""
        return card_names(self.name)

    def usual(self) -> Stated:
        """224 pixels of about -128 to 128."""
        return Stated((224, 224), IMAGENET_MEAN, PIXEL)

    def load_weights(self, module: nn.Module) -> None:
        """Put in the weights that come along, or those of a file."""
        card = self.weights_card
        if card:
            load_into(module, read_weights(card.path, sha256=self.sha256 or card.sha256))
        else:
            super().load_weights(module)
