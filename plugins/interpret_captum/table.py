"""The table of Captum's methods: each row is a probe, with what it asks, its paper and what it costs.

A row says which of Captum's classes is asked, for a class and for a neuron; its bases have the parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor

from interpret.network import Network
from interpret_captum import rules
from interpret_captum.copies import ModuleCopy, plain_gradient_note, warn_of_plain_gradients
from interpret_captum.layers import LayerMethod, map_layer
from interpret_captum.method import CaptumMethod, CaptumProbe, Row
from interpret_captum.options import (
    SQUARES,
    Covering,
    CoveringSquares,
    DrawnPoints,
    FromBaseline,
    FromBaselines,
    InSteps,
    Relevance,
    ReLURule,
    Rescaled,
)
from interpret_captum.pixels import check_block, grid

BACKWARD = "1 backward"


class Saliency(CaptumProbe):
    """The gradient of a class or a neuron (captum ``Saliency``, ``NeuronGradient``)."""

    name: ClassVar[str] = "captum.saliency"
    row: ClassVar[Row] = Row("Saliency", "Simonyan et al. 2014", BACKWARD, "NeuronGradient")

    abs: bool = Field(False, description="Magnitudes, as Captum gives by default; false: signed.")

    def arguments(self, copy: ModuleCopy, x: Float[Tensor, "n c h w"]) -> dict[str, Any]:
        """The sign, which only the method for classes can leave out."""
        given = super().arguments(copy, x)
        return given if copy.layer else {**given, "abs": False}

    def finished(self, found: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Magnitudes, if they are asked for."""
        return found.abs() if self.abs else found


class InputXGradient(CaptumProbe):
    """The gradient times the preprocessed image (captum ``InputXGradient``)."""

    name: ClassVar[str] = "captum.input_x_gradient"
    row: ClassVar[Row] = Row("InputXGradient", "Shrikumar et al. 2016", BACKWARD)


class IntegratedGradients(InSteps, CaptumProbe):
    """Gradients along the way from a baseline image (captum ``IntegratedGradients`` and ``Neuron…``)."""

    name: ClassVar[str] = "captum.integrated_gradients"
    row: ClassVar[Row] = Row(
        "IntegratedGradients", "Sundararajan et al. 2017", "`steps` backward", "NeuronIntegratedGradients"
    )


class Deconvolution(ReLURule):
    """The deconvnet as Captum has it (captum ``Deconvolution``, ``NeuronDeconvolution``)."""

    name: ClassVar[str] = "captum.deconvolution"
    row: ClassVar[Row] = Row("Deconvolution", "Zeiler & Fergus 2014", BACKWARD, "NeuronDeconvolution")


class GuidedBackprop(ReLURule):
    """Guided backpropagation as Captum has it (captum ``GuidedBackprop``, ``NeuronGuidedBackprop``)."""

    name: ClassVar[str] = "captum.guided_backprop"
    row: ClassVar[Row] = Row("GuidedBackprop", "Springenberg et al. 2015", BACKWARD, "NeuronGuidedBackprop")


class DeepLift(Rescaled, FromBaseline, CaptumProbe):
    """What each pixel's difference from a baseline adds, by the rescale rule (captum ``DeepLift``)."""

    name: ClassVar[str] = "captum.deep_lift"
    row: ClassVar[Row] = Row("DeepLift", "Shrikumar et al. 2017", BACKWARD, "NeuronDeepLift")


class DeepLiftShap(Rescaled, FromBaselines, CaptumProbe):
    """The mean of DeepLIFT's answers over several baselines (captum ``DeepLiftShap``)."""

    name: ClassVar[str] = "captum.deep_lift_shap"
    row: ClassVar[Row] = Row(
        "DeepLiftShap", "Lundberg & Lee 2017", "1 backward for each baseline", "NeuronDeepLiftShap"
    )


class GradientShap(DrawnPoints, CaptumProbe):
    """Expected gradients at random points between baselines and image (captum ``GradientShap``)."""

    name: ClassVar[str] = "captum.gradient_shap"
    row: ClassVar[Row] = Row(
        "GradientShap", "Lundberg & Lee 2017", "`samples` backward", "NeuronGradientShap"
    )


class LRP(Relevance, CaptumProbe):
    """Layer-wise relevance propagation: the value, handed down to the pixels (captum ``LRP``)."""

    name: ClassVar[str] = "captum.lrp"
    row: ClassVar[Row] = Row("LRP", "Bach et al. 2015", BACKWARD)


