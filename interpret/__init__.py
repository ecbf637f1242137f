"""See inside convolutional networks: Zeiler & Fergus (2014) on any CNN.

Names are imported when they are first used, so that ``import interpret`` and the command line start fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from interpret import moved

if TYPE_CHECKING:
    from interpret.attributing import ClassAttribution, NeuronAttribution
    from interpret.attributions import Attributions
    from interpret.errors import (
        DatasetError,
        InterpretError,
        ModelError,
        PipelineError,
        PluginError,
        StepError,
        UnknownNameError,
    )
    from interpret.images.dataset import Images, InputSpec, Object, Sample
    from interpret.network.network import Network
    from interpret.network.readers import readers
    from interpret.network.wrapping import wrap
    from interpret.plugin.hookspecs import hookimpl
    from interpret.plugin.interfaces import (
        Card,
        Dataset,
        Executor,
        Model,
        Probe,
        Renderer,
        ShardedProbe,
        WeightsResult,
    )
    from interpret.plugin.library import load_dataset, load_model, load_probe, load_renderer, load_result
    from interpret.plugin.shards import Job
    from interpret.results import Record, Result
    from interpret.run.runner import run_pipeline
    from interpret.run.summary import Run
    from interpret.showing.drawing import show
    from interpret.showing.shown import Shown
    from interpret.targets import Targets

    __version__: str

__all__ = [
    "Attributions",
    "Card",
    "ClassAttribution",
    "Dataset",
    "DatasetError",
    "Executor",
    "Images",
    "InputSpec",
    "InterpretError",
    "Job",
    "Model",
    "ModelError",
    "Network",
    "NeuronAttribution",
    "Object",
    "PipelineError",
    "PluginError",
    "Probe",
    "Record",
    "Renderer",
    "Result",
    "Run",
    "Sample",
    "ShardedProbe",
    "Shown",
    "StepError",
    "Targets",
    "UnknownNameError",
    "WeightsResult",
    "__version__",
    "hookimpl",
    "load_dataset",
    "load_model",
    "load_probe",
    "load_renderer",
    "load_result",
    "readers",
    "run_pipeline",
    "show",
    "wrap",
]

_HOMES = {
    "attributing": "ClassAttribution NeuronAttribution",
    "attributions": "Attributions",
    "errors": "DatasetError InterpretError ModelError PipelineError PluginError StepError UnknownNameError",
    "images.dataset": "Images Object Sample",
    "images.inputs": "InputSpec",
    "network.network": "Network",
    "network.readers": "readers",
    "network.wrapping": "wrap",
    "plugin.hookspecs": "hookimpl",
    "plugin.interfaces": "Card Dataset Executor Model Probe Renderer ShardedProbe WeightsResult",
    "plugin.library": "load_dataset load_model load_probe load_renderer load_result",
    "plugin.shards": "Job",
    "results": "Record Result",
    "run.runner": "run_pipeline",
    "run.summary": "Run",
    "showing.drawing": "show",
    "showing.shown": "Shown",
    "targets": "Targets",
}

moved.install()


def __getattr__(name: str) -> object:
    """Import a public name from the module that holds it (PEP 562)."""
    from importlib import import_module  # noqa: PLC0415 - only when something is used

    if name == "__version__":
        from importlib import metadata  # noqa: PLC0415 - takes as long as the command line

        return metadata.version("interpret-cnn")
    if name in moved.MOVED:
        return import_module(f"interpret.{name}")
    home = next((module for module, names in _HOMES.items() if name in names.split()), None)
    if home is None:
        raise AttributeError(f"module 'interpret' has no attribute {name!r}")
    value = getattr(import_module(f"interpret.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
