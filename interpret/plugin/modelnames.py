"""A model and its most telling parameter in one text: ``torchvision:resnet18``, ``package.nets:Net``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interpret.code.imports import FORM
from interpret.code.sources import Library, module_spec
from interpret.errors import PluginError, UnknownNameError
from interpret.plugin.interfaces import Model


@dataclass(frozen=True)
class ModelName:
    """What a text such as ``torchvision:resnet18`` says.

    Attributes:
        name: The model.
        parameters: What the text after the colon is, by the name of the parameter; empty without a colon.
        module: The module of an import path; empty where a model is named.
    """

    name: str
    parameters: Mapping[str, str]
    module: str = ""


def read_model_name(text: str, models: Mapping[str, type[Model]]) -> ModelName:
    """The model that a text names, and the parameter that stands after the colon.

    Which parameter that is says the model (``after_colon``). What is before the colon may also be an
    installed module: then the text is the import path of a class. Nothing is imported.

    Args:
        text: ``"zfnet"``, ``"zfnet:scenes"``, ``"torchvision:resnet18"`` or ``"package.nets:Net"``.
        models: The models there are.

    Raises:
        UnknownNameError: If there is neither such a model nor such a module.
        PluginError: If nothing stands after the colon.

    Example:
        >>> read_model_name("torchvision:resnet18", registry().models).parameters
        {'arch': 'resnet18'}
    """
    name, colon, rest = text.partition(":")
    if name in models and not colon:
        return ModelName(name, {})
    if name in models:
        return ModelName(name, {_after_colon(models[name], rest): rest})
    taker = next((known for known, model in models.items() if model.takes_import_path), "")
    if taker and re.fullmatch(FORM, text) and module_spec(name.partition(".")[0]):
        return ModelName(taker, {models[taker].after_colon: _defined_at(text)}, name)
    hint = f"Nor is a module {name!r} installed." if colon else _with_colon(name, models)
    raise UnknownNameError("model", name, models, hint)


def with_parameters(found: ModelName, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Further parameters beside the one that stands after the colon.

    Raises:
        PluginError: If it is given once more.
    """
    if twice := found.parameters.keys() & parameters.keys():
        key = min(twice)
        raise PluginError(
            f"{key!r} is given twice: {found.parameters[key]!r} after the colon of the model's name, and "
            f"{parameters[key]!r}. Leave one out."
        )
    return {**found.parameters, **parameters}


def _with_colon(name: str, models: Mapping[str, type[Model]]) -> str:
    """That a network of a library is named behind the model that knows it."""
    takers = [
        f"{known}:{name}"
        for known, model in sorted(models.items())
        if (field := model.model_fields.get(model.after_colon)) is not None
        and field.is_required()
        and not model.takes_import_path
    ]
    return (
        f"Is it a network of a library, or a folder? Write {' or '.join(takers)}." if takers and name else ""
    )


def _after_colon(model: type[Model], rest: str) -> str:
    key = model.after_colon
    if not rest:
        raise PluginError(
            f"Nothing stands after the colon of '{model.name}:'. Write {model.name}:{key.upper()}, with its "
            f"parameter {key!r}: {model.model_fields[key].description}"
        )
    return key


def _defined_at(target: str) -> str:
    """The import path in the module that defines a class, where a package only offers it."""
    module, _, name = target.partition(":")
    library = Library()
    source = library.source(module)
    if source is None or source.define(name):
        return target
    found = next(library.definitions(f"{module}.{name}"), None)
    return f"{found[0].module}:{found[1].name}" if found else target
