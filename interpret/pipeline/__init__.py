"""Pipelines: YAML -> a checked `Pipeline`, every problem with its line and column.

- ``yamltext``: YAML text -> plain values that know where they were written.
- ``checker``: plain values -> a `Pipeline` of ``steps``.
- ``schema``: JSON Schema for editors, made of the plugins' parameters.
- ``reading``: a file -> a checked `Pipeline`.
"""

from interpret.pipeline.reading import read_pipeline
from interpret.pipeline.schema import pipeline_schema
from interpret.pipeline.steps import Pipeline
from interpret.pipeline.yamltext import read_yaml

__all__ = ["Pipeline", "pipeline_schema", "read_pipeline", "read_yaml"]
