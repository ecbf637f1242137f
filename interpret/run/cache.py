"""Folders for work that must outlive the process: a killed step finds there what it had done.

Inside a run they are in the run folder, so that every attempt, and every step that asks for the same work,
finds them; elsewhere they are in a temporary folder of this process.
"""

from __future__ import annotations

import atexit
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from time import sleep
from types import FunctionType
from typing import TypeVar, cast
from uuid import uuid4

from interpret import results
from interpret.code.dependencies import code_version
from interpret.errors import InterpretError
from interpret.files.checksums import SUFFIX
from interpret.files.contents import digest, remembering
from interpret.files.folders import locked, write_atomically
from interpret.results import Result, result_digest
from interpret.run.sharing import claimed, shared

R = TypeVar("R", bound=Result)
K = TypeVar("K", bound=Result)
logger = logging.getLogger(__name__)


def processes() -> int:
    """How many processes ``torchrun`` has started to share the work; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def new_run() -> str:
    """What tells this run from all others; the same in the processes that one start of ``torchrun`` made."""
    names = ("TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT", "MASTER_PORT")
    return " ".join(os.environ.get(name, "") for name in names) if processes() > 1 else uuid4().hex


def follows() -> bool:
    """Whether this is one of the processes of ``torchrun`` that leave all writing to the first."""
    return processes() > 1 and int(os.environ.get("RANK", "0")) > 0


@dataclass(frozen=True)
class _CacheRoot:
    """The cache of one run.

    Attributes:
        folder: Where its folders are.
        anew: What tells this run from others where each is emptied when it is first asked for; else empty.
        opened: The names of the folders that were asked for.
        asked: The folders, each time they were asked for.
    """

    folder: Path
    anew: str = ""
    opened: set[str] = field(default_factory=set)
    asked: list[Path] = field(default_factory=list)

    def open(self, name: str) -> Path:
        """The folder of that name; the first time without links, which a stranger may have put there."""
        path = self.folder / name
        if name not in self.opened:
            self.opened.add(name)
            if self.anew:
                self.empty(path)
            if not follows():
                _remove_links(path)
        path.mkdir(parents=True, exist_ok=True)
        self.asked.append(path)
        return path

    def hashes(self) -> Path:
        """The file in which hashes of users' files are remembered."""
        name = digest("hashes of files")
        return (self.folder / name if follows() else self.open(name)) / "hashes.json"

    def empty(self, path: Path) -> None:
        """Forget what was in a folder before this run: its first process does, others wait until it has."""
        note = path.with_name(f".{path.name}.emptied")
        while follows() and not self.emptied(note):
            sleep(0.05)
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder / ".lock"):
            if self.emptied(note):
                return
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            write_atomically(note, self.anew.encode())

    def emptied(self, note: Path) -> bool:
        """Whether this run has emptied a folder."""
        return note.is_file() and note.read_bytes() == self.anew.encode()


_cache_root: ContextVar[_CacheRoot | None] = ContextVar("cache_root", default=None)
_parts: ContextVar[Path | None] = ContextVar("parts", default=None)


@contextmanager
def working_in(folder: Path, *, anew: str = "", alone: bool = True) -> Iterator[None]:
    """While this holds, cached work is in ``folder``.

    Args:
        folder: Where.
        anew: Empty each folder when it is first asked for: nothing is believed that was cached before the run
            that `new_run` calls so.
        alone: Whether the run ends with this; else other processes of it go on.
    """
    root = _CacheRoot(folder, anew)
    token = _cache_root.set(root)
    try:
        with remembering(root.hashes, writes=not follows()):
            yield
    finally:
        _cache_root.reset(token)
        if anew and alone and not follows():
            for note in (folder / ".lock", *folder.glob(".*.emptied")):
                note.unlink(missing_ok=True)


def run_folder() -> Path | None:
    """The folder of the run that goes on here, as a whole path; None outside of runs."""
    root = _cache_root.get()
    return root.folder.parent.absolute() if root else None


def cache_dir(*content: object) -> Path:
    """A folder for one piece of work, the same one for the same content.

    What is written there has a checksum, by which it is believed: see ``checksums`` in `interpret.files`.

    Args:
        *content: Everything the work depends on, as text; a class or function stands for the code it runs
            with: its module and what that imports, see ``interpret.code.dependencies``.
    """
    parts = (code_version(part) if isinstance(part, type | FunctionType) else part for part in content)
    return (_cache_root.get() or _temporary()).open(digest(*parts))


