"""The deconvnet: which pixels excite a neuron (Zeiler & Fergus 2014, section 2.1)."""

from interpret.plugin import Probe, hookimpl
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
