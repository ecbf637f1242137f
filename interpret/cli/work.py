"""Run and check pipelines for the command line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from interpret.cli import show
from interpret.cli.exporting import export, tell
from interpret.cli.progress import Bars
from interpret.cli.remarks import remarks
from interpret.errors import PipelineError
from interpret.files.reading import printable
from interpret.pipeline.reading import read_pipeline
from interpret.plugin.discovery import Registry
from interpret.run import runner
from interpret.run.jobs import find_executor
from interpret.run.summary import Run, StepRun

MEANING = {
    "done": "done",
    "kept": "kept: nothing has changed",
    "drawn": "result kept, drawn anew",
    "sharded": "this share is stored",
    "waiting": "waits for --merge",
}


def run_and_tell(
    path: Path,
    registry: Registry,
    *,
    as_json: bool,
    executor: str = "local",
    executor_options: Sequence[tuple[str, Any]] = (),
    gallery: bool = False,
    **options: Any,
) -> None:
    """Run a pipeline with bars on a terminal, then say what became of each step and where its files are.

    Args:
        path: The pipeline.
        registry: The plugins.
        as_json: Whether a program reads what is said.
        executor: Who computes.
        executor_options: Its parameters.
        gallery: Whether the gallery of the run is made too.
        **options: See `interpret.run_pipeline`.
    """
    options["executor"] = find_executor(registry, executor, dict(executor_options))
    with Bars() as bars, remarks(bars.console):
        run = runner.run_pipeline(path, registry=registry, progress=bars, **options)
    if run.steps and not as_json:
        _show_run(run)
    found: dict[str, Any] = {"folder": run.folder, **({"url": run.url} if run.url else {})}
    found["steps"] = {name: asdict(step) for name, step in run.steps.items()}
    if gallery:
        again = {name: options[name] for name in ("allow", "force") if name in options}
        made = export([run.folder], registry, **again)
        found["gallery"] = made.first
        if not as_json:
            tell(made)
    if as_json:
        show.json(found)


def check_pipeline(path: Path, registry: Registry, *, as_json: bool) -> int:
    """Say what is wrong with a pipeline; returns the exit code."""
    try:
        pipeline = read_pipeline(path, registry)
        imports = {str(target): target.file and str(target.file) for target in pipeline.imports}
    except PipelineError as error:
        if not as_json:
            raise
        show.json({"file": path, "problems": [asdict(problem) for problem in error.problems]})
        return 2
    if as_json:
        listed = {"imports": imports} if imports else {}
        show.json({"file": path, "problems": [], "steps": list(pipeline.steps), **listed})
    else:
        show.console().print(
            f"{printable(str(path))} has no mistakes. Its steps: {', '.join(map(printable, pipeline.steps))}."
        )
        for target, file in imports.items():
            place = f"from {file}" if file else "which is not installed here"
            show.console().print(printable(f"It will import {target}, {place}."), soft_wrap=True)
    return 0


def _show_run(run: Run) -> None:
    table = Table("step", "", "seconds", "files", box=None, pad_edge=False)
    for step in run.steps.values():
        table.add_row(
            printable(step.name), printable(_status(step)), f"{step.seconds:.1f}", printable(_files(step))
        )
    out = show.console()
    out.print(table)
    out.print(f"\nResults are in {printable(run.url or str(run.folder))}", soft_wrap=True)
    if run.url:
        out.print(f"On this machine they are in {printable(str(run.folder))}", soft_wrap=True)
    if any(step.status == "sharded" for step in run.steps.values()):
        out.print("When all shares are stored, run the same command with --merge instead of --shard.")


def _status(step: StepRun) -> str:
    """What became of a step, with the number of images it left out."""
    status = MEANING.get(step.status, step.status)
    plural = "s" if step.skipped > 1 else ""
    return f"{status}, {step.skipped} image{plural} cannot be read" if step.skipped else status


def _files(step: StepRun) -> str:
    """How many files a step has drawn, and the folder."""
    folders = Counter(str(path.parent) for path in step.files)
    return ", ".join(f"{count} in {folder}" for folder, count in folders.items())
