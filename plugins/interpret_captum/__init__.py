"""Captum's methods as probes, with the results that ours have, so that any figure draws them."""

from typing import Any

from interpret.plugin import Probe, Renderer, hookimpl
from interpret_captum.cams import GuidedGradCam, LayerGradCam
from interpret_captum.compare import Compare, compare
from interpret_captum.comparison import Comparison, Metric
from interpret_captum.features import CaptumLayerFeatures, Features, LayerFeatures
from interpret_captum.gradients import (
    Deconvolution,
    GuidedBackprop,
    InputXGradient,
    IntegratedGradients,
    Saliency,
)
from interpret_captum.mining import LayerActivation, layer_features
from interpret_captum.perturbations import FeatureAblation, Occlusion
from interpret_captum.projections import NeuronDeconvolution, NeuronGuidedBackprop

__all__ = [
    "CaptumLayerFeatures",
    "Compare",
    "Comparison",
    "Deconvolution",
    "FeatureAblation",
    "Features",
    "GuidedBackprop",
    "GuidedGradCam",
    "InputXGradient",
    "IntegratedGradients",
    "LayerActivation",
    "LayerFeatures",
    "LayerGradCam",
    "Metric",
    "NeuronDeconvolution",
    "NeuronGuidedBackprop",
    "Occlusion",
    "Saliency",
    "compare",
    "layer_features",
]


@hookimpl
def register_probes() -> list[type[Probe]]:
    """The probes ``captum.*``, and ``compare``."""
    return [
        Saliency,
        InputXGradient,
        IntegratedGradients,
        Deconvolution,
        GuidedBackprop,
        Occlusion,
        FeatureAblation,
        LayerGradCam,
        GuidedGradCam,
        NeuronDeconvolution,
        NeuronGuidedBackprop,
        LayerActivation,
        CaptumLayerFeatures,
        LayerFeatures,
        Compare,
    ]


@hookimpl
def register_renderers() -> list[type[Renderer[Any]]]:
    """What draws the result of ``compare``."""
    from interpret_captum.renderers import ComparisonFigure, ComparisonTable  # noqa: PLC0415 - matplotlib takes time

    return [ComparisonFigure, ComparisonTable]
