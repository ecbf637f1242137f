"""Runs at a URL of the store of the tests, and what is here and there."""

import os
from pathlib import Path

import fsspec

from interpret.files.mirrors import Mirror

URL = "far://key:hush@bucket/runs/one"
SHOWN = "far://bucket/runs/one"
PIPELINE = """\
version: 1
models: {net: {name: tiny}}
datasets: {val: {name: noise, count: 1000}}
steps:
  peaks: {probe: peaks, batch_size: 8, render: [{name: page}]}
  jitter: {probe: jitter, inputs: {peaks: peaks}}
  written: {probe: writer}
"""


def at(cache: Path) -> dict[str, str]:
    """The environment of a process on a machine with that cache."""
    return {"FAR_STORE": os.environ["FAR_STORE"], "INTERPRET_CACHE": str(cache)}


def files(folder: Path) -> dict[str, bytes]:
    """What steps have stored and drawn."""
    found = (path for path in folder.rglob("*") if path.is_file() and ".work" not in path.parts)
    named = {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
    return {name: data for name, data in named.items() if "/" in name}


def there(top: str = "bucket/runs/one") -> dict[str, bytes]:
    """What is in the store, by name in the run folder."""
    system = fsspec.filesystem("far")
    return {path.removeprefix(f"{top}/"): system.cat_file(path) for path in system.find(top)}


def steps_there() -> dict[str, bytes]:
    return {name: data for name, data in there().items() if "/" in name and name[0] != "."}


def statuses(run):
    return [step.status for step in run.steps.values()]


def mirror(tmp_path, name="one", **options) -> Mirror:
    folder = tmp_path / name / "folder"
    folder.mkdir(parents=True, exist_ok=True)
    return Mirror(folder, "far://bucket/runs/m", tmp_path / name / "notes.json", **options)
