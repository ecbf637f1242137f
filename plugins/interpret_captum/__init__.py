"""Captum's methods as probes, with the results that ours have, so that any figure draws them.

Beside them what Captum has not: RISE, Grad-CAM++, and the comparison of methods.
"""

from typing import Any

from interpret.plugin import Page, Probe, Renderer, hookimpl
from interpret_captum.compare import Compare, compare
from interpret_captum.comparison import Comparison, Metric
from interpret_captum.features import CaptumLayerFeatures, Features, LayerFeatures
from interpret_captum.gradcam import GradCamPlusPlus
from interpret_captum.mining import LayerActivation, layer_features
from interpret_captum.projections import NeuronDeconvolution, NeuronGuidedBackprop
from interpret_captum.rise import Rise
from interpret_captum.table import (
    LRP,
    TABLE,
    Deconvolution,
    DeepLift,
    DeepLiftShap,
    FeatureAblation,
    GradientShap,
    GuidedBackprop,
    GuidedGradCam,
    InputXGradient,
    IntegratedGradients,
    InternalInfluence,
    KernelShap,
    LayerConductance,
    LayerDeepLift,
    LayerDeepLiftShap,
    LayerFeatureAblation,
    LayerGradCam,
    LayerGradientShap,
    LayerGradientXActivation,
    LayerIntegratedGradients,
    LayerLRP,
    Lime,
    Occlusion,
    Saliency,
    ShapleyValueSampling,
)
from interpret_captum.tunnel import NoiseTunnel

__all__ = [
    "LRP",
    "TABLE",
    "CaptumLayerFeatures",
    "Compare",
    "Comparison",
    "Deconvolution",
    "DeepLift",
    "DeepLiftShap",
    "FeatureAblation",
    "Features",
    "GradCamPlusPlus",
    "GradientShap",
    "GuidedBackprop",
    "GuidedGradCam",
    "InputXGradient",
    "IntegratedGradients",
    "InternalInfluence",
    "KernelShap",
    "LayerActivation",
    "LayerConductance",
    "LayerDeepLift",
    "LayerDeepLiftShap",
    "LayerFeatureAblation",
    "LayerFeatures",
    "LayerGradCam",
    "LayerGradientShap",
    "LayerGradientXActivation",
    "LayerIntegratedGradients",
    "LayerLRP",
    "Lime",
    "Metric",
    "NeuronDeconvolution",
    "NeuronGuidedBackprop",
    "NoiseTunnel",
    "Occlusion",
    "Rise",
    "Saliency",
    "ShapleyValueSampling",
    "compare",
    "layer_features",
]


@hookimpl
def register_probes() -> list[type[Probe]]:
    """The probes ``captum.*``, ``rise`` and ``grad_cam_plus_plus``, and ``compare``."""
    return [
        *TABLE,
        NoiseTunnel,
        Rise,
        GradCamPlusPlus,
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


@hookimpl
def register_pages() -> list[type[Page[Any]]]:
    """What shows the result of ``compare`` in a gallery."""
    from interpret_captum.pages import ComparisonPage  # noqa: PLC0415 - matplotlib takes time

    return [ComparisonPage]
