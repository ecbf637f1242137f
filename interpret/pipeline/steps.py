"""A checked pipeline: its models, datasets and steps, and how it is written with all defaults spelled out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from interpret.code.imports import ImportPath
from interpret.network.memory_format import MemoryFormat
from interpret.network.network import Network
from interpret.network.precision import Precision
from interpret.pipeline.schema import VERSION
from interpret.plugin.interfaces import Dataset, Device, Model, Plugin, Probe, Renderer


@dataclass(frozen=True)
class NetworkChoice:
    """A model of a pipeline, the device it runs on, and how its forward passes compute."""

    model: Model
    device: Device = "auto"
    precision: Precision = "float32"
    memory_format: MemoryFormat = "contiguous"

    def load(self, seed: int) -> Network:
        """The network, built, loaded and in eval mode.

        Args:
            seed: Start of the random numbers of weights that are not loaded.
        """
        network = self.model.load(self.device, seed=seed)
        return network.computing(self.precision, self.memory_format)


@dataclass(frozen=True)
class Step:
    """One probe with what it is asked about.

    Attributes:
        name: Also the name of its folder.
        probe: The question.
        model: Which model of the pipeline.
        dataset: Which dataset of the pipeline.
        images: Places in the dataset, or None for all of it.
        inputs: The step whose result each parameter of the probe takes.
        renderers: What draws the result.
        weights: The step whose result holds the model's weights; empty: the model's own.
    """

    name: str
    probe: Probe
    model: str
    dataset: str
    images: tuple[int, ...] | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    renderers: tuple[Renderer[Any], ...] = ()
    weights: str = ""

    @property
    def needs(self) -> tuple[str, ...]:
        """The steps that must be done before."""
        return (*self.inputs.values(), *filter(None, [self.weights]))


@dataclass(frozen=True)
class Pipeline:
    """A pipeline without mistakes; ``steps`` are in an order in which they can run.

    Attributes:
        models: The models by name; so do ``datasets`` and ``steps``.
        seed: Start of everything random.
        imports: The classes that a run imports because the pipeline names them.
    """

    models: Mapping[str, NetworkChoice]
    datasets: Mapping[str, Dataset]
    steps: Mapping[str, Step]
    seed: int = 0
    imports: tuple[ImportPath, ...] = ()

    def plugins(self) -> list[Plugin]:
        """Every plugin that a step uses, but the renderers."""
        models = [choice.model for choice in self.models.values()]
        return [*models, *self.datasets.values(), *(step.probe for step in self.steps.values())]

    def resolved(self) -> dict[str, Any]:
        """The pipeline as it would be written with every default spelled out."""
        models = {
            key: {
                "device": choice.device,
                "precision": choice.precision,
                "memory_format": choice.memory_format,
                **written(choice.model),
            }
            for key, choice in self.models.items()
        }
        datasets = {key: written(dataset) for key, dataset in self.datasets.items()}
        steps = {key: _written_step(step) for key, step in self.steps.items()}
        return {
            "version": VERSION,
            "seed": self.seed,
            "models": models,
            "datasets": datasets,
            "steps": steps,
        }


def written(plugin: Plugin) -> dict[str, Any]:
    """A plugin's name and all its parameters as plain values."""
    return {"name": type(plugin).name, **plugin.model_dump(mode="json")}


def _written_step(step: Step) -> dict[str, Any]:
    parameters = written(step.probe)
    return {
        "probe": parameters.pop("name"),
        **parameters,
        "model": step.model,
        **({"weights": step.weights} if step.weights else {}),
        "dataset": step.dataset,
        **({} if step.images is None else {"images": list(step.images)}),
        "inputs": dict(step.inputs),
        "render": [written(renderer) for renderer in step.renderers],
    }
