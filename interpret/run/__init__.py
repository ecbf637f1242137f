"""Runs: a checked pipeline -> a run folder that continues where it was stopped.

- ``runner``: the steps one by one; ``jobs``: their shards, for any process; ``drawing``: their figures.
- ``keys``: what a result comes from, and the key made of it.
- ``store``: the run folder and what lies in it; ``cache``: work that outlives a killed step.
- ``opened``: a run folder read again, for those who make something of it.
- ``exporting``: what an exporter makes of runs, in a folder.
- ``summary``: what a run came to.
"""

from interpret.run.cache import (
    cache_dir,
    cached,
    cached_part,
    cached_pieces,
    find_result,
    follows,
    parts_for,
    processes,
    without_parts,
)
from interpret.run.exporting import Exported, export_runs
from interpret.run.jobs import run_probe
from interpret.run.opened import OpenedRun, OpenedStep, open_run
from interpret.run.runner import run_pipeline
from interpret.run.store import read_json
from interpret.run.summary import Run, StepRun

__all__ = [
    "Exported",
    "OpenedRun",
    "OpenedStep",
    "Run",
    "StepRun",
    "cache_dir",
    "cached",
    "cached_part",
    "cached_pieces",
    "export_runs",
    "find_result",
    "follows",
    "open_run",
    "parts_for",
    "processes",
    "read_json",
    "run_pipeline",
    "run_probe",
    "without_parts",
]
