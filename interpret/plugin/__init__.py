"""Plugins: what they implement, how they are found, and how their parameters are checked.

- ``interfaces``: `Model`, `Dataset`, `Probe`, `Renderer`, `Executor`; ``shards``: the cut of a dataset.
- ``pages``: `Page`, `Exporter` and what they are given: runs for people who look in a browser.
- ``hookspecs``: the hooks a plugin can implement.
- ``discovery``: which plugins there are, what each offers, and what went wrong; ``flaws`` finds the faults.
- ``parameters``, ``values``: what users write for a plugin, checked and explained.
- ``rendering``: what a renderer is called with, in whatever form a person has it.
- ``modelnames``: a model in one text, ``torchvision:resnet18``.
- ``library``: `load_model`, `load_dataset`, `load_probe`, `load_renderer`, `load_result`.
"""

from interpret.plugin.discovery import RESERVED, registry
from interpret.plugin.hookspecs import hookimpl
from interpret.plugin.interfaces import (
    Card,
    Dataset,
    Device,
    Executor,
    Model,
    Plugin,
    Probe,
    Renderer,
    ShardedProbe,
    WeightsResult,
    probe_inputs,
    probe_output,
)
from interpret.plugin.library import (
    DATASET_OF,
    dataset_of,
    load_dataset,
    load_model,
    load_probe,
    load_renderer,
    load_result,
)
from interpret.plugin.modelnames import ModelName, read_model_name
from interpret.plugin.pages import Exporter, Page, PageContext, Photo, Sheet, page_input
from interpret.plugin.parameters import ParameterProblem, configure, explain
from interpret.plugin.shards import Job, shard_grid
from interpret.plugin.values import plain_arguments

__all__ = [
    "DATASET_OF",
    "RESERVED",
    "Card",
    "Dataset",
    "Device",
    "Executor",
    "Exporter",
    "Job",
    "Model",
    "ModelName",
    "Page",
    "PageContext",
    "ParameterProblem",
    "Photo",
    "Plugin",
    "Probe",
    "Renderer",
    "ShardedProbe",
    "Sheet",
    "WeightsResult",
    "configure",
    "dataset_of",
    "explain",
    "hookimpl",
    "load_dataset",
    "load_model",
    "load_probe",
    "load_renderer",
    "load_result",
    "page_input",
    "plain_arguments",
    "probe_inputs",
    "probe_output",
    "read_model_name",
    "registry",
    "shard_grid",
]
