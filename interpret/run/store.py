"""The run folder: a lock, a manifest, and one folder for each step with its shards, result and figures.

A step is found again by its content key. Everything is written whole or not at all, and the record that
completes a step is written last, so half a result is never taken for a whole one. What is stored has a
checksum, and is believed only while that fits. The folder may be a stranger's, see ``interpret.files``.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interpret import results
from interpret.code.dependencies import code_version
from interpret.errors import InterpretError, StepError
from interpret.files.folders import (
    file_hash,
    has_hash,
    inside,
    is_inside,
    read_plain,
    refuse_links,
    remove_leftovers,
    remove_tree,
    require_kind,
    temporary_folder,
)
from interpret.files.sealed import LARGEST_JSON, parse_json, read_sealed, write_sealed
from interpret.records import files_of
from interpret.results import Result, result_digest

__all__ = ["RunFolder", "StepFolder", "code_version", "read_json", "result_digest"]

OWN_FILES = frozenset({"result.json", "result.safetensors", "step.json", "figures.json"})
_LOCK_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True)
class RunFolder:
    """What one pipeline writes.

    Attributes:
        path: The folder; it is made when it is locked. It may be reached by links, but holds none.
    """

    path: Path

    @contextmanager
    def lock(self, *, shared: bool = False) -> Iterator[None]:
        """Keep other runs out; shard processes share the folder with each other, but with no whole run.

        The kernel gives the lock back when the process ends in any way, so a dead run never blocks.

        Raises:
            InterpretError: If another run uses the folder, it cannot be made, or the disk is full.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            descriptor = self._open_lock()
            try:
                self._claim(descriptor, shared=shared)
            except BaseException:
                os.close(descriptor)
                raise
        except OSError as error:
            raise InterpretError(
                f"The output folder {self.path} cannot be used: {error.strerror}. Nothing in it was changed. "
                "Mend that, or choose another folder."
            ) from None
        try:
            yield
        finally:
            os.close(descriptor)

    def _open_lock(self) -> int:
        """The lock, which is a file of its own: a link to another one would be emptied."""
        lock = self.path / ".lock"
        require_kind(lock, folder=False)
        descriptor = os.open(lock, _LOCK_FLAGS, 0o666)
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            os.close(descriptor)
            raise InterpretError(
                f"{lock} is a second name of another file, which a run would empty. Remove it and run again."
            )
        return descriptor

    def _claim(self, descriptor: int, *, shared: bool) -> None:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InterpretError(
                f"The output folder {self.path} is in use by another run ({_holders(descriptor)}). "
                "Wait until it is done, or choose another folder."
            ) from None
        if not shared:
            os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_END)
        os.write(descriptor, f"{os.getpid()}\n".encode())

    def prepare(self, steps: Iterable[str], *, alone: bool) -> None:
        """Look at everything that a run will touch before it touches any of it.

        Args:
            steps: The names of the steps.
            alone: Whether no other process uses the folder, so that what killed ones left can go.

        Raises:
            InterpretError: If something is a link, or a stored file names a path outside its folder.
        """
        require_kind(self.path / "manifest.json", folder=False)
        require_kind(self.work, folder=True)
        folders = [self.step(name) for name in steps]
        for folder in folders:
            folder.check()
        if alone:
            remove_leftovers(self.path, deep=False)
            for path in (self.work, *(folder.path for folder in folders)):
                remove_leftovers(path)

    @property
    def work(self) -> Path:
        """Where steps keep what they would not like to compute again, by content; see ``workspace``."""
        return self.path / ".work"

    def step(self, name: str) -> StepFolder:
        """The folder of a step.

        Raises:
            InterpretError: If it is a link, or the name leads elsewhere.
        """
        return StepFolder(inside(self.path, name))

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        """Replace the manifest."""
        write_sealed(self.path / "manifest.json", manifest)

    def read_manifest(self) -> dict[str, Any]:
        """What the manifest says; one of an earlier version has no checksum, and is believed.

        Raises:
            InterpretError: If it has changed since it was written, or there is none.
        """
        path = self.path / "manifest.json"
        found = read_json(path)
        if "sha256" in found:
            found = read_sealed(path)
        if not isinstance(found.get("pipeline"), dict):
            raise InterpretError(
                f"{path} has changed since it was written. Run the same command again; if the change is "
                "yours, remove its line sha256."
                if path.exists()
                else f"There is no run in {self.path}: it has no manifest.json. Give the folder that "
                "`interpret run PIPELINE --out FOLDER` wrote."
            )
        return found


