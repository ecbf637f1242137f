"""The JSON Schema of pipeline files, made of the parameters of the plugins there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from interpret.network.memory_format import MemoryFormat
from interpret.network.precision import Precision
from interpret.plugin.discovery import Registry
from interpret.plugin.interfaces import Device, Plugin, Probe, probe_inputs, probe_output, renderer_input
from interpret.plugin.values import MAX_INTEGER

VERSION = 1
MAX_NAME = 100
NAME = rf"[A-Za-z0-9][A-Za-z0-9_-]{{0,{MAX_NAME - 1}}}"
"""What models, datasets and steps can be called: steps name folders."""


def pipeline_schema(registry: Registry) -> dict[str, Any]:
    """The JSON Schema of a pipeline with the plugins there are, for editors."""
    definitions: dict[str, Any] = {}
    models = [_schema("model", cls, definitions, _device()) for cls in registry.models.values()]
    datasets = [_schema("dataset", cls, definitions) for cls in registry.datasets.values()]
    renderers = [_schema("renderer", cls, definitions) for cls in registry.renderers.values()]
    steps = [
        _schema("probe", cls, definitions, _step_keys(cls, registry)) for cls in registry.probes.values()
    ]
    definitions["renderer"] = {"anyOf": renderers}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "interpret pipeline",
        "type": "object",
        "additionalProperties": False,
        "required": ["version", "models", "datasets", "steps"],
        "properties": {
            "version": {"const": VERSION},
            "seed": {
                "type": "integer",
                "minimum": 0,
                "maximum": MAX_INTEGER,
                "default": 0,
                "description": "Seed of everything random.",
            },
            "models": _named([*models, _short(registry)]),
            "datasets": _named(datasets),
            "steps": _named(steps),
        },
        "$defs": definitions,
    }


def _named(choices: Iterable[dict[str, Any]]) -> dict[str, Any]:
    names = {"pattern": f"^{NAME}$"}
    entries = {"anyOf": list(choices)}
    return {"type": "object", "minProperties": 1, "propertyNames": names, "additionalProperties": entries}


def _short(registry: Registry) -> dict[str, Any]:
    """A model in one text."""
    examples = [f"{name}:{cls.after_colon.upper()}" for name, cls in registry.models.items()]
    return {"type": "string", "minLength": 1, "description": f"In short: {', '.join(examples)}."}


def _schema(
    kind: str, cls: type[Plugin], definitions: dict[str, Any], further: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A reference to the schema of one plugin; what it refers to is put among the definitions."""
    prefix = f"{kind}.{cls.name}"
    schema = cls.model_json_schema(ref_template=f"#/$defs/{prefix}.{{model}}")
    nested = schema.pop("$defs", {})
    definitions.update({f"{prefix}.{key}": value for key, value in nested.items()})
    chooser = "probe" if kind == "probe" else "name"
    schema["properties"] = {chooser: {"const": cls.name}, **schema.get("properties", {}), **(further or {})}
    schema["required"] = [chooser, *schema.get("required", [])]
    definitions[prefix] = {**schema, "description": cls.summary()}
    return {"$ref": f"#/$defs/{prefix}"}


def _device() -> dict[str, Any]:
    precision = {
        "enum": list(get_args(Precision)),
        "default": "float32",
        "description": "What forward passes multiply; fewer bits are faster on cards made for them.",
    }
    return {
        "device": {"enum": list(get_args(Device)), "default": "auto", "description": "Where it runs."},
        "precision": precision,
        "memory_format": {
            "enum": list(get_args(MemoryFormat)),
            "default": "contiguous",
            "description": "How the maps of forward passes lie in memory; channels_last is often faster.",
        },
    }


def _step_keys(cls: type[Probe], registry: Registry) -> dict[str, Any]:
    inputs = {key: {"type": "string"} for key in probe_inputs(cls)}
    draws = [
        {"$ref": f"#/$defs/renderer.{name}"}
        for name, renderer in registry.renderers.items()
        if issubclass(probe_output(cls), renderer_input(renderer))
    ]
    return {
        "inputs": {"type": "object", "additionalProperties": False, "properties": inputs},
        "render": {"type": "array", "items": {"anyOf": draws} if draws else False},
        "model": {"type": "string", "description": "Which model, where there are several."},
        "weights": {"type": "string", "description": "The step that trained the model's weights."},
        "dataset": {"type": "string", "description": "Which dataset, where there are several."},
        "images": {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1},
    }
