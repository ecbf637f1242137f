"""The doors of the library: plugins and saved results by name, for people who write Python."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import AfterValidator

from interpret import results
from interpret.code.imports import allowing
from interpret.errors import InterpretError, ModelError
from interpret.files.remote import readable_folder
from interpret.images.dataset import Images
from interpret.network.memory_format import MemoryFormat
from interpret.network.network import Network
from interpret.network.precision import Precision
from interpret.plugin.discovery import registry
from interpret.plugin.flaws import Kind
from interpret.plugin.interfaces import Dataset, Device, Model, Probe, Renderer
from interpret.plugin.modelnames import read_model_name, with_parameters
from interpret.plugin.parameters import configure
from interpret.results import Result

T = TypeVar("T")


def load_model(
    name: str,
    *,
    device: Device = "auto",
    precision: Precision = "float32",
    memory_format: MemoryFormat = "contiguous",
    **parameters: Any,
) -> Network:
    """A model by name, built, loaded and in eval mode.

    Args:
        name: Such as ``"zfnet"``; ``interpret list models`` shows all. After a colon may stand its most
            telling parameter: ``"zfnet:scenes"``, ``"torchvision:resnet18"``. ``"package.nets:Net"`` is a
            class of your own, or a function that is annotated to return one; it is imported and called.
        device: Where it computes; ``auto`` is an accelerator where there is one.
        precision: What its forward passes multiply; see `Network.in_precision`.
        memory_format: How their maps lie in memory; see `Network.in_memory_format`.
        **parameters: The model's own; ``interpret describe NAME`` shows them.

    Raises:
        UnknownNameError: If no plugin offers the model.
        PluginError: If a parameter is wrong.
        ModelError: If its weights cannot be loaded.

    Example:
        >>> interpret.load_model("torchvision:squeezenet1_1", categories=10)  # doctest: +SKIP
    """
    if not isinstance(name, str):
        raise ModelError(
            f"load_model takes a name, such as 'torchvision:resnet18', and got {type(name).__name__}. A "
            "module that you have is wrapped: interpret.wrap(module)."
        )
    found = read_model_name(name, registry().models)
    with allowing([found.module] if found.module else []):  # who calls this has chosen what is imported
        model: Model = _load("model", found.name, with_parameters(found, parameters))
        return model.load(device).computing(precision, memory_format)


def load_dataset(name: str, **parameters: Any) -> Images:
    """The images of a dataset by name; no picture is read before it is asked for.

    Raises:
        UnknownNameError: If no plugin offers the dataset.
        PluginError: If a parameter is wrong.
        DatasetError: If it cannot be opened.
    """
    images: Images = _load("dataset", name, parameters).open()
    return images


def dataset_of(spec: Mapping[str, Any]) -> Dataset:
    """The dataset that a parameter of a plugin describes: ``{name: folder, path: …}``; it is not opened.

    A probe with such a parameter has it in ``nested()``, so that its images count in the step's key.

    Raises:
        UnknownNameError: If no plugin offers the dataset.
        PluginError: If a parameter is wrong.
    """
    parameters = {key: value for key, value in spec.items() if key != "name"}
    return cast(Dataset, _load("dataset", str(spec.get("name")), parameters))


def _checked(value: T) -> T:
    """A mistake in a dataset that a parameter describes shows before anything runs."""
    try:
        if isinstance(value, Mapping):
            dataset_of(value)
    except InterpretError as error:
        raise ValueError(" ".join(str(error).split())) from error
    return value


DATASET_OF = AfterValidator(_checked)
"""For a parameter that may describe a dataset: ``Annotated[dict[str, Any], DATASET_OF]``."""


def load_probe(name: str, **parameters: Any) -> Probe:
    """A probe by name, with its parameters; call its ``run(network, images)``.

    Raises:
        UnknownNameError: If no plugin offers the probe.
        PluginError: If a parameter is wrong.
    """
    return cast(Probe, _load("probe", name, parameters))


def load_renderer(name: str, **parameters: Any) -> Renderer[Any]:
    """A renderer by name, with its parameters; call its ``render(result, images, folder)``.

    Raises:
        UnknownNameError: If no plugin offers the renderer.
        PluginError: If a parameter is wrong.
    """
    return cast("Renderer[Any]", _load("renderer", name, parameters))


def load_result(folder: str | Path) -> Result:
    """The result that a step or ``Result.save`` wrote into ``folder``, a path or a URL.

    Raises:
        InterpretError: If there is no whole result, or no plugin here defines its type.
    """
    registry()  # imports the plugins, which define the types of results
    return results.load(readable_folder(folder)).as_loaded()


def _load(kind: Kind, name: str, parameters: dict[str, Any]) -> Any:
    paths = {key: os.fspath(item) for key, item in parameters.items() if isinstance(item, os.PathLike)}
    return configure(registry().lookup(kind, name), kind, {**parameters, **paths})