def resumption(step: str, shards: Path) -> Callable[[], str]:
    """What says, when a step is stopped, how the same command goes on: by what is stored of it.

    Args:
        step: The step, which begins now.
        shards: Where its shards or parts are stored, if it has any.
    """
    root = _cache_root.get()
    folders = root.asked if root else []
    earlier = len(folders)

    def describe() -> str:
        if any(shards.rglob("result.json")) or any(map(holds_work, folders[earlier:])):
            return f"The same command continues the step {step!r} where it stopped."
        return f"The same command starts the step {step!r} again, and keeps the steps before it."

    return describe


def holds_work(folder: Path) -> bool:
    """Whether something is stored in a folder that is found again."""
    return any(file.name == "result.json" or file.suffix == SUFFIX for file in folder.rglob("*"))


def cached(compute: Callable[[], R], *content: object, kind: type[Result] = Result) -> R:
    """A result that is computed once for its content and found again afterwards.

    Args:
        compute: Computes it.
        *content: Everything it depends on, as for `cache_dir`.
        kind: Its class: what is found of another one, as a stranger's, is computed again.
    """
    return _cached_in(cache_dir("kept", *content), compute, kind)


@contextmanager
def caching_parts(folder: Path | None) -> Iterator[None]:
    """While this holds, parts of a step's work are stored in ``folder``, which goes when the step is done.

    Args:
        folder: Where; none: nowhere.
    """
    token = _parts.set(folder)
    try:
        yield
    finally:
        _parts.reset(token)


def parts_folder() -> Path | None:
    """Where parts of the step's work are stored; None outside a run."""
    return _parts.get()


@contextmanager
def parts_for(*content: object) -> Iterator[None]:
    """While this holds, a step's parts are told from its other ones by ``content``, too.

    Who runs the same work several times in a step, with other weights, parameters or images, says so by this:
    each finds its own parts only.

    Args:
        *content: What tells the work from the step's other work.
    """
    folder = parts_folder()
    with caching_parts(folder / digest("for", *content) if folder else None):
        yield


@contextmanager
def without_parts() -> Iterator[None]:
    """While this holds, nothing of a step's work is stored or found, as where its cost is measured."""
    with caching_parts(None):
        yield


def cached_part(compute: Callable[[], R], *content: object, kind: type[Result] = Result) -> R:
    """A part of a step's work: a step that was stopped finds it again; outside a run nothing is stored.

    Args:
        compute: Computes it.
        *content: What tells it from other parts of the step.
        kind: Its class, as for `cached`.
    """
    folder = parts_folder()
    return compute() if folder is None or follows() else _cached_in(folder / digest(*content), compute, kind)


def _cached_in(folder: Path, compute: Callable[[], R], kind: type[Result]) -> R:
    if (found := find_result(folder, kind)) is None:
        computed = compute()
        if follows():
            return computed
        store_result(folder, computed)
        found = results.load(folder)
    return cast(R, found)


def store_result(folder: Path, result: Result) -> None:
    """Store a result in a cache folder; of processes that do a step together one does."""
    how = shared()
    if how is None:
        result.save(folder)
        return

    def complete() -> bool:
        how.exchange.bring(folder)
        return not how.exchange.held(folder) and holds_result(folder)

    for _ in claimed(how.exchange, folder, lambda held: None if held else "result", complete):
        result.save(folder)
        how.exchange.share(folder)


def find_result(folder: Path, kind: type[K]) -> K | None:
    """The result of a class that is stored in a folder; None where there is none that is whole."""
    if not holds_result(folder):
        return None
    try:
        found = results.load(folder)
    except InterpretError as error:
        logger.warning("%s It is made again.", error)
        return None
    return found if isinstance(found, kind) else None


def holds_result(folder: Path) -> bool:
    """Whether a whole result is in a folder; half or damaged ones are told of in the log."""
    try:
        found = bool(result_digest(folder))
    except InterpretError:  # a stranger's, which names files elsewhere
        found = False
    if not found and (folder / "result.json").exists():
        logger.warning("The result in %s is damaged or was left half written: it is made again.", folder)
    return found


def _remove_links(folder: Path) -> None:
    """Remove what is neither a file nor a folder, so that all work stays inside."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        folder.unlink(missing_ok=True)
    for path in list(folder.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            path.unlink(missing_ok=True)


@cache
def _temporary() -> _CacheRoot:
    """A root that is removed when the process ends."""
    folder = Path(mkdtemp(prefix="interpret-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return _CacheRoot(folder)
