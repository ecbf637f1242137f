"""Captum's methods that cover parts of the image, as probes for a class or a neuron."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, field_validator, model_validator
from torch import Tensor

from interpret.targets import Targets
from interpret_captum import library as captum
from interpret_captum.copies import ModuleCopy
from interpret_captum.gradients import CaptumProbe
from interpret_captum.pixels import check_block, check_fill, colour_image, grid


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

    def _options(self, copy: ModuleCopy) -> dict[str, object]:
        return {
            "baselines": colour_image(copy.network, self.fill),
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

    def check(self, copy: ModuleCopy) -> None:
        """Check the window."""
        check_block(copy.network, "window", self.window)

    def of_classes(self, copy: ModuleCopy, x: Tensor, classes: Tensor) -> Tensor:
        """Captum's ``Occlusion``."""
        return self._slide(copy, captum.Occlusion(copy.module), x, classes)

    def of_neurons(self, copy: ModuleCopy, x: Tensor, targets: Targets) -> Tensor:
        """Captum's ``Occlusion`` of the neurons' values: Captum has no variant for neurons."""
        return self._slide(copy, captum.Occlusion(copy.forward(targets)), x)

    def _slide(
        self, copy: ModuleCopy, method: captum.Occlusion, x: Tensor, classes: Tensor | None = None
    ) -> Tensor:
        channels = x.shape[1]
        found: Tensor = method.attribute(
            x,
            sliding_window_shapes=(channels, self.window, self.window),
            strides=(channels, self.stride, self.stride),
            target=classes,
            **self._options(copy),
        )
        return found


class FeatureAblation(_Perturbation):
    """The loss under each square of a grid (captum ``FeatureAblation``, ``NeuronFeatureAblation``)."""

    name: ClassVar[str] = "captum.feature_ablation"

    patch: int = Field(
        16, ge=1, le=16_384, description="Side of the squares in pixels; the last ones are cut off."
    )

    def check(self, copy: ModuleCopy) -> None:
        """Check the patch."""
        check_block(copy.network, "patch", self.patch)

    def of_classes(self, copy: ModuleCopy, x: Tensor, classes: Tensor) -> Tensor:
        """Captum's ``FeatureAblation``."""
        method = captum.FeatureAblation(copy.module)
        found: Tensor = method.attribute(x, target=classes, **self._options(copy))
        return found

    def of_neurons(self, copy: ModuleCopy, x: Tensor, targets: Targets) -> Tensor:
        """Captum's ``NeuronFeatureAblation``."""
        method = captum.NeuronFeatureAblation(copy.module, copy.tap)
        found: Tensor = method.attribute(x, targets.pick, **self._options(copy))
        return found

    def _options(self, copy: ModuleCopy) -> dict[str, object]:
        network = copy.network
        squares = grid(network.input.size, self.patch).to(network.device)
        return {**super()._options(copy), "feature_mask": squares.expand(1, *network.input.shape)}
