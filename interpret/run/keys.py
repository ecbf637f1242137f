"""What results come from (weights, data, parameters, code, versions), and the content keys made of it."""

from __future__ import annotations

import json
import logging
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from typing import Any

import torch

from interpret.code.dependencies import Code, classes_of, code_files
from interpret.errors import InterpretError
from interpret.files.contents import digest
from interpret.images.dataset import Images
from interpret.network.network import Network
from interpret.pipeline.steps import Pipeline, Step, written
from interpret.plugin.discovery import BUNDLED_DISTRIBUTION, Registry
from interpret.plugin.interfaces import Dataset, Plugin, Probe, Renderer
from interpret.plugin.library import DATASET_OF, dataset_of

logger = logging.getLogger(__name__)
PACKAGES = ("interpret-cnn", "torch", "torchvision", "numpy", "safetensors", "pillow")


@dataclass(frozen=True)
class Provenance:
    """Everything the results of one run depend on.

    Attributes:
        pipeline: What was asked.
        registry: Whose plugins answer.
        networks: The loaded models by their names in the pipeline.
        images: The opened datasets.
    """

    pipeline: Pipeline
    registry: Registry
    networks: Mapping[str, Network] = field(default_factory=dict)
    images: Mapping[str, Images] = field(default_factory=dict)

    @cached_property
    def models(self) -> dict[str, Any]:
        """The hash of every network's weights, and what else its outputs depend on."""
        return {name: self._model(name, network) for name, network in self.networks.items()}

    def _model(self, name: str, network: Network) -> dict[str, Any]:
        return {
            "weights": network.fingerprint(),
            "device": network.device.type,
            "dtype": str(network.dtype),
            "aliases": dict(network.aliases),
            "code": _version(self._model_code(name)),
        }

    @cached_property
    def datasets(self) -> dict[str, Any]:
        """The fingerprint of every dataset."""
        return {
            name: {
                "fingerprint": images.fingerprint(),
                "images": len(images),
                "code": _version(self._dataset_code(name)),
            }
            for name, images in self.images.items()
        }

    @cached_property
    def further(self) -> dict[str, list[str]]:
        """The fingerprints of the datasets that each step's probe names itself."""
        return {step.name: further_data(step) for step in self.pipeline.steps.values()}

    def changed(self) -> list[Step]:
        """The steps whose images are others now than when their keys were made."""
        others = {name for name, images in self.images.items() if self._is_other(name, images)}
        steps = self.pipeline.steps.values()
        return [s for s in steps if s.dataset in others or further_data(s) != self.further[s.name]]

    def _is_other(self, name: str, images: Images) -> bool:
        try:
            return bool(images.fingerprint() != self.datasets[name]["fingerprint"])
        except (InterpretError, OSError) as error:  # nothing that is known to have changed is lost by it
            logger.warning("Nobody knows whether images of the dataset %s changed: %s", name, error)
            return False

    def _model_code(self, name: str) -> dict[str, str]:
        model = self.pipeline.models[name].model
        return code_files(*code_of(model), *classes_of(self.networks[name].module))

    def _dataset_code(self, name: str) -> dict[str, str]:
        return code_files(*code_of(self.pipeline.datasets[name]), type(self.images[name].whole))

    @cached_property
    def code(self) -> dict[str, dict[str, str]]:
        """Every file that each step's own key counts, with its hash: of its probe, model and dataset."""
        return {
            step.name: {
                **code_files(*code_of(step.probe)),
                **self._model_code(step.model),
                **self._dataset_code(step.dataset),
            }
            for step in self.pipeline.steps.values()
        }

    @cached_property
    def keys(self) -> dict[str, str]:
        """The content key of every step: with the same key it need not run again."""
        keys: dict[str, str] = {}
        for step in self.pipeline.steps.values():
            keys[step.name] = self._key(step, keys)
        return keys

    def _key(self, step: Step, keys: Mapping[str, str]) -> str:
        about = {
            "probe": _asked(step.probe),
            "model": self.models[step.model],
            "data": self.datasets[step.dataset],
            "images": step.images,
            "inputs": {parameter: keys[name] for parameter, name in step.inputs.items()},
            "weights": keys.get(step.weights, ""),
            "further data": self.further[step.name],
            "content": step.probe.content(),
            "seed": self.pipeline.seed,
            "code": self._code(step.probe),
        }
        return digest(json.dumps(about, sort_keys=True))

    def drawing_key(self, step: Step, renderer: Renderer[Any], folder: str) -> str:
        """The content key of what one renderer draws for a step, in ``folder`` of it."""
        parameters = json.dumps(written(renderer), sort_keys=True)
        return digest(self.keys[step.name], folder, parameters, *self._code(renderer))

    def _code(self, plugin: Plugin) -> list[str]:
        sources = [self._source(part) for part in (plugin, *plugin.nested())]
        return [*sources, _version(code_files(*code_of(plugin))), torch.__version__]

    def _source(self, plugin: Plugin) -> str:
        """Where a plugin comes from; with the version where it may have code that is not Python's."""
        name, number = self.origin(plugin)
        return name if name.startswith(f"{BUNDLED_DISTRIBUTION}[") else f"{name} {number}"

    def origin(self, plugin: Plugin) -> tuple[str, str]:
        """The distribution a plugin comes from, and its version."""
        origin = self.registry.origins.get(type(plugin))
        return (str(origin), origin.version) if origin else (type(plugin).__module__, "")

    def manifest(self) -> dict[str, Any]:
        """All of it for the manifest."""
        return {
            "format": 1,
            "pipeline": self.pipeline.resolved(),
            "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
            "plugins": self._plugins(),
            "models": self.models,
            "datasets": self.datasets,
            "code": dict(sorted(item for files in self.code.values() for item in files.items())),
        }

    def _plugins(self) -> dict[str, Any]:
        used: list[Plugin] = [choice.model for choice in self.pipeline.models.values()]
        used += self.pipeline.datasets.values()
        for step in self.pipeline.steps.values():
            used += [step.probe, *step.probe.nested(), *step.renderers]
        origins = {type(plugin).name: self.origin(plugin) for plugin in used}
        return {name: {"origin": origin, "version": number} for name, (origin, number) in origins.items()}


def further_data(step: Step) -> list[str]:
    """The fingerprints of the datasets that a step's probe names itself, as they are now."""
    return [part.open().fingerprint() for part in step.probe.nested() if isinstance(part, Dataset)]


def _asked(probe: Probe) -> dict[str, Any]:
    """What a step's probe is asked; a further dataset counts by what it holds, not by where it lies."""
    asked, nested = written(probe), probe.nested()
    for name, parameter in type(probe).model_fields.items():
        value = getattr(probe, name)
        if DATASET_OF in parameter.metadata and isinstance(value, Mapping) and dataset_of(value) in nested:
            asked[name] = {"name": value["name"]}
    return asked


def code_of(plugin: Plugin) -> list[Code]:
    """The classes of a plugin and of those that do its work with it, and the modules its parameters name."""
    return [type(plugin), *map(type, plugin.nested()), *(target.module for target in plugin.imports())]


def _version(files: Mapping[str, str]) -> str:
    return digest(*sorted(files.items()))
