"""A folder here and the same folder behind a URL: what differs is brought, and what changes is sent.

What was the same on both sides is remembered file by file (`Known`), so that a change is seen to be of one
side, and goes to the other. Where both have changed the far one counts: somebody went on there.
"""

from __future__ import annotations

import concurrent.futures  # its threads are imported when they are needed
import os
import re
import stat
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar

from interpret.errors import InterpretError
from interpret.files.folders import inside, is_inside, is_settled, put, settle
from interpret.files.sealed import read_sealed, write_sealed
from interpret.files.stores import files_below, has_folders, mark_of
from interpret.files.urls import connection_failure, file_system, reason, shown, telling_cause
from interpret.interrupts import check_interrupt

T = TypeVar("T")

TOGETHER = 8
"""Files that are brought or sent at once, where the file system can do that."""

WAITS = (1.0, 2.0, 5.0, 10.0, 20.0)
"""Seconds before a file system that does not answer is asked again."""

AT_FIRST = (1.0, 3.0)
"""The same before anything is done: nothing is lost, and somebody may be waiting."""

FINAL = (FileNotFoundError, PermissionError, NotImplementedError, IsADirectoryError, NotADirectoryError)
"""What will be the same when it is asked again."""


def whole_last(files: Iterable[Path]) -> list[list[Path]]:
    """Files in groups: first those that others say are whole, then what says so, at last what says all is."""
    groups: list[list[Path]] = [[], [], []]
    for path in sorted(files):
        last = 2 if path.name in {"step.json", "manifest.json"} else 1
        groups[last if path.suffix in {".json", ".sha256"} else 0].append(path)
    return groups


@dataclass(frozen=True)
class Known:
    """How a file was when it was the same on both sides.

    Attributes:
        mark: What the far side said of it; empty where that says nothing that would change with the file.
        stamp: How it was here: inode, size and time. A second name, as checkpoints get, is no change.
    """

    mark: str
    stamp: str


