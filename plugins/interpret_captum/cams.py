"""Captum's class activation maps as probes, for a class."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from interpret.attributing import Attribute, ClassAttribution
from interpret.errors import StepError
from interpret.network import Network
from interpret.targets import Targets
from interpret_captum import library as captum
from interpret_captum.copies import ModuleCopy, quiet, warn_of_plain_gradients

Upsampling = Literal["bilinear", "nearest"]


class _ActivationMap(ClassAttribution):
    """A method that weighs the maps of one layer."""

    layer: str | None = Field(
        None,
        description="The layer whose maps are weighed, by name or alias; none: the last whose maps are as "
        "large as the last convolution's.",
    )
    upsampling: Upsampling = Field("bilinear", description="How the map is scaled up to the image.")

    def attribute(
        self, network: Network, x: Float[Tensor, "n c h w"], targets: Targets
    ) -> Float[Tensor, "n c h w"]:
        """Captum's answer for one class of each image."""
        return self.prepare(network)(x, targets)

    def prepare(self, network: Network) -> Attribute:
        """The method on a copy of the module."""
        copy = ModuleCopy.of(network, map_layer(network, self.layer))
        self.check(copy)

        def attribute(x: Tensor, targets: Targets) -> Tensor:
            with quiet():
                return self.of_classes(copy, x, targets.unit.to(x.device))

        return attribute

    def check(self, copy: ModuleCopy) -> None:
        """Look at the network before the first batch."""

    @abstractmethod
    def of_classes(self, copy: ModuleCopy, x: Tensor, classes: Tensor) -> Tensor:
        """Captum's answer for one class of each image."""


class LayerGradCam(_ActivationMap):
    """Grad-CAM: a layer's maps weighed by their mean gradients (captum ``LayerGradCam``)."""

    name: ClassVar[str] = "captum.layer_grad_cam"

    relu: bool = Field(False, description="Keep what speaks for the class only, as the paper does.")

    def of_classes(self, copy: ModuleCopy, x: Tensor, classes: Tensor) -> Tensor:
        """Captum's ``LayerGradCam``; each channel gets an equal share, so that they sum to the map."""
        method = captum.LayerGradCam(copy.module, copy.tap)
        cam = method.attribute(x, target=classes, relu_attributions=self.relu)
        whole: Tensor = captum.LayerAttribution.interpolate(cam, tuple(x.shape[2:]), self.upsampling)
        return (whole / x.shape[1]).expand_as(x)


class GuidedGradCam(_ActivationMap):
    """Guided backpropagation times Grad-CAM (captum ``GuidedGradCam``)."""

    name: ClassVar[str] = "captum.guided_grad_cam"

    def check(self, copy: ModuleCopy) -> None:
        """Warn where Captum's rule for ReLUs does nothing."""
        warn_of_plain_gradients(copy, "the probe project")

    def of_classes(self, copy: ModuleCopy, x: Tensor, classes: Tensor) -> Tensor:
        """Captum's ``GuidedGradCam``."""
        method = captum.GuidedGradCam(copy.module, copy.tap)
        found: Tensor = method.attribute(x, target=classes, interpolate_mode=self.upsampling)
        return found


def map_layer(network: Network, layer: str | None) -> str:
    """The layer whose maps are weighed.

    By default it is the last whose maps are as large as the last convolution's: what comes later is pooled,
    and says less about where.

    Raises:
        UnknownNameError: If there is no such layer.
        StepError: If it gives no maps, or no layer does.
    """
    if layer is None:
        return _last_maps(network)
    name = network.layer(layer)
    shape = network.layer_shapes([name])[name]
    if len(shape) != 3:
        raise StepError(
            f"Layer {layer!r} gives values of shape {shape}: Grad-CAM weighs maps (channels, rows, columns). "
            "Choose a convolution."
        )
    return name


def _last_maps(network: Network) -> str:
    shapes = network.layer_shapes(network.layers)
    sizes = {name: shape[1:] for name, shape in shapes.items() if len(shape) == 3 and max(shape[1:]) > 1}
    if not sizes:
        raise StepError("No layer gives maps of more than one position: Grad-CAM has nothing to weigh.")
    found = network.modules_of(nn.Conv2d)
    convolutions = [name for name in sizes if name in found]
    size = sizes[(convolutions or list(sizes))[-1]]
    return [name for name in sizes if sizes[name] == size][-1]
