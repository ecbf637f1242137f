"""What an exporter makes of runs, put into a folder whole or not at all, and kept while nothing changes."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from interpret.code.dependencies import code_files
from interpret.errors import InterpretError
from interpret.files.contents import digest
from interpret.files.folders import (
    file_hash,
    has_hash,
    inside,
    is_inside,
    remove_abandoned_folders,
    require_kind,
    temporary_folder,
)
from interpret.files.sealed import read_sealed, write_sealed
from interpret.pipeline.steps import written
from interpret.plugin.pages import Exporter
from interpret.run.opened import OpenedRun, open_run

__all__ = ["Exported", "default_folder_of", "export_runs"]

_MOST = 10
"""So many processes that write the same at the same time do not keep each other from it."""

MARK = "exported.json"
"""Tells a folder that an exporter wrote from a folder of the user's, which is never replaced."""


@dataclass(frozen=True)
class Exported:
    """What an exporter wrote.

    Attributes:
        folder: Where.
        first: The file that a person opens first.
        kept: Whether it was there already, of the same runs.
    """

    folder: Path
    first: Path
    kept: bool = False


def export_runs(
    runs: Sequence[Path],
    exporter: Exporter,
    folder: Path | None = None,
    *,
    anew: bool = False,
    growing: bool = False,
) -> Exported:
    """Let an exporter make files of runs; what is there of the same runs is kept.

    Args:
        runs: Run folders; one that is given again is shown once.
        exporter: What makes the files.
        folder: Where they go; None: a folder of the first run that is called after the exporter, and of
            several runs says how many.
        anew: Write it again even if nothing has changed.
        growing: The runs go on: what is written is never taken for their whole.

    Raises:
        InterpretError: If there is no run, or the folder holds files that no exporter wrote.
    """
    allow = tuple(getattr(exporter, "allow", ()))
    once = {path.resolve(): path for path in reversed(runs)}
    opened = [open_run(path, allow=allow) for path in reversed(once.values())]
    target = folder or default_folder_of(opened, exporter)
    remove_abandoned_folders(target.parent)
    key = "" if growing else _key(opened, exporter)
    if not (anew or growing) and (first := _kept(target, key)):
        return Exported(target, first, kept=True)
    _require_ours(target)
    with _writing_into(target, opened[0].folder), temporary_folder(target.parent) as made:
        first = exporter.export([run.folder for run in opened], made)
        name = first.relative_to(made).as_posix()
        files = {} if growing else {_name(made, file): file_hash(file) for file in _files(made)}
        write_sealed(made / MARK, {"exporter": exporter.name, "key": key, "first": name, "files": files})
        _put(made, target)
    return Exported(target, target / name)


def _put(made: Path, target: Path) -> None:
    """Put a folder in the place of another, of which at no moment a part is there."""
    with temporary_folder(target.parent) as aside:
        for number in count():
            with suppress(FileNotFoundError):
                target.rename(aside / f"{number}")
            try:
                made.rename(target)
            except OSError as error:
                if error.errno in {errno.ENOTEMPTY, errno.EEXIST} and number < _MOST:
                    continue  # another process has put its own there
                raise
            return


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file() and file != folder / MARK)


def _name(folder: Path, file: Path) -> str:
    return file.relative_to(folder).as_posix()


@contextmanager
def _writing_into(folder: Path, run: Path) -> Iterator[None]:
    """The folder's parent is there, and what the disk refuses is said with a cure."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise InterpretError(
            f"{folder} cannot be written: {error.strerror or error}. Write it elsewhere, with interpret "
            f"gallery {run} --out FOLDER, and then: interpret view FOLDER."
        ) from error


def default_folder_of(runs: Sequence[OpenedRun], exporter: Exporter) -> Path:
    """A folder of the first run that is called after the exporter and is no step's; of several another."""
    run, name = runs[0], exporter.name if len(runs) == 1 else f"{exporter.name}-of-{len(runs)}-runs"
    while name in run.pipeline.steps:
        name += "-of-run"
    return inside(run.folder, name)


def _key(runs: Sequence[OpenedRun], exporter: Exporter) -> str:
    """What changes when the files would: the runs, the exporter, and the code of all pages."""
    pages = [cls for run in runs[:1] for cls in run.registry.pages.values()]
    code = sorted(code_files(type(exporter), *pages).items())
    names = [run.folder.resolve().name for run in runs]
    if len(set(names)) < len(names):  # what tells them apart stands further up
        names = [str(run.folder.resolve()) for run in runs]
    return digest(
        *(run.key() for run in runs),
        *names,
        json.dumps(written(exporter), sort_keys=True),
        exporter.content(),
        *code,
    )


def _kept(folder: Path, key: str) -> Path | None:
    """The first page of what is there, if it was made of the same and is still as it was, to the last bit."""
    require_kind(folder, folder=True)
    known = read_sealed(folder / MARK)
    first, files = known.get("first"), known.get("files")
    if known.get("key") != key or not isinstance(files, dict):
        return None
    if not isinstance(first, str) or first not in files:
        return None
    whole = all(is_inside(name) and has_hash(folder / name, found) for name, found in files.items())
    return folder / first if whole else None


def _require_ours(folder: Path) -> None:
    require_kind(folder, folder=True)
    if not folder.exists() or not any(folder.iterdir()) or read_sealed(folder / MARK):
        return
    if (folder / MARK).exists():
        raise InterpretError(
            f"{folder / MARK} has changed since it was written, so {folder} may be yours. "
            "Remove that folder, or choose another one."
        )
    raise InterpretError(
        f"The folder {folder} holds files that no exporter wrote, and they would be replaced. Choose "
        "another folder, or one that does not exist yet."
    )