@dataclass
class Mirror:
    """A folder here and the same one behind a URL.

    Attributes:
        folder: The folder here.
        url: The folder there.
        notes: The file, beside the folder, in which it is remembered what was the same.
        tops: The files and folders in it that count, by name; the empty one stands for all.
        stays: Says of a name in the folder whether what it names is of no use elsewhere, and stays here.
        known: What is the same, by name.
    """

    folder: Path
    url: str
    notes: Path
    tops: Sequence[str] = ("",)
    stays: Callable[[str], bool] = lambda _: False
    known: dict[str, Known] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.system, inner = file_system(self.url)
        self.root, self.sending = inner.rstrip("/"), RLock()
        if not self.root or (self.url.startswith(("http://", "https://")) and re.search(r"[?#]", self.url)):
            raise InterpretError(
                f"{shown(self.url)} is no folder: a bucket or a path is missing, or it is signed, as only "
                "URLs of files can be. Give the URL of the folder."
            )
        self.gone, self.beside, self.noted = set[str](), dict[str, Known](), dict[str, Known]()

    def bring(self) -> None:
        """Bring what has changed there, and remove here what was removed there.

        Raises:
            InterpretError: If it cannot be read.
        """
        there: dict[str, str] = {}
        for top in self.tops:
            there |= self.patiently(partial(self.listing, top))
        here, before = self._scan(), self._read_notes()
        self.known = {name: known for name, known in before.items() if name in there and name in here}
        self.beside = {name: known for name, known in before.items() if not self._counts(name)}
        wanted = [name for name, mark in there.items() if self._is_wanted(name, mark, here)]
        try:
            self._in_groups(lambda name: self._fetch(name, there[name]), wanted)
        finally:
            self._write_notes()
        for name in here.keys() & before.keys() - there.keys():
            if before[name].stamp == _stamp(here[name]):
                (self.folder / name).unlink(missing_ok=True)

    def _counts(self, name: str) -> bool:
        below = any(not top or name == top or name.startswith(f"{top}/") for top in self.tops)
        return below and not self.stays(name)

    def _is_wanted(self, name: str, mark: str, here: Mapping[str, os.stat_result]) -> bool:
        """Whether a file must be brought: it is not here, or has changed there since both were the same."""
        if name not in self.known:
            return True
        known = self.known[name]
        return mark != known.mark if mark else _stamp(here[name]) == known.stamp

    def send(self, *, all_of_it: bool = False) -> None:
        """Send what has changed here, then remove there what was removed here.

        A file that is so young that it could change unseen waits for the next time, as does what is gone for
        the first time.

        Args:
            all_of_it: Leave nothing for the next time.

        Raises:
            Exception: Whatever the file system raises.
        """
        with self.sending:
            if all_of_it:
                settle()
            now = time.time_ns()
            here = self._scan()
            stamps = {
                name: _stamp(status) if is_settled(status, now) else ""
                for name, status in here.items()
                if all_of_it or is_settled(status, now)
            }
            missing = self.known.keys() - here.keys()
            try:
                self._in_groups(
                    lambda name: self._put(name, stamps[name]),
                    [name for name, found in stamps.items() if not found or found != self._known_stamp(name)],
                )
                self._each(self._remove, [*(missing if all_of_it else missing & self.gone)])
            finally:
                self.gone = {*missing}
                self._write_notes()

    def _known_stamp(self, name: str) -> str | None:
        return self.known[name].stamp if name in self.known else None

    def listing(self, top: str) -> dict[str, str]:
        """What is there below a name, and the mark of each file.

        Raises:
            InterpretError: If something there is no name of a file in a folder.
        """
        files = {self._name(path): info for path, info in self.find(top).items()}
        return {
            name: mark_of(info) or self._ask(name) for name, info in files.items() if not self.stays(name)
        }

    def find(self, top: str) -> dict[str, Mapping[str, Any]]:
        """The files there below a name, by their paths; a store that does not answer is no empty one.

        Raises:
            OSError: If it does not, or is changed meanwhile.
        """
        self.system.invalidate_cache()
        place = self.place(top)
        if top and (not (info := self._info(top)) or info.get("type") != "directory"):
            return {place: info} if info else {}
        try:
            found = files_below(self.system, place)
        except FileNotFoundError as error:
            if self.has(top):
                raise OSError("it is being changed") from error
            return {}
        return {path: info for path, info in found.items() if info.get("type") != "directory"}

    def _ask(self, name: str) -> str:
        """The mark of a file, where a list of files does not say it."""
        return mark_of(self.system.info(self.place(name)))

    def has(self, name: str) -> bool:
        """Whether there is a file or folder of that name."""
        return bool(self._info(name))

    def _info(self, name: str) -> Mapping[str, Any]:
        """What is said of a file or folder; nothing where there is none, which no failure is taken for."""
        self.system.invalidate_cache()
        try:
            info: Mapping[str, Any] = self.system.info(self.place(name))
        except FileNotFoundError as error:
            if cause := connection_failure(error):
                raise ConnectionError(reason(cause, self.url)) from telling_cause(error, self.url)
            return {}
        return info

    def place(self, name: str) -> str:
        """The path of a file there."""
        return f"{self.root}/{name}" if name else self.root

    def _name(self, path: str) -> str:
        """What a file there is called in the folder."""
        name = path[len(self.root) + 1 :]
        if not path.startswith(f"{self.root}/") or not is_inside(name):
            raise InterpretError(
                f"{shown(self.url)} holds {path!r:.200}, which is no plain name of a file. Remove it there, "
                "or choose another folder."
            )
        return name

    def _scan(self) -> dict[str, os.stat_result]:
        """The plain files here, by name."""
        found = {}
        for place, folders, files in os.walk(self.folder, onerror=_raise):
            inner = Path(place).relative_to(self.folder)
            folders[:] = [name for name in folders if self._counts((inner / name).as_posix())]
            for name in (path.as_posix() for path in map(inner.joinpath, files)):
                if self._counts(name) and (status := _status(self.folder / name)):
                    found[name] = status
        return found

    def _in_groups(self, act: Callable[[str], None], names: Iterable[str]) -> None:
        """Do something with each file, and come to what says that others are whole after these."""
        for group in whole_last(map(Path, names)):
            self._each(act, [path.as_posix() for path in group])

    def _each(self, act: Callable[[str], None], names: Sequence[str]) -> None:
        """Do something with each file, with several at once where that can be."""
        if not getattr(self.system, "async_impl", False):
            for name in names:
                act(name)
            return
        with concurrent.futures.ThreadPoolExecutor(TOGETHER) as pool:
            for _ in pool.map(act, names):
                pass

    def _fetch(self, name: str, mark: str) -> None:
        check_interrupt()
        path, far = inside(self.folder, name), self.place(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.patiently(lambda: put(path, lambda part: self.system.get_file(far, str(part))))
        self.known[name] = Known(mark, _stamp(path.lstat()))

    def _put(self, name: str, seen: str) -> None:
        """Send a file that was seen here; it may be gone meanwhile."""
        path, far = self.folder / name, self.place(name)
        try:
            self._in_folder(far, lambda: self.system.put_file(str(path), far))
        except FileNotFoundError:
            if path.exists():
                raise
            return
        self.known[name] = Known(self._ask(name), seen)

    def write(self, far: str, data: bytes) -> None:
        """Write a file there."""
        self._in_folder(far, lambda: self.system.pipe_file(far, data))

    def _in_folder(self, far: str, act: Callable[[], object]) -> None:
        """Write a file there, whose folder is made where that needs to be."""
        try:
            act()
        except FileNotFoundError:
            if not has_folders(self.system):
                raise
            self.system.makedirs(far.rpartition("/")[0], exist_ok=True)
            act()

    def _remove(self, name: str) -> None:
        with suppress(FileNotFoundError):
            self.system.rm_file(self.place(name))
        self.known.pop(name, None)

    def patiently(self, act: Callable[[], T], waits: Sequence[float] | None = None) -> T:
        """What comes of asking the file system, again and again where it does not answer.

        Args:
            act: Asks.
            waits: Seconds before each further time; None: `WAITS`.

        Raises:
            InterpretError: If it never does, or what it says will be the same tomorrow.
        """
        left = [*(WAITS if waits is None else waits)]
        while True:
            try:
                return act()
            except InterpretError:
                raise
            except Exception as error:  # noqa: BLE001 - what file systems raise has no common type
                if not left or isinstance(error, FINAL) or "Credentials" in type(error).__name__:
                    message = f"{shown(self.url)} cannot be used: {reason(error, self.url)}."
                    raise InterpretError(message) from telling_cause(error, self.url)
            check_interrupt()
            time.sleep(left.pop(0))

    def _read_notes(self) -> dict[str, Known]:
        files = read_sealed(self.notes).get("files", {})
        return {name: Known(**both) for name, both in files.items()}

    def _write_notes(self) -> None:
        both = {**self.beside, **self.known}
        if both == self.noted:
            return
        self.noted = both
        write_sealed(self.notes, {"files": {name: asdict(known) for name, known in both.items()}})


def _stamp(status: os.stat_result) -> str:
    return f"{status.st_ino} {status.st_size} {status.st_mtime_ns}"


def _status(path: Path) -> os.stat_result | None:
    """A plain file's; None of anything else."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def _raise(error: OSError) -> None:
    """A folder that cannot be looked into would seem to be empty; one that is gone is."""
    if not isinstance(error, FileNotFoundError):
        raise error
