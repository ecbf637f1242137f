"""The run folder: a lock, a manifest, and one folder for each step with its shards, result and figures.

A step is found again by its content key. Everything is written whole or not at all, and the record that
completes a step is written last, so half a result is never taken for a whole one.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TextIO

from interpret import results
from interpret.errors import InterpretError, StepError
from interpret.files import write_atomically
from interpret.images import digest
from interpret.results import Result

OWN_FILES = frozenset({"result.json", "result.safetensors", "step.json", "figures.json"})
_VERSIONED = frozenset({"torch", "torchvision"})
"""Packages whose version says enough: they are large, and nobody edits them."""


@dataclass(frozen=True)
class RunFolder:
    """What one pipeline writes.

    Attributes:
        path: The folder; it is made when it is locked.
    """

    path: Path

    @contextmanager
    def lock(self, *, shared: bool = False) -> Iterator[None]:
        """Keep other runs out; shard processes share the folder with each other, but with no whole run.

        The kernel gives the lock back when the process ends in any way, so a dead run never blocks.

        Raises:
            InterpretError: If another run uses the folder, or it cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            file = (self.path / ".lock").open("a+")
        except OSError as error:
            raise InterpretError(f"The output folder {self.path} cannot be used: {error.strerror}.") from None
        with file:
            self._claim(file, shared=shared)
            if not shared:
                self._sweep()
            yield

    def _claim(self, file: TextIO, *, shared: bool) -> None:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InterpretError(
                f"The output folder {self.path} is in use by another run ({_holders(file)}). "
                "Wait until it is done, or choose another folder."
            ) from None
        if not shared:
            file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()

    def _sweep(self) -> None:
        """Remove what killed processes left half written."""
        for part in self.path.rglob(".*.part"):
            part.unlink(missing_ok=True)

    @property
    def work(self) -> Path:
        """Where steps keep what they would not like to compute again, by content; see ``workspace``."""
        return self.path / ".work"

    def step(self, name: str) -> StepFolder:
        """The folder of a step."""
        return StepFolder(self.path / name)

    def read_manifest(self) -> dict[str, Any]:
        """What the manifest says; empty if there is none that can be read."""
        return read_json(self.path / "manifest.json")

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        """Replace the manifest."""
        write_json(self.path / "manifest.json", manifest)


@dataclass(frozen=True)
class StepFolder:
    """The folder of one step: shards while it is computed, then result, record and figures."""

    path: Path

    def complete(self, key: str) -> bool:
        """Whether the whole result of ``key`` is here, to the last bit."""
        record = read_json(self.path / "step.json")
        return record.get("key") == key and bool(found := whole(self.path)) and record.get("result") == found

    def finish(self, key: str, result: Result, facts: dict[str, Any]) -> None:
        """Write the result and then the record that completes the step; the shards are no longer needed.

        Files of an earlier result that are not this one's go: checkpoints of two trainings must not mix.
        """
        (self.path / "step.json").unlink(missing_ok=True)
        before = self._files()
        result.save(self.path)
        for file in before - self._files():
            (self.path / file).unlink(missing_ok=True)
        write_json(self.path / "step.json", {"key": key, "result": whole(self.path), **facts})
        shutil.rmtree(self.path / "shards", ignore_errors=True)

    def _files(self) -> set[str]:
        """The files that belong to the result that is here, as paths inside the folder."""
        return set(results.files_of(read_json(self.path / "result.json").get("result")))

    def load(self) -> Result:
        """The result of the step."""
        return results.load(self.path)

    def forget(self, key: str) -> None:
        """Make the step run again from the beginning."""
        shutil.rmtree(self.shards(key), ignore_errors=True)
        for name in ("step.json", "figures.json"):
            (self.path / name).unlink(missing_ok=True)

    def shards(self, key: str) -> Path:
        """Where the shards of ``key`` are; those of other keys are never mixed with them."""
        return self.path / "shards" / key

    def shard(self, key: str, shard: range) -> Path:
        """The folder of one shard."""
        return self.shards(key) / f"{shard.start:08d}-{shard.stop:08d}"

    def has_shard(self, key: str, shard: range) -> bool:
        """Whether a shard is stored, to the last bit."""
        return bool(whole(self.shard(key, shard)))

    def figures(self) -> dict[str, list[str]]:
        """The files of each renderer by the key they were drawn with, as paths inside the folder."""
        return {key: list(files) for key, files in read_json(self.path / "figures.json").items()}

    @contextmanager
    def drawing(self) -> Iterator[Path]:
        """An empty folder beside this one to draw in, gone afterwards."""
        room = self.path.with_name(f".{self.path.name}.drawing")
        shutil.rmtree(room, ignore_errors=True)
        room.mkdir()
        try:
            yield room
        finally:
            shutil.rmtree(room, ignore_errors=True)

    def place(self, room: Path, folder: str, taken: set[str]) -> list[str]:
        """Move everything that was drawn into ``folder`` of the step; returns the paths inside the step.

        Raises:
            StepError: If one of the names is in ``taken``; then nothing is moved.
        """
        drawn = sorted(file for file in room.rglob("*") if file.is_file())
        inside = [Path(folder, file.relative_to(room)) for file in drawn]
        for name in (path.as_posix() for path in inside):
            if name in taken or name in OWN_FILES:
                raise StepError(f"It wrote {name}, which is there already. Give its files another name.")
        for source, target in zip(drawn, inside, strict=True):
            (self.path / target).parent.mkdir(parents=True, exist_ok=True)
            source.replace(self.path / target)
        return [path.as_posix() for path in inside]

    def keep_figures(self, figures: dict[str, list[str]]) -> None:
        """Remember what was drawn, and remove the files of drawings that are no longer wanted."""
        wanted = {file for files in figures.values() for file in files}
        for file in {file for files in self.figures().values() for file in files} - wanted:
            (self.path / file).unlink(missing_ok=True)
        write_json(self.path / "figures.json", figures)


def whole(folder: Path) -> str:
    """The hash of a result.json whose tensors are beside it, to the last bit; empty if there is none.

    Its further files only have to be there: who reads one knows its hash.
    """
    try:
        text = (folder / "result.json").read_bytes()
        record = json.loads(text)
        tensors = hashlib.sha256((folder / "result.safetensors").read_bytes()).hexdigest()
        same = record["tensors_sha256"] == tensors
        same = same and all((folder / file).is_file() for file in results.files_of(record["result"]))
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return hashlib.sha256(text).hexdigest() if same else ""


def _holders(file: TextIO) -> str:
    file.seek(0)
    pids = [int(line) for line in file.read().split() if line.isdigit()]
    alive = [str(pid) for pid in dict.fromkeys(pids) if _alive(pid)]
    return f"process {', '.join(alive)}" if alive else "on another machine"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def read_json(path: Path) -> dict[str, Any]:
    """A mapping from a file; empty where there is none that can be read."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write a mapping whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, (json.dumps(value, indent=1, sort_keys=True) + "\n").encode())


def code_version(cls: type) -> str:
    """A hash of the source files of the package that a class comes from."""
    package = cls.__module__.partition(".")[0]
    return _package_version(package if package in sys.modules else cls.__module__)


@cache
def _package_version(package: str) -> str:
    module = sys.modules[package]
    if package in _VERSIONED:
        return digest(package, module.__version__)
    folders = [Path(folder) for folder in getattr(module, "__path__", [])]
    files = [file for folder in folders for file in sorted(folder.rglob("*.py"))]
    if not files and getattr(module, "__file__", None):
        files = [Path(str(module.__file__))]
    return digest(package, *(hashlib.sha256(file.read_bytes()).hexdigest() for file in files))
