"""Who reads and preprocesses photographs ahead of a network: threads of this process, or processes.

Threads suffice where the network is on this processor: Pillow decodes and scales outside the interpreter's
lock. Beside a fast accelerator, or for data sets in pure Python, that lock is what the network waits for.
"""

from __future__ import annotations

import logging
import os
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TypeAlias
from uuid import uuid4

import torch
from torch import Tensor

from interpret.arguments import require_count
from interpret.errors import DatasetError, clause
from interpret.images.dataset import Images
from interpret.images.inputs import InputSpec
from interpret.interrupts import leave_to_parent

READERS = min(4, os.cpu_count() or 1)
"""Threads that read and preprocess photographs, where no processes are asked for."""

BESIDE_A_CARD = min(16, os.cpu_count() or 1)
"""The same where the network is not on the processor, whose cores have nothing else to do."""

AT_ONCE = 8
"""Photographs that one process reads before it sends them."""

KNOWN = 4
"""Data sets that a process keeps open."""

METHOD = "forkserver" if sys.platform == "linux" else "spawn"
"""How processes begin: none has threads or locks of another."""

Preprocessed: TypeAlias = tuple[Tensor, int | None] | DatasetError
"""A preprocessed photograph and its label, or why there is none."""

Ask: TypeAlias = Callable[[Sequence[int]], list[Future[list[Preprocessed]]]]
"""Asks for the pictures at some places; together they are in order."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """Where pictures come from, and how they are preprocessed."""

    images: Images
    input: InputSpec

    def read(self, indices: Sequence[int]) -> list[Preprocessed]:
        """The pictures at some places of the data set."""
        return [self._read(index) for index in indices]

    def _read(self, index: int) -> Preprocessed:
        try:
            sample = self.images[index]
            return self.input.preprocess(sample.image), sample.label
        except DatasetError as error:
            return error
        except OSError as error:  # of a data set that opens its pictures itself
            return DatasetError(f"It cannot be read: {clause(error)}.")


@dataclass
class ReaderPool:
    """Processes that read; they begin when they are first needed, and stay.

    Attributes:
        processes: How many.
        sent: The data sets that they know, each with the file that it is sent in.
    """

    processes: int
    sent: dict[int, tuple[Source, Path | None]] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def file_of(self, source: Source) -> Path | None:
        """The file that a data set is sent in; None where it cannot be sent."""
        with self.lock:
            known, path = self.sent.pop(id(source.images), (None, None))
            if known is None or known.input != source.input:
                path = self._send(source)
            self.sent[id(source.images)] = source, path
            while len(self.sent) > KNOWN:
                self.sent.pop(next(iter(self.sent)))
            return path

    def ask(self, file: Path, indices: Sequence[int]) -> list[Future[list[Preprocessed]]]:
        """Ask for pictures, a few at once; where a process has died, other ones."""
        cuts = range(0, len(indices), AT_ONCE)
        pieces = [indices[cut : cut + AT_ONCE] for cut in cuts]
        try:
            return [self._executor.submit(_read, file, piece) for piece in pieces]
        except BrokenProcessPool:
            del self._executor
        return [self._executor.submit(_read, file, piece) for piece in pieces]

    def end(self) -> None:
        """Let the processes go."""
        if "_executor" in vars(self):
            self._executor.shutdown(wait=True, cancel_futures=True)
        if "_folder" in vars(self):
            self._folder.cleanup()

    @cached_property
    def _executor(self) -> ProcessPoolExecutor:
        context = get_context(METHOD)
        if METHOD == "forkserver":
            context.set_forkserver_preload([__name__])  # torch is imported once for all of them
        return ProcessPoolExecutor(self.processes, context, _begin)

    @cached_property
    def _folder(self) -> TemporaryDirectory[str]:
        return TemporaryDirectory(prefix="interpret-readers-")

    def _send(self, source: Source) -> Path | None:
        path = Path(self._folder.name) / f"{uuid4().hex}.pickle"
        try:
            path.write_bytes(pickle.dumps(source))
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            logger.warning(
                "Threads read the photographs: they cannot be sent to other processes: %s.", clause(error)
            )
            return None
        return path


_pool: ContextVar[ReaderPool | None] = ContextVar("readers", default=None)


@contextmanager
def readers(processes: int | None) -> Iterator[None]:
    """While this holds, so many processes read and preprocess photographs, as DataLoader's workers do.

    Order and bits stay the same. They begin with the first photographs, in some seconds, and end with this.
    As with all that begins processes, a script needs ``if __name__ == "__main__":`` around what it does.

    Args:
        processes: How many; None: threads of this process read.

    Raises:
        InterpretError: If the number is below 1.

    Example:
        >>> with interpret.readers(8):
        ...     found = mine(network, images, ["layer4"], k=9)
    """
    if processes is not None:
        require_count("readers", processes)
    pool = ReaderPool(processes) if processes else None
    token = _pool.set(pool)
    try:
        yield
    finally:
        _pool.reset(token)
        if pool:
            pool.end()


def asked_readers() -> int | None:
    """How many processes read; None: threads do."""
    pool = _pool.get()
    return pool.processes if pool else None


@contextmanager
def lasting_readers(processes: int | None) -> Iterator[None]:
    """The same where processes stay when this ends, as long as the one that asks: who works on needs them."""
    token = _pool.set(_lasting(processes) if processes else None)
    try:
        yield
    finally:
        _pool.reset(token)


@lru_cache(1)
def _lasting(processes: int) -> ReaderPool:
    return ReaderPool(processes)


@contextmanager
def reading(images: Images, spec: InputSpec, device: torch.device) -> Iterator[Ask]:
    """What asks for pictures of a data set while this holds; ``device`` is that of the network."""
    source, pool = Source(images.whole, spec), _pool.get()
    if pool and (file := pool.file_of(source)):
        places = images.indices
        yield lambda wanted: pool.ask(file, [places[place] for place in wanted])
        return
    source = Source(images, spec)
    count = READERS if device.type == "cpu" else BESIDE_A_CARD
    with ThreadPoolExecutor(count, thread_name_prefix="interpret-reader") as threads:
        yield lambda wanted: [threads.submit(source.read, [place]) for place in wanted]


def _begin() -> None:
    """A process begins."""
    leave_to_parent()
    torch.set_num_threads(1)


@lru_cache(KNOWN)
def _source(file: Path) -> Source:
    source: Source = pickle.loads(file.read_bytes())  # noqa: S301 - from the process that started this one
    return source


def _read(file: Path, indices: Sequence[int]) -> list[Preprocessed]:
    return _source(file).read(indices)
