"""Hashes of what files hold, remembered by size, time and inode, so that no run reads all files again."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from interpret.errors import InterpretError
from interpret.files.folders import is_settled, stamp
from interpret.files.reading import open_file
from interpret.files.sealed import read_sealed, write_sealed
from interpret.interrupts import check_interrupt

_SAVE = 30.0
"""Seconds of reading after which what was learnt is stored: a killed run does not lose more."""

_RATIO = 20
"""So many times as long as storing took is read before it is stored again."""

_FULL = 500_000
"""Hashes in a file, some 40 MB, before another one is begun: what is stored must be read again."""

_TELL = 10.0
"""Seconds of reading after which users are told."""

_TOGETHER = 64
"""Files that the threads are given at a time; between them Ctrl-C ends the work."""

_LINES = 4096
"""Parts of a digest that are text at a time."""

_hashes: dict[str, str] = {}
_logger = logging.getLogger(__name__)


@dataclass
class _Memory:
    """Hashes from earlier runs, and those that this one adds.

    Attributes:
        place: Says in which file they are stored; when it is full, further ones are in files beside it.
        writes: Whether further ones are stored there.
        added: What is not stored yet, by the stamps of files.
        newest: What is in the last of the files.
        number: Which that is.
        saved: When it was stored last.
        pause: Seconds until it is stored again.
    """

    place: Callable[[], Path]
    writes: bool
    added: dict[str, str] = field(default_factory=dict)
    newest: dict[str, str] = field(default_factory=dict)
    number: int = 0
    saved: float = field(default_factory=time.monotonic)
    pause: float = _SAVE

    @cached_property
    def first(self) -> Path:
        return self.place()

    def file(self, number: int) -> Path:
        return self.first.with_stem(f"{self.first.stem}-{number}") if number else self.first

    @cached_property
    def known(self) -> dict[str, str]:
        self.newest = _stored(self.file(0))
        known = dict(self.newest)
        while self.file(self.number + 1).exists():
            self.number += 1
            self.newest = _stored(self.file(self.number))
            known.update(self.newest)
        return known

    def find(self, key: str) -> str | None:
        return self.added.get(key) or self.known.get(key)

    def add(self, key: str, found: str) -> None:
        self.added[key] = found
        if time.monotonic() - self.saved > self.pause:
            self.save()

    def save(self) -> None:
        """Store what was learnt; where that is impossible, a later run reads the files again."""
        began = time.monotonic()
        if self.added and self.writes:
            self.known.update(self.added)
            if len(self.newest) >= _FULL:
                self.number, self.newest = self.number + 1, {}
            self.newest.update(self.added)
            self.added.clear()
            with suppress(InterpretError, OSError):
                write_sealed(self.file(self.number), {"hashes": self.newest})
        self.saved = time.monotonic()
        self.pause = max(_SAVE, _RATIO * (self.saved - began))


def _stored(file: Path) -> dict[str, str]:
    with suppress(InterpretError, OSError):
        found = read_sealed(file).get("hashes")
        pairs = found.items() if isinstance(found, dict) else ()
        return {key: known for key, known in pairs if isinstance(known, str)}
    return {}


_memory: ContextVar[_Memory | None] = ContextVar("hashes", default=None)


@contextmanager
def remembering(place: Callable[[], Path], *, writes: bool = True) -> Iterator[None]:
    """While this holds, hashes are found in a file that earlier runs wrote, and added to it.

    Args:
        place: Says which file, when the first hash is asked for.
        writes: Whether hashes are added to it; else it is only read.
    """
    memory = _Memory(place, writes)
    token = _memory.set(memory)
    try:
        yield
    finally:
        _memory.reset(token)
        memory.save()


def content_hashes(paths: Iterable[str | Path]) -> list[str | None]:
    """A hash of what each file holds; None for one that cannot be read.

    Where a file lies and when it was written do not matter. A file of which size, times and inode are those
    of before is not read again: in one process, and in all runs of one folder.

    Args:
        paths: Regular files, or links to such.

    Example:
        >>> digest("my_dataset", *self.labels, *content_hashes(self.files))
    """
    waiting, found = list(paths), list[str | None]()
    asked, told = time.monotonic(), False
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(waiting), _TOGETHER):
            check_interrupt()
            some = waiting[start : start + _TOGETHER]
            known = list(map(_remembered, some))
            missing = [path for path, one in zip(some, known, strict=True) if one is None]
            read = map(_noted, pool.map(_read, missing))
            found += [one or next(read) for one in known]
            if not told and time.monotonic() - asked > _TELL:
                told = True
                _logger.warning(
                    "%s of %s files were read to know what they hold; a later run remembers them.",
                    f"{len(found):,}",
                    f"{len(waiting):,}",
                )
    if memory := _memory.get():
        memory.save()
    return found


def content_hash(path: str | Path) -> str | None:
    """A hash of what one file holds; None where it cannot be read."""
    return _remembered(path) or _noted(_read(path))


@dataclass(frozen=True)
class _Content:
    """What was read of a file: its hash, and by which stamp it may be remembered; none if it just changed."""

    hash: str
    stamp: str


def _remembered(path: str | Path) -> str | None:
    try:
        key = stamp(Path(path).stat())
    except (OSError, ValueError):
        return None
    memory = _memory.get()
    return _hashes.get(key) or (memory.find(key) if memory else None)


def _noted(content: _Content | None) -> str | None:
    """The hash of a file, which is remembered."""
    if content is None:
        return None
    if content.stamp:
        _hashes[content.stamp] = content.hash
        if memory := _memory.get():
            memory.add(content.stamp, content.hash)
    return content.hash


def _read(path: str | Path) -> _Content | None:
    """What a file holds; None where it cannot be read."""
    try:
        with open_file(path) as file:
            before, now = os.fstat(file.fileno()), time.time_ns()
            found = hashlib.file_digest(file, "sha256").hexdigest()[:32]
            after = os.fstat(file.fileno())
    except (OSError, ValueError):
        return None
    settled = is_settled(before, now) and stamp(before) == stamp(after)
    return _Content(found, stamp(before) if settled else "")


def digest(*parts: object) -> str:
    """A short hash of the parts' text, a line each; of millions of them too, which are never one text."""
    found = hashlib.sha256()
    for start in range(0, len(parts), _LINES):
        text = "\n".join(map(str, parts[start : start + _LINES]))
        found.update(
            (f"\n{text}" if start else text).encode("utf-8", "surrogatepass")
        )  # as names of files can be
    return found.hexdigest()[:32]
