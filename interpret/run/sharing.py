"""One step's work in several processes: each claims a part that nobody has, computes it and stores it.

All of them ask the same question in the same words. Where the work comes in parts that are stored
(`interpret.run.cached_pieces` and the like) each computes some, and finds those of the others; so all of them
come to the whole answer, and one that is lost costs what it was just computing. They need not talk: a claim
is a lock of the kernel, given back when its process ends in any way.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import TypeAlias, TypeVar

from interpret.files.folders import locked
from interpret.interrupts import check_interrupt
from interpret.progress import PartListener, listener, listening, track_ranges

T = TypeVar("T")

Choose: TypeAlias = Callable[[frozenset[str]], str | None]
"""The name of a part to claim, from those that other processes hold; None where there is none to be had."""

CLAIMS = ".claims"
"""The folder, beside the parts, in which files are locked."""

PAUSES = 0.01, 0.5
"""Seconds between two looks at what others have done, at first and at most."""

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class Exchange(ABC):
    """What passes between the processes of a run: who computes what, and what is stored."""

    @abstractmethod
    def held(self, folder: Path) -> frozenset[str]:
        """The names of the parts in a folder that processes hold now."""

    @abstractmethod
    def claim(self, folder: Path, choose: Choose) -> AbstractContextManager[str | None]:
        """Hold the part that is chosen while this lasts; two processes never choose at the same time."""

    def bring(self, folder: Path) -> None:  # noqa: B027 - nothing to do is what most need
        """Bring here what others stored in a folder; where all see the same disk it is here."""

    def share(self, path: Path) -> None:  # noqa: B027
        """Let others have what is stored here; where all see the same disk they do."""


class FileExchange(Exchange):
    """Claims are locked files, and what is stored is there: for processes that see the same disk."""

    def held(self, folder: Path) -> frozenset[str]:
        """The names whose files are locked."""
        with locked(_place(folder) / ".lock"):
            return _held(_place(folder))

    @contextmanager
    def claim(self, folder: Path, choose: Choose) -> Iterator[str | None]:
        """Lock the file of the part that is chosen."""
        place = _place(folder)
        with locked(place / ".lock"):
            name = choose(_held(place))
            descriptor = None if name is None else _lock(place / name)
        try:
            yield name
        finally:
            if descriptor is not None and name is not None:
                with suppress(OSError):
                    (place / name).unlink()
                os.close(descriptor)


@dataclass(frozen=True)
class Sharing:
    """Several processes do the work of one step together.

    Attributes:
        processes: So many.
        exchange: How each comes to its parts, and to those of the others.
    """

    processes: int
    exchange: Exchange


_sharing: ContextVar[Sharing | None] = ContextVar("sharing", default=None)
_exchange: list[Exchange] = [FileExchange()]


def exchange() -> Exchange:
    """What passes between this process and the others of a run passes by this."""
    return _exchange[0]


def exchange_by(way: Exchange) -> None:
    """From now on things pass this way; until then all processes see one disk, and lock files there."""
    _exchange[:] = [way]


@contextmanager
def sharing(processes: int) -> Iterator[None]:
    """While this holds, so many processes do the same work; 1: this one does all of it."""
    token = _sharing.set(Sharing(processes, exchange()) if processes > 1 else None)
    try:
        yield
    finally:
        _sharing.reset(token)


def shared() -> Sharing | None:
    """How the work that begins now is shared; None where this process does all of it."""
    return _sharing.get()


def claimed(way: Exchange, folder: Path, choose: Choose, complete: Callable[[], bool]) -> Iterator[str]:
    """The parts that this process claims, one after the other, until the work of all is complete.

    Args:
        way: How.
        folder: Where the parts are stored.
        choose: The part to claim next.
        complete: Whether nothing is left; it is asked before each claim.
    """
    pause, longest = PAUSES
    while not complete():
        check_interrupt()
        with way.claim(folder, choose) as name:
            if name is not None:
                yield name
        if name is None:
            sleep(pause)
        pause = PAUSES[0] if name is not None else min(2 * pause, longest)


def share_out(parts: Sequence[range], is_stored: Callable[[range], bool], *folders: Path) -> Iterator[range]:
    """The parts of a long piece of work that are not stored: each must be before the next is asked for.

    Where several processes do it together these are the parts of this one, and at the end all are stored.
    Users see how far it is, as with `interpret.progress.track_ranges`.

    Args:
        parts: All of them, in order.
        is_stored: Whether the whole of one is there.
        *folders: Where they are stored; in the first one claims are noted, too.
    """
    how = shared()
    if how is None:
        yield from (part for part in track_ranges(parts) if not is_stored(part))
        return
    work = _Parts({name_of(part): part for part in parts}, is_stored, how.exchange, folders)
    for name in claimed(how.exchange, folders[0], work.choose, work.complete):
        with work.telling(name):
            yield work.parts[name]
        for folder in folders:
            how.exchange.share(folder)


@dataclass
class _Parts:
    """The parts of a work, and those that nobody has done yet."""

    parts: dict[str, range]
    is_stored: Callable[[range], bool]
    way: Exchange
    folders: tuple[Path, ...]

    def __post_init__(self) -> None:
        self.left, self.hearing = list(self.parts), listener()
        if self.hearing:
            self.hearing.begin(sum(map(len, self.parts.values())))

    def choose(self, held: frozenset[str]) -> str | None:
        """The first that is neither stored nor held."""
        return next((name for name in self.left if name not in held and not self.stored(name)), None)

    def stored(self, name: str) -> bool:
        return self.is_stored(self.parts[name])

    def complete(self) -> bool:
        """Look at what others have done."""
        for folder in self.folders:
            self.way.bring(folder)
        held = self.way.held(self.folders[0])
        done = [name for name in self.left if name not in held and self.stored(name)]
        self.left = [name for name in self.left if name not in done]
        if self.hearing:
            self.hearing.advance(sum(len(self.parts[name]) for name in done))
        return not self.left

    @contextmanager
    def telling(self, name: str) -> Iterator[None]:
        """While a part is computed here users see how far it is; then it is done."""
        self.left.remove(name)
        inside = PartListener(len(self.parts[name]), self.hearing.advance) if self.hearing else None
        with listening(inside):
            yield
        if inside:
            inside.finish()


def remove_claims(work: Path) -> None:
    """Remove the folders of claims from the caches of a run that no process works on any more."""
    for place in work.glob(f"*/{CLAIMS}"):
        if not place.is_symlink():
            shutil.rmtree(place, ignore_errors=True)


def name_of(part: range) -> str:
    """How a part is called on disk."""
    return f"{part.start:08d}-{part.stop:08d}"


def _place(folder: Path) -> Path:
    place = folder / CLAIMS
    place.mkdir(parents=True, exist_ok=True)
    return place


def _held(place: Path) -> frozenset[str]:
    """The names that are locked; files of processes that are gone go, too."""
    names = [path for path in place.iterdir() if not path.name.startswith(".")]
    return frozenset(path.name for path in names if not _abandoned(path))


def _abandoned(path: Path) -> bool:
    descriptor = _lock(path)
    if descriptor is None:
        return False
    path.unlink(missing_ok=True)
    os.close(descriptor)
    return True


def _lock(path: Path) -> int | None:
    """Lock a file, at once or not at all."""
    descriptor = os.open(path, _FLAGS, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
