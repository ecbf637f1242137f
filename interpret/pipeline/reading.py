"""A YAML file -> a checked Pipeline, with every problem at its line and column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from interpret.code.imports import allowing
from interpret.errors import PipelineError, Problem
from interpret.files.folders import user_path
from interpret.pipeline.checker import check
from interpret.pipeline.schema import pipeline_schema
from interpret.pipeline.steps import NetworkChoice, Pipeline, Step, written
from interpret.pipeline.yamltext import as_text, read_yaml
from interpret.plugin.discovery import Registry

__all__ = ["NetworkChoice", "Pipeline", "Step", "pipeline_schema", "read_pipeline", "written"]


def read_pipeline(
    path: str | Path | Mapping[str, Any], registry: Registry, *, allow: Sequence[str] = ()
) -> Pipeline:
    """Read and check a pipeline; no model is loaded, no dataset opened, and nothing it names is imported.

    Args:
        path: The YAML file, or what it would hold: a mapping of plain values.
        registry: The plugins there are.
        allow: Packages whose functions the pipeline may name (``target: "package.nets:make"``).

    Raises:
        PipelineError: With all problems, in the order of the file.
        InterpretError: If ``allow`` is wrong.
    """
    text = as_text(path) if isinstance(path, Mapping) else read_yaml(_as_path(path))
    with allowing(allow):
        pipeline = check(text, registry)
        if text.problems:
            raise PipelineError(text.sorted())
        imports = dict.fromkeys(target for plugin in pipeline.plugins() for target in plugin.imports())
    return replace(pipeline, imports=tuple(imports))


def _as_path(path: Any) -> Path:
    if isinstance(path, str | Path):
        return user_path(path)
    raise PipelineError(
        [Problem(f"A pipeline is the path of a YAML file, or a mapping. Got {type(path).__name__}.")]
    )