@dataclass(frozen=True)
class StepFolder:
    """The folder of one step: shards while it is computed, then result, record and figures."""

    path: Path

    def check(self) -> None:
        """Refuse what is no plain file or folder, and stored names that lead outside.

        Raises:
            InterpretError: If there is one; the message names it and says what to do.
        """
        refuse_links(self.path)
        for name in OWN_FILES:
            require_kind(self.path / name, folder=False)
        require_kind(self.path / "shards", folder=True)
        for source in self.path.rglob("result.json"):
            for item in files_of(_whatever(source, b'"$file"')):
                _require_inside(source, item["$file"])
        drawn = self.path / "figures.json"
        for name in _names(read_json(drawn)):
            if isinstance(name, str):
                require_kind(inside(self.path, name, drawn.name), folder=False)

    def complete(self, key: str) -> bool:
        """Whether the whole result of ``key`` is here, to the last bit."""
        record = read_sealed(self.path / "step.json")
        return (
            record.get("key") == key
            and bool(found := result_digest(self.path))
            and record.get("result") == found
        )

    def finish(self, key: str, result: Result, facts: Mapping[str, Any]) -> None:
        """Write the result and then the record that completes the step; the shards are no longer needed.

        Files of an earlier result that are not this one's go: checkpoints of two trainings must not mix.
        """
        (self.path / "step.json").unlink(missing_ok=True)
        results.replace(self.path, result)
        write_sealed(self.path / "step.json", {"key": key, "result": result_digest(self.path), **facts})
        remove_tree(self.path / "shards")

    def skipped(self) -> int:
        """How many images the step left out because they cannot be read."""
        count = read_sealed(self.path / "step.json").get("skipped", 0)
        return count if isinstance(count, int) else 0

    def tidy(self, key: str) -> None:
        """Remove the shards of a complete step, which a killed process had no time for."""
        remove_tree(self.shards(key))
        with suppress(OSError):  # shards of other keys
            (self.path / "shards").rmdir()

    def load(self) -> Result:
        """The result of the step."""
        return results.load(self.path)

    def forget(self, key: str) -> None:
        """Make the step run again from the beginning."""
        remove_tree(self.shards(key))
        (self.path / "step.json").unlink(missing_ok=True)
        self.forget_figures()

    def forget_figures(self) -> None:
        """Make its figures be drawn again."""
        (self.path / "figures.json").unlink(missing_ok=True)

    def shards(self, key: str) -> Path:
        """Where the shards of ``key`` are; those of other keys are never mixed with them."""
        return self.path / "shards" / key

    def shard(self, key: str, shard: range) -> StepFolder:
        """The folder of one shard."""
        return StepFolder(self.shards(key) / f"{shard.start:08d}-{shard.stop:08d}")

    def has_shard(self, key: str, shard: range) -> bool:
        """Whether a shard is stored, to the last bit, and is that of this key and place."""
        return self.shard(key, shard).complete(_shard_key(key, shard))

    def keep_shard(self, key: str, shard: range, partial: Result) -> None:
        """Store a shard."""
        self.shard(key, shard).finish(_shard_key(key, shard), partial, {})

    def figures(self) -> dict[str, dict[str, str]]:
        """What each renderer drew, by the key it was drawn with: hashes by paths inside the folder."""
        found = read_sealed(self.path / "figures.json").get("figures")
        items = found.items() if isinstance(found, dict) else ()
        return {key: files for key, files in items if isinstance(files, dict)}

    def has_figures(self, files: Mapping[str, str]) -> bool:
        """Whether files that were drawn are all here, to the last bit."""
        return all(has_hash(inside(self.path, name), known) for name, known in files.items())

    @contextmanager
    def drawing(self) -> Iterator[Path]:
        """An empty folder beside this one to draw in, gone afterwards."""
        with temporary_folder(self.path.parent) as folder:
            yield folder

    def install(self, source: Path, folder: str, taken: Iterable[str]) -> dict[str, str]:
        """Move what was drawn in ``source`` into ``folder`` of the step; returns the hash of each path.

        Raises:
            StepError: If one of the names is in ``taken`` or cannot be kept; then nothing is moved.
        """
        drawn = sorted(file for file in source.rglob("*") if file.is_symlink() or not file.is_dir())
        placed = {Path(folder, file.relative_to(source)).as_posix(): file for file in drawn}
        for name, file in placed.items():
            if name in {*taken, *OWN_FILES} or name.split("/")[0] == "shards":
                raise StepError(f"It wrote {name}, which is there already. Give its files another name.")
            if not is_inside(name) or file.is_symlink() or not file.is_file():
                raise StepError(f"It wrote {name!r}: figures are plain files, and have no \\ in their names.")
        for name in placed:
            require_kind(inside(self.path, name), folder=False)
        for name, file in placed.items():
            target = inside(self.path, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            file.replace(target)
        return {name: file_hash(self.path / name) for name in placed}

    def keep_figures(self, figures: Mapping[str, Mapping[str, str]]) -> None:
        """Remember what was drawn; older drawings that nobody wants or has altered go."""
        wanted = {name for files in figures.values() for name in files}
        for files in self.figures().values():
            for name, known in files.items():
                if name not in wanted and has_hash(path := inside(self.path, name), known):
                    path.unlink()
        write_sealed(self.path / "figures.json", {"figures": figures})


def _shard_key(key: str, shard: range) -> str:
    return f"{key}/{shard.start}-{shard.stop}"


def _whatever(path: Path, word: bytes = b"") -> Any:
    """What a file holds, believed or not; nothing where it is no JSON, or does not hold a word."""
    try:
        data = read_plain(path, LARGEST_JSON)
        return parse_json(data) if word in data else None
    except (FileNotFoundError, ValueError):
        return None


def _names(figures: dict[str, Any]) -> Iterator[Any]:
    """Every path that a ``figures.json`` of any format names."""
    inner = figures.get("figures")
    for files in (inner if isinstance(inner, dict) else figures).values():
        yield from files if isinstance(files, list | dict) else ()


def _require_inside(source: Path, name: object) -> None:
    if isinstance(name, str):
        inside(source.parent, name, source.name)


def _holders(descriptor: int) -> str:
    words = os.pread(descriptor, 10_000, 0).split()
    pids = dict.fromkeys(int(word) for word in words if word.isdigit() and len(word) < 10)
    alive = [str(pid) for pid in pids if _alive(pid)]
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
    found = _whatever(path)
    return found if isinstance(found, dict) else {}