class Occlusion(Covering, CaptumProbe):
    """The loss of a class or a neuron under a sliding square (captum ``Occlusion``)."""

    name: ClassVar[str] = "captum.occlusion"
    row: ClassVar[Row] = Row("Occlusion", "Zeiler & Fergus 2014", "1 forward for each position")
    removed_parameters: ClassVar[Mapping[str, str]] = {
        "sliding_window_shapes": "The side of the square occluder is its 'window', over all channels.",
        "strides": "The step of the occluder is its 'stride', the same down and across.",
    }

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

    def arguments(self, copy: ModuleCopy, x: Float[Tensor, "n c h w"]) -> dict[str, Any]:
        """A square over all channels, and its steps."""
        channels = x.shape[1]
        return {
            **super().arguments(copy, x),
            "sliding_window_shapes": (channels, self.window, self.window),
            "strides": (channels, self.stride, self.stride),
        }


class FeatureAblation(Covering, CaptumProbe):
    """The loss under each square of a grid (captum ``FeatureAblation``, ``NeuronFeatureAblation``)."""

    name: ClassVar[str] = "captum.feature_ablation"
    row: ClassVar[Row] = Row(
        "FeatureAblation", "Zeiler & Fergus 2014", "1 forward for each square", "NeuronFeatureAblation"
    )
    removed_parameters: ClassVar[Mapping[str, str]] = {"feature_mask": SQUARES}

    patch: int = Field(
        16, ge=1, le=16_384, description="Side of the squares in pixels; the last ones are cut off."
    )

    def check(self, copy: ModuleCopy) -> None:
        """Check the patch."""
        check_block(copy.network, "patch", self.patch)

    def arguments(self, copy: ModuleCopy, x: Float[Tensor, "n c h w"]) -> dict[str, Any]:
        """The squares."""
        network = copy.network
        squares = grid(network.input.size, self.patch).to(network.device)
        return {**super().arguments(copy, x), "feature_mask": squares.expand(1, *network.input.shape)}


class ShapleyValueSampling(CoveringSquares, CaptumProbe):
    """The Shapley value of each square of a grid, by random orders (captum ``ShapleyValueSampling``)."""

    name: ClassVar[str] = "captum.shapley_value_sampling"
    row: ClassVar[Row] = Row(
        "ShapleyValueSampling", "Castro et al. 2009", "`samples` forward for each square"
    )

    samples: int = Field(25, ge=1, le=100_000, description="Random orders in which the squares appear.")


class KernelShap(CoveringSquares, CaptumProbe):
    """The Shapley value of each square of a grid, by weighted regression (captum ``KernelShap``)."""

    name: ClassVar[str] = "captum.kernel_shap"
    row: ClassVar[Row] = Row("KernelShap", "Lundberg & Lee 2017", "`samples` forward")


class Lime(CoveringSquares, CaptumProbe):
    """A sparse linear model of what the squares of a grid add (captum ``Lime``)."""

    name: ClassVar[str] = "captum.lime"
    row: ClassVar[Row] = Row("Lime", "Ribeiro et al. 2016", "`samples` forward")

    alpha: float = Field(
        0.01,
        ge=0,
        le=1e6,
        description="Strength of the lasso; outputs that change little need less.",
    )

    def settings(self) -> dict[str, Any]:
        """The linear model."""
        from captum._utils.models.linear_model import SkLearnLasso  # noqa: PLC0415 - only when it is used

        return {"interpretable_model": SkLearnLasso(alpha=self.alpha)}


class LayerGradCam(LayerMethod):
    """Grad-CAM: a layer's maps weighed by their mean gradients (captum ``LayerGradCam``)."""

    name: ClassVar[str] = "captum.layer_grad_cam"
    row: ClassVar[Row] = Row("LayerGradCam", "Selvaraju et al. 2017", BACKWARD)

    relu: bool = Field(False, description="Keep what speaks for the class only, as the paper does.")

    def arguments(self, copy: ModuleCopy, x: Float[Tensor, "n c h w"]) -> dict[str, Any]:
        """What becomes of what speaks against the class."""
        return {**super().arguments(copy, x), "relu_attributions": self.relu}


