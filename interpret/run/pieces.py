"""Work in pieces of a few seconds: a stopped step finds them again, and several processes share them."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Generic, TypeVar

from interpret.files.contents import digest
from interpret.progress import PartListener, listener, listening, track_long
from interpret.results import Result
from interpret.run.cache import cached_part, find_result, follows, holds_result, parts_folder
from interpret.run.sharing import Sharing, claimed, name_of, share_out, shared

_NAME = re.compile(r"[0-9]{8,}-[0-9]{8,}")

PIECE_SECONDS = 3.0
"""Seconds of work after which `cached_pieces` stores what is done."""

R = TypeVar("R", bound=Result)


@dataclass
class Pace:
    """How long work takes, as was seen so far.

    Attributes:
        seconds: For one image; 0 where it is not known.
    """

    seconds: float = 0.0

    def next_piece(self, start: int, stop: int, batch_size: int, most: int = 0) -> range:
        """Whole batches that take about `PIECE_SECONDS` seconds; no short rest is left for later.

        Args:
            start: Where it begins.
            stop: Where all ends.
            batch_size: How many are in a batch.
            most: So many batches at the most; 0: as many as there are.
        """
        batches = int(PIECE_SECONDS / (self.seconds * batch_size)) if self.seconds else 1
        end = start + max(min(batches, most) if most else batches, 1) * batch_size
        short = end >= stop if most else 2 * (stop - end) <= end - start
        return range(start, stop if short else end)


def cached_pieces(
    compute: Callable[[range], R],
    indices: range,
    batch_size: int,
    *content: object,
    kind: type[Result] = Result,
    pace: Pace | None = None,
) -> list[R]:
    """The results of consecutive pieces of a step's work, each of whole batches and a few seconds.

    How the work is cut depends on the time it takes, so what is put together of the results must not: nothing
    in a piece may be random, or depend on other batches. A step that was stopped finds the pieces again, and
    processes that do a step together compute each piece once; outside a run all is one piece.

    Args:
        compute: Computes the result for some of them.
        indices: All that is computed, such as the indices of images.
        batch_size: How many are in a batch.
        *content: What tells it from other parts of the step, as for `cached_part`; see also `parts_for`.
        kind: The class of the results, as for `cached`.
        pace: Remembers how long the work takes, from one call to the next.
    """
    parts, how = parts_folder(), shared()
    if parts is None or follows() or len(indices) <= batch_size:
        return [compute(indices)]
    folder = parts / digest("pieces", *content)
    work = _Work(compute, indices, batch_size, kind, folder, pace or Pace())
    return work.alone() if how is None else work.together(how)


def cached_parts(
    compute: Callable[[int], R], contents: Sequence[Hashable], *, kind: type[Result] = Result
) -> list[R]:
    """Long parts of a step's work, each stored when it is done: see `cached_part`.

    Processes that do a step together compute each part once; a single part they compute together.

    Args:
        compute: Computes a part from its number.
        contents: What tells each part from all others of the step.
        kind: The class of the results, as for `cached`.
    """
    folder, numbers = parts_folder(), range(len(contents))

    def part(number: int) -> R:
        return cached_part(partial(compute, number), contents[number], kind=kind)

    if folder is None or follows() or len(contents) == 1:
        return [part(number) for number in track_long(numbers)]
    folders = [folder / digest(content) for content in contents]
    hundreds = {range(100 * number, 100 * (number + 1)): number for number in numbers}  # see `track_long`
    for hundred in share_out(
        list(hundreds),
        lambda hundred: holds_result(folders[hundreds[hundred]]),
        folder / digest("parts", *contents),
        *folders,
    ):
        part(hundreds[hundred])
    return [part(number) for number in numbers]


def cached_alone(compute: Callable[[], R], *content: object, kind: type[Result] = Result) -> R:
    """What one process computes while the others that do the step wait for it, as what the clock measures.

    Args:
        compute: Computes it.
        *content: What tells it from other parts of the step.
        kind: Its class, as for `cached`.
    """
    folder = parts_folder()
    if folder is None or shared() is None:
        return compute()
    place = folder / digest("alone", *content)
    for _ in share_out([range(1)], lambda _: holds_result(place), place):
        compute().save(place)
    return cached_part(compute, "alone", *content, kind=kind)


@dataclass
class _Work(Generic[R]):
    """What is computed in pieces, and the pieces that are known."""

    compute: Callable[[range], R]
    indices: range
    batch_size: int
    kind: type[Result]
    folder: Path
    pace: Pace
    found: dict[range, R] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.hearing = listener()
        if self.hearing:
            self.hearing.begin(len(self.indices))

    def alone(self) -> list[R]:
        """All pieces, one after the other."""
        for piece in self.stored():
            if self.fits(piece):
                self.find(piece)
        while gap := self.gap():
            self.make(self.pace.next_piece(gap.start, gap.stop, self.batch_size), last=self.indices.stop)
        return self.all()

    def together(self, how: Sharing) -> list[R]:
        """All pieces, of which other processes compute some."""

        def choose(held: frozenset[str]) -> str | None:
            whole = (piece for piece in self.stored() if piece not in damaged)
            gap = self.gap([*self.found, *map(_range_of, held), *whole])
            most = -(-len(gap) // (2 * how.processes * self.batch_size))
            return name_of(self.pace.next_piece(gap.start, gap.stop, self.batch_size, most)) if gap else None

        def complete() -> bool:
            how.exchange.bring(self.folder)
            stored, held = self.stored(), how.exchange.held(self.folder)
            for piece in stored:  # looked at before the claims: what nobody holds is whole, or damaged
                if name_of(piece) not in held and self.fits(piece) and not self.find(piece):
                    damaged.add(piece)
            return not self.gap()

        damaged = set[range]()
        for name in claimed(how.exchange, self.folder, choose, complete):
            piece = _range_of(name)
            if not self.find(piece):  # another one may have been faster
                self.make(piece)
                how.exchange.share(self.folder / name)
            damaged.discard(piece)
        return self.all()

    def all(self) -> list[R]:
        """What is known, in order."""
        return [self.found[piece] for piece in sorted(self.found, key=lambda piece: piece.start)]

    def gap(self, taken: Sequence[range] | None = None) -> range:
        """The first part that nobody has; empty where there is none."""
        at, stop = self.indices.start, self.indices.stop
        for piece in sorted(self.found if taken is None else taken, key=lambda piece: piece.start):
            if piece.start > at:
                return range(at, piece.start)
            at = max(at, piece.stop)
        return range(at, stop)

    def stored(self) -> list[range]:
        """The pieces on disk that fit: they are of whole batches, and no other that is known is in them."""
        names = sorted(path.name for path in self.folder.glob("[0-9]*-[0-9]*") if _NAME.fullmatch(path.name))
        return [piece for piece in map(_range_of, names) if self.fits(piece)]

    def fits(self, piece: range) -> bool:
        start, stop, batch = self.indices.start, self.indices.stop, self.batch_size
        inside = start <= piece.start < piece.stop <= stop and (piece.start, piece.stop) != (start, stop)
        begins, ends = (piece.start - start) % batch == 0, (piece.stop - start) % batch == 0
        whole = begins and (ends or piece.stop == stop)
        return inside and whole and not any(_overlap(piece, other) for other in self.found)

    def find(self, piece: range) -> bool:
        """Take in a piece that is stored, if it is whole."""
        known = find_result(self.folder / name_of(piece), self.kind)
        if known is None:
            return False
        self.found[piece] = known  # type: ignore[assignment]
        if self.hearing:
            self.hearing.advance(len(piece))
        return True

    def make(self, piece: range, last: int = -1) -> None:
        """Compute a piece, and store it unless it is the last one of all."""
        inside = PartListener(len(piece), self.hearing.advance) if self.hearing else None
        began = perf_counter()
        with listening(inside):
            self.found[piece] = self.compute(piece)
        self.pace.seconds = (perf_counter() - began) / len(piece)
        if inside:
            inside.finish()
        if piece.stop != last:
            self.found[piece].save(self.folder / name_of(piece))


def _range_of(name: str) -> range:
    start, _, stop = name.partition("-")
    return range(int(start), int(stop))


def _overlap(one: range, other: range) -> bool:
    return max(one.start, other.start) < min(one.stop, other.stop)
