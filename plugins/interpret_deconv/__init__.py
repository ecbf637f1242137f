"""The deconvnet: which pixels excite a neuron (Zeiler & Fergus 2014, section 2.1)."""

from typing import TYPE_CHECKING, Any

from interpret.moved import elsewhere
from interpret.plugin import Page, Probe, Renderer, hookimpl
from interpret_deconv.attribution import Project
from interpret_deconv.beyond import nonlinearities
from interpret_deconv.neurons import Neuron
from interpret_deconv.probe import Deconv
from interpret_deconv.projection import project, project_cropped
from interpret_deconv.results import LayerProjections, Projections

__all__ = [
    "Deconv",
    "LayerProjections",
    "Neuron",
    "Project",
    "Projections",
    "nonlinearities",
    "project",
    "project_cropped",
]

_MOVED = {
    "Asked": "interpret.Targets",
    "AsksClass": "interpret.ClassAttribution",
    "AsksNeuron": "interpret.NeuronAttribution",
    "find_neurons": "interpret.targets.find_neurons",
}


if not TYPE_CHECKING:  # or type checkers would believe any name
    __getattr__ = elsewhere(__name__, _MOVED)


@hookimpl
def register_probes() -> list[type[Probe]]:
    """The probes ``deconv`` and ``project``."""
    return [Deconv, Project]


@hookimpl
def register_pages() -> list[type[Page[Any]]]:
    """What shows the result of ``deconv`` in a gallery."""
    from interpret_deconv.pages import ProjectionPages  # noqa: PLC0415 - matplotlib takes time

    return [ProjectionPages]


@hookimpl
def register_renderers() -> list[type[Renderer[Any]]]:
    """What draws the result of ``deconv``."""
    from interpret_deconv.renderers import FeatureGrid  # noqa: PLC0415 - matplotlib takes time

    return [FeatureGrid]
