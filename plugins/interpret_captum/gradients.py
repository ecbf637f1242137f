"""Captum's gradient methods as probes, each for a class or for a neuron."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from jaxtyping import Float
from pydantic import Field, field_validator
from torch import Tensor

from interpret.attributing import Attribute, NeuronAttribution
from interpret.network import Network
from interpret.targets import Targets
from interpret_captum import library as captum
from interpret_captum.copies import ModuleCopy, quiet, warn_of_plain_gradients
from interpret_captum.pixels import check_fill, colour_image


class CaptumProbe(NeuronAttribution):
    """One of Captum's methods, for a class or a neuron of each image."""

    def attribute(
        self, network: Network, x: Float[Tensor, "n c h w"], targets: Targets
    ) -> Float[Tensor, "n c h w"]:
        """Captum's answer for one class or neuron of each image."""
        return self.prepare(network)(x, targets)

    def prepare(self, network: Network) -> Attribute:
        """The method on a copy of the module."""
        copy = ModuleCopy.of(network, self.layer)
        self.check(copy)

        def attribute(x: Tensor, targets: Targets) -> Tensor:
            with quiet():
                if targets.layer:
                    return self.of_neurons(copy.at(targets.layer), x, targets)
                return self.of_classes(copy, x, targets.unit.to(x.device))

        return attribute

    def check(self, copy: ModuleCopy) -> None:
        """Look at the network before the first batch."""

    @abstractmethod
    def of_classes(self, copy: ModuleCopy, x: Tensor, classes: Tensor) -> Tensor:
        """Captum's answer for one class of each image."""

    @abstractmethod
    def of_neurons(self, copy: ModuleCopy, x: Tensor, targets: Targets) -> Tensor:
        """Captum's answer for one neuron of each image."""


class Saliency(CaptumProbe):
    """The gradient of a class or a neuron (captum ``Saliency``, ``NeuronGradient``)."""

    name: ClassVar[str] = "captum.saliency"

    abs: bool = Field(False, description="Magnitudes, as Captum gives by default; false: signed.")

    def of_classes(self, copy: ModuleCopy, x: Tensor, classes: Tensor) -> Tensor:
        """Captum's ``Saliency``."""
        found: Tensor = captum.Saliency(copy.module).attribute(x, target=classes, abs=self.abs)
        return found

    def of_neurons(self, copy: ModuleCopy, x: Tensor, targets: Targets) -> Tensor:
        """Captum's ``NeuronGradient``."""
        found: Tensor = captum.NeuronGradient(copy.module, copy.tap).attribute(x, targets.pick)
        return found.abs() if self.abs else found


class InputXGradient(CaptumProbe):
    """The gradient times the preprocessed image (captum ``InputXGradient``)."""

    name: ClassVar[str] = "captum.input_x_gradient"

    def of_classes(self, copy: ModuleCopy, x: Tensor, classes: Tensor) -> Tensor:
        """Captum's ``InputXGradient``."""
        found: Tensor = captum.InputXGradient(copy.module).attribute(x, target=classes)
        return found

    def of_neurons(self, copy: ModuleCopy, x: Tensor, targets: Targets) -> Tensor:
        """Captum's ``InputXGradient`` of the neurons' values: Captum has no variant for neurons."""
        found: Tensor = captum.InputXGradient(copy.forward(targets)).attribute(x)
        return found


class IntegratedGradients(CaptumProbe):
    """Gradients along the way from a baseline image (captum ``IntegratedGradients`` and ``Neuron…``)."""

    name: ClassVar[str] = "captum.integrated_gradients"

    steps: int = Field(50, ge=1, le=10_000, description="Points on the way (Gauss-Legendre).")
    baseline: float | list[float] = Field(
        0.5, description="The image where the way starts, in pixel units: a grey or one value per channel."
    )
    internal_batch_size: int = Field(
        32, ge=1, le=4096, description="Images in one backward pass; at least one step of the whole batch."
    )

    _baseline = field_validator("baseline")(check_fill)

    def of_classes(self, copy: ModuleCopy, x: Tensor, classes: Tensor) -> Tensor:
        """Captum's ``IntegratedGradients``."""
        method = captum.IntegratedGradients(copy.module)
        found: Tensor = method.attribute(x, target=classes, **self._options(copy, x))
        return found

    def of_neurons(self, copy: ModuleCopy, x: Tensor, targets: Targets) -> Tensor:
        """Captum's ``NeuronIntegratedGradients``."""
        method = captum.NeuronIntegratedGradients(copy.module, copy.tap)
        found: Tensor = method.attribute(x, targets.pick, **self._options(copy, x))
        return found

    def _options(self, copy: ModuleCopy, x: Tensor) -> dict[str, object]:
        return {
            "baselines": colour_image(copy.network, self.baseline),
            "n_steps": self.steps,
            "internal_batch_size": max(self.internal_batch_size, len(x)),
        }


class _ReLURule(CaptumProbe):
    """A method that changes how ReLUs pass the gradient."""

    def check(self, copy: ModuleCopy) -> None:
        """Warn where Captum's rule does nothing."""
        warn_of_plain_gradients(copy, "the probe project")


class Deconvolution(_ReLURule):
    """The deconvnet as Captum has it (captum ``Deconvolution``, ``NeuronDeconvolution``)."""

    name: ClassVar[str] = "captum.deconvolution"

    def of_classes(self, copy: ModuleCopy, x: Tensor, classes: Tensor) -> Tensor:
        """Captum's ``Deconvolution``."""
        found: Tensor = captum.Deconvolution(copy.module).attribute(x, target=classes)
        return found

    def of_neurons(self, copy: ModuleCopy, x: Tensor, targets: Targets) -> Tensor:
        """Captum's ``NeuronDeconvolution``."""
        found: Tensor = captum.NeuronDeconvolution(copy.module, copy.tap).attribute(x, targets.pick)
        return found


class GuidedBackprop(_ReLURule):
    """Guided backpropagation as Captum has it (captum ``GuidedBackprop``, ``NeuronGuidedBackprop``)."""

    name: ClassVar[str] = "captum.guided_backprop"

    def of_classes(self, copy: ModuleCopy, x: Tensor, classes: Tensor) -> Tensor:
        """Captum's ``GuidedBackprop``."""
        found: Tensor = captum.GuidedBackprop(copy.module).attribute(x, target=classes)
        return found

    def of_neurons(self, copy: ModuleCopy, x: Tensor, targets: Targets) -> Tensor:
        """Captum's ``NeuronGuidedBackprop``."""
        found: Tensor = captum.NeuronGuidedBackprop(copy.module, copy.tap).attribute(x, targets.pick)
        return found
