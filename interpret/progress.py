"""How far a long piece of work is, for whoever listens; silent where nobody does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from interpret.interrupts import check_interrupt

T = TypeVar("T")


class Progress:
    """Hears how far a run is; this one tells nobody."""

    def started(self, step: str, parts: int) -> None:
        """A step begins, or knows now how many parts its work has; 0 if that cannot be said."""

    def advanced(self, step: str, parts: int) -> None:
        """So many more parts of a step are done."""

    def finished(self, step: str, status: str) -> None:
        """A step ended."""


@dataclass(frozen=True)
class StepListener:
    """Hears of the parts of one step's work."""

    progress: Progress
    step: str

    def begin(self, total: int) -> None:
        """Work of so many parts begins."""
        self.progress.started(self.step, total)

    def advance(self, parts: int) -> None:
        """So many more parts are done."""
        self.progress.advanced(self.step, parts)


class PartListener:
    """Hears of the work inside one part of a step and tells of it in the step's units.

    Args:
        size: How many units the part has, such as images.
        tell: Is called with how many more of them are done.
    """

    def __init__(self, size: int, tell: Callable[[int], None]) -> None:
        self.size, self.tell = size, tell
        self.told = self.total = self.done = 0

    def begin(self, total: int) -> None:
        """Work of so many pieces begins."""
        self.total, self.done = total, 0

    def advance(self, parts: int) -> None:
        """So many more pieces are done."""
        self.done += parts
        self._reach(self.size * self.done // max(self.total, 1))

    def finish(self) -> None:
        """The part is done, whatever was told of it."""
        self._reach(self.size)

    def _reach(self, units: int) -> None:
        if units > self.told:
            self.tell(units - self.told)
            self.told = units


class _Silence:
    """Stands where loops inside a part of the work tell nobody."""


Listener: TypeAlias = StepListener | PartListener
_listener: ContextVar[Listener | _Silence | None] = ContextVar("listener", default=None)


@contextmanager
def listening(hearing: Listener | None) -> Iterator[None]:
    """While this holds, ``hearing`` hears of the work that `track` counts."""
    token = _listener.set(hearing)
    try:
        yield
    finally:
        _listener.reset(token)


def listener() -> Listener | None:
    """Who hears of the work that begins now; None where nobody does."""
    hearing = _listener.get()
    return None if isinstance(hearing, _Silence) else hearing


def track(parts: Sequence[T]) -> Iterator[T]:
    """The parts of a long piece of work in order; each counts as done when the next is asked for.

    A probe calls it around its longest loop, and users see how far it is. Loops inside a part tell nobody.
    Between two parts Ctrl-C ends the work.
    """
    hearing = listener()
    if hearing is None:
        yield from _stoppable(parts)
        return
    hearing.begin(len(parts))
    inside = _Silence()
    _listener.set(inside)
    try:
        for part in _stoppable(parts):
            yield part
            hearing.advance(1)
    except BaseException:
        _leave(inside, hearing)
        raise
    _listener.set(hearing)


def track_ranges(parts: Sequence[range]) -> Iterator[range]:
    """As `track`, for parts of several images or the like: the work inside a part counts, too."""
    return _track_inside(parts, [len(part) for part in parts])


def track_long(parts: Sequence[T]) -> Iterator[T]:
    """As `track`, for few parts that are long: the work inside a part counts, too, each part as a hundred.

    Of a single part the work inside is all there is to tell of.
    """
    return _track_inside(parts, [100] * len(parts)) if len(parts) > 1 else _stoppable(parts)


def _track_inside(parts: Sequence[T], sizes: Sequence[int]) -> Iterator[T]:
    hearing = listener()
    if hearing is None:
        yield from _stoppable(parts)
        return
    hearing.begin(sum(sizes))
    inside = None
    try:
        for part, size in zip(_stoppable(parts), sizes, strict=True):
            inside = PartListener(size, hearing.advance)
            _listener.set(inside)
            yield part
            inside.finish()
    except BaseException:
        _leave(inside, hearing)
        raise
    _listener.set(hearing)


def _leave(inside: Listener | _Silence | None, hearing: Listener) -> None:
    """A loop was left, perhaps long ago, by an error that is forgotten now: others may be heard by now."""
    if _listener.get() is inside:
        _listener.set(hearing)


def _stoppable(parts: Sequence[T]) -> Iterator[T]:
    for part in parts:
        check_interrupt()
        yield part
