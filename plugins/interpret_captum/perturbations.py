"""Captum's methods that cover parts of the image, as probes for a class or a neuron."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, field_validator, model_validator
from torch import Tensor

from interpret_captum import library as captum
from interpret_captum.gradients import CaptumProbe
from interpret_captum.pixels import check_block, check_fill, filled, grid
from interpret_captum.subject import Subject
from interpret_deconv import Asked


class _Perturbation(CaptumProbe):
    """A method that covers parts of the image and looks what the answer loses."""

    fill: float | list[float] = Field(
        0.5, description="What covers the image, in pixel units: a grey or one value per channel."
    )
    perturbations_per_eval: int = Field(
        8, ge=1, le=4096, description="Covered copies of each image in one forward pass."
    )
    batch_size: int = Field(4, ge=1, le=4096, description="Images that are attributed at once.")

    _fill = field_validator("fill")(check_fill)

    def _options(self, subject: Subject) -> dict[str, object]:
        return {
            "baselines": filled(subject.network, self.fill),
            "perturbations_per_eval": self.perturbations_per_eval,
        }


class Occlusion(_Perturbation):
    """The loss of a class or a neuron under a sliding square (captum ``Occlusion``)."""

    name: ClassVar[str] = "captum.occlusion"

    window: int = Field(16, ge=1, description="Side of the square occluder in pixels.")
    stride: int = Field(8, ge=1, description="Pixels from one position to the next; at most the window.")

    @model_validator(mode="after")
    def _no_gaps(self) -> Occlusion:
        if self.stride > self.window:
            raise ValueError(f"'stride' must be at most 'window', {self.window}. Got {self.stride}")
        return self

    def prepare(self, subject: Subject) -> None:
        """Check the window."""
        check_block(subject.network, "window", self.window)

    def of_classes(self, subject: Subject, x: Tensor, classes: Tensor) -> Tensor:
        """Captum's ``Occlusion``."""
        return self._slide(subject, captum.Occlusion(subject.module), x, classes)

    def of_neurons(self, subject: Subject, x: Tensor, asked: Asked) -> Tensor:
        """Captum's ``Occlusion`` of the neurons' values: Captum has no variant for neurons."""
        return self._slide(subject, captum.Occlusion(subject.forward(asked)), x)

    def _slide(
        self, subject: Subject, method: captum.Occlusion, x: Tensor, classes: Tensor | None = None
    ) -> Tensor:
        channels = x.shape[1]
        found: Tensor = method.attribute(
            x,
            sliding_window_shapes=(channels, self.window, self.window),
            strides=(channels, self.stride, self.stride),
            target=classes,
            **self._options(subject),
        )
        return found


class FeatureAblation(_Perturbation):
    """The loss under each square of a grid (captum ``FeatureAblation``, ``NeuronFeatureAblation``)."""

    name: ClassVar[str] = "captum.feature_ablation"

    patch: int = Field(
        16, ge=1, le=16_384, description="Side of the squares in pixels; the last ones are cut off."
    )

    def prepare(self, subject: Subject) -> None:
        """Check the patch."""
        check_block(subject.network, "patch", self.patch)

    def of_classes(self, subject: Subject, x: Tensor, classes: Tensor) -> Tensor:
        """Captum's ``FeatureAblation``."""
        method = captum.FeatureAblation(subject.module)
        found: Tensor = method.attribute(x, target=classes, **self._options(subject))
        return found

    def of_neurons(self, subject: Subject, x: Tensor, asked: Asked) -> Tensor:
        """Captum's ``NeuronFeatureAblation``."""
        method = captum.NeuronFeatureAblation(subject.module, subject.tap)
        found: Tensor = method.attribute(x, asked.pick, **self._options(subject))
        return found

    def _options(self, subject: Subject) -> dict[str, object]:
        network = subject.network
        squares = grid(network.input.size, self.patch).to(network.device)
        return {**super()._options(subject), "feature_mask": squares.expand(1, *network.input.shape)}
