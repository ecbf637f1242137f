"""The deconvnet: which pixels excite a neuron (Zeiler & Fergus 2014, section 2.1)."""

from interpret.hookspecs import hookimpl
from interpret.interfaces import Probe
from interpret_deconv.neurons import Neuron
from interpret_deconv.probe import Deconv
from interpret_deconv.projection import project
from interpret_deconv.results import LayerProjections, Projections

__all__ = ["Deconv", "LayerProjections", "Neuron", "Projections", "project"]


@hookimpl
def register_probes() -> list[type[Probe]]:
    """The probe ``deconv``."""
    return [Deconv]
