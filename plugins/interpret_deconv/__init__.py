"""The deconvnet: which pixels excite a neuron (Zeiler & Fergus 2014, section 2.1)."""

from typing import Any

from interpret.plugin.hookspecs import hookimpl
from interpret.plugin.interfaces import Probe, Renderer
from interpret_deconv.asking import Asked, AsksClass, AsksNeuron, find_neurons
from interpret_deconv.attribution import Project
from interpret_deconv.neurons import Neuron
from interpret_deconv.probe import Deconv
from interpret_deconv.projection import project
from interpret_deconv.results import LayerProjections, Projections

__all__ = [
    "Asked",
    "AsksClass",
    "AsksNeuron",
    "Deconv",
    "LayerProjections",
    "Neuron",
    "Project",
    "Projections",
    "find_neurons",
    "project",
]


@hookimpl
def register_probes() -> list[type[Probe]]:
    """The probes ``deconv`` and ``project``."""
    return [Deconv, Project]


@hookimpl
def register_renderers() -> list[type[Renderer[Any]]]:
    """What draws the result of ``deconv``."""
    from interpret_deconv.renderers import FeatureGrid  # noqa: PLC0415 - matplotlib takes time

    return [FeatureGrid]
