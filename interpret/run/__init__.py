"""Runs: a checked pipeline -> a run folder that continues where it was stopped.

- ``runner``: the steps; ``scheduling``: which of them when; ``drawing``: their figures.
- ``memory``: what a step does that has too little of it.
- ``tasks``, ``work``, ``jobs``: what a step needs, opened in a process, and its shards for any process.
- ``keys``: what a result comes from, and the key made of it.
- ``remote``: a run folder behind a URL.
- ``store``: the run folder and what lies in it; ``cache``: work that outlives a killed step; ``pieces``: the
  same in pieces of a few seconds.
- ``sharing``: several processes that do one step together; ``sending``: what they are sent.
- ``opened``: a run folder read again, for those who make something of it.
- ``exporting``: what an exporter makes of runs, in a folder.
- ``summary``: what a run came to.
"""

from interpret.run.cache import (
    cache_dir,
    cached,
    cached_part,
    find_result,
    follows,
    parts_for,
    processes,
    run_folder,
    store_result,
    without_parts,
)
from interpret.run.exporting import Exported, export_runs
from interpret.run.opened import OpenedRun, OpenedStep, open_run
from interpret.run.pieces import cached_alone, cached_parts, cached_pieces
from interpret.run.runner import run_pipeline
from interpret.run.sending import packed, sendable
from interpret.run.sharing import CLAIMS, Choose, Exchange, exchange_by, share_out
from interpret.run.store import read_json
from interpret.run.summary import Run, StepRun
from interpret.run.work import run_probe

__all__ = [
    "CLAIMS",
    "Choose",
    "Exchange",
    "Exported",
    "OpenedRun",
    "OpenedStep",
    "Run",
    "StepRun",
    "cache_dir",
    "cached",
    "cached_alone",
    "cached_part",
    "cached_parts",
    "cached_pieces",
    "exchange_by",
    "export_runs",
    "find_result",
    "follows",
    "open_run",
    "packed",
    "parts_for",
    "processes",
    "read_json",
    "run_folder",
    "run_pipeline",
    "run_probe",
    "sendable",
    "share_out",
    "store_result",
    "without_parts",
]