class GuidedGradCam(LayerMethod):
    """Guided backpropagation times Grad-CAM (captum ``GuidedGradCam``)."""

    name: ClassVar[str] = "captum.guided_grad_cam"
    row: ClassVar[Row] = Row("GuidedGradCam", "Selvaraju et al. 2017", "2 backward")

    def check(self, copy: ModuleCopy) -> None:
        """Warn where Captum's rule for ReLUs does nothing."""
        warn_of_plain_gradients(copy, "the probe project")

    def note(self, network: Network) -> str:
        """Where Captum's rule for ReLUs does nothing."""
        return plain_gradient_note(ModuleCopy.of(network))

    def arguments(self, copy: ModuleCopy, x: Float[Tensor, "n c h w"]) -> dict[str, Any]:
        """How the map is scaled up."""
        return {**super().arguments(copy, x), "interpolate_mode": self.upsampling}

    def shown(self, found: Float[Tensor, "n c h w"], x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """It is of the image already."""
        return found.reshape(x.shape)


class LayerGradientXActivation(LayerMethod):
    """A layer's values times their gradients (captum ``LayerGradientXActivation``)."""

    name: ClassVar[str] = "captum.layer_gradient_x_activation"
    row: ClassVar[Row] = Row("LayerGradientXActivation", "Shrikumar et al. 2016", BACKWARD)


class InternalInfluence(InSteps, LayerMethod):
    """A layer's mean gradients on the way from a baseline image (captum ``InternalInfluence``)."""

    name: ClassVar[str] = "captum.internal_influence"
    row: ClassVar[Row] = Row("InternalInfluence", "Leino et al. 2018", "`steps` backward")


class LayerConductance(InSteps, LayerMethod):
    """The share of integrated gradients that goes through a layer's values (captum ``LayerConductance``)."""

    name: ClassVar[str] = "captum.layer_conductance"
    row: ClassVar[Row] = Row("LayerConductance", "Dhamdhere et al. 2019", "`steps` backward")


class LayerIntegratedGradients(InSteps, LayerMethod):
    """Integrated gradients of a layer's values (captum ``LayerIntegratedGradients``)."""

    name: ClassVar[str] = "captum.layer_integrated_gradients"
    row: ClassVar[Row] = Row("LayerIntegratedGradients", "Sundararajan et al. 2017", "`steps` backward")


class LayerDeepLift(Rescaled, FromBaseline, LayerMethod):
    """What a layer's differences from a baseline image add (captum ``LayerDeepLift``)."""

    name: ClassVar[str] = "captum.layer_deep_lift"
    row: ClassVar[Row] = Row("LayerDeepLift", "Shrikumar et al. 2017", BACKWARD)


class LayerDeepLiftShap(Rescaled, FromBaselines, LayerMethod):
    """The mean of a layer's DeepLIFT answers over several baselines (captum ``LayerDeepLiftShap``)."""

    name: ClassVar[str] = "captum.layer_deep_lift_shap"
    row: ClassVar[Row] = Row("LayerDeepLiftShap", "Lundberg & Lee 2017", "1 backward for each baseline")


class LayerGradientShap(DrawnPoints, LayerMethod):
    """A layer's expected gradients between baselines and image (captum ``LayerGradientShap``)."""

    name: ClassVar[str] = "captum.layer_gradient_shap"
    row: ClassVar[Row] = Row("LayerGradientShap", "Lundberg & Lee 2017", "`samples` backward")


class LayerLRP(Relevance, LayerMethod):
    """The relevance of a layer's values (captum ``LayerLRP``)."""

    name: ClassVar[str] = "captum.layer_lrp"
    row: ClassVar[Row] = Row("LayerLRP", "Bach et al. 2015", BACKWARD)

    def chosen(self, network: Network) -> str:
        """The layer, among those that have a rule."""
        return map_layer(network, self.layer, rules.RELEVANT)


class LayerFeatureAblation(LayerMethod):
    """The loss when squares of a layer's maps are set to zero (captum ``LayerFeatureAblation``)."""

    name: ClassVar[str] = "captum.layer_feature_ablation"
    row: ClassVar[Row] = Row("LayerFeatureAblation", "Zeiler & Fergus 2014", "1 forward for each square")
    over: ClassVar[Literal["sum", "mean"]] = "mean"
    alone: ClassVar[bool] = True  # Captum does not repeat the targets for the copies

    patch: int = Field(1, ge=1, le=16_384, description="Side of the squares in positions of the layer.")
    perturbations_per_eval: int = Field(
        8, ge=1, le=4096, description="Copies of each image in one forward pass."
    )

    def arguments(self, copy: ModuleCopy, x: Float[Tensor, "n c h w"]) -> dict[str, Any]:
        """The squares, over all channels."""
        shape = copy.network.layer_shapes([copy.layer])[copy.layer]
        squares = grid((shape[1], shape[2]), self.patch).expand(1, *shape).to(x.device)
        at_once = self.perturbations_per_eval
        return {**super().arguments(copy, x), "layer_mask": squares, "perturbations_per_eval": at_once}


TABLE: tuple[type[CaptumMethod], ...] = tuple(
    found
    for found in list(globals().values())
    if isinstance(found, type) and issubclass(found, CaptumMethod) and "row" in vars(found)
)
"""Every row."""
