"""Contract tests for plugin authors: give them an instance of your class in a test of yours.

    from interpret.testing import check_probe

    def test_contract():
        check_probe(MyProbe(layer="conv2"))

Each raises PluginError with what the plugin does wrong, and returns nothing where all is well.

- ``probes``, ``models``, ``renderers``, ``datasets``, ``executors``: one contract each.
- ``requirements``, ``results``, ``state``: what the contracts share; ``small``: a network and images.
"""

from interpret.testing.datasets import check_dataset
from interpret.testing.executors import check_executor
from interpret.testing.models import check_model
from interpret.testing.probes import check_probe
from interpret.testing.renderers import check_renderer
from interpret.testing.small import small_images, small_network

__all__ = [
    "check_dataset",
    "check_executor",
    "check_model",
    "check_probe",
    "check_renderer",
    "small_images",
    "small_network",
]
