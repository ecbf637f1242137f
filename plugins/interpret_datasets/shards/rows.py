"""Single cells of parquet files: few files open, little memory, however large row groups are."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from interpret.errors import DatasetError
from interpret.files import is_url, open_file, shown
from interpret_datasets.shards.content import State, changed, look, open_stream, patiently
from interpret_datasets.shards.urls import is_of_content, library, understood

OPEN, GROUPS = 4, 2
"""Files that are open at once, and row groups of each that are read at once."""

KEPT = 1 << 24
"""Bytes of cells that were read and may be asked for next."""

ROOM = 300
"""Bytes that a cell takes besides its own."""

PIECE = 1 << 22
"""Bytes that are decoded at a time, if rows are as large as the file says."""

MOST_ROWS = 64
"""Rows that are decoded at a time: a file can say that they are small."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a cell is: the file by its number, the row group, and the row in it."""

    file: int
    group: int
    row: int


@dataclass
class _Cursor:
    """A row group that is read from its first row on."""

    pieces: Iterator[Any]
    row: int = 0


@dataclass
class _Table:
    """A file that is open, and the row groups of it that are read; they end with it."""

    file: Any
    cursors: _Few[_Cursor] = field(default_factory=lambda: _Few(GROUPS))

    def close(self) -> None:
        self.file.close(force=True)


class _Few(Generic[T]):
    """The things that were used last; of the others ``close`` takes leave."""

    def __init__(self, most: int, close: Callable[[T], None] = lambda _: None) -> None:
        self.most, self.close = most, close
        self.held: OrderedDict[Hashable, T] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        if key in self.held:
            self.held.move_to_end(key)
        else:
            self.held[key] = make()
            while len(self.held) > self.most:
                self.close(self.held.popitem(last=False)[1])
        return self.held[key]

    def drop(self, key: Hashable) -> None:
        if key in self.held:
            self.close(self.held.pop(key))


class _Kept:
    """Cells that were read lately, up to ``KEPT`` bytes."""

    def __init__(self) -> None:
        self.cells: OrderedDict[Address, bytes | None] = OrderedDict()
        self.size = 0

    def add(self, address: Address, cell: bytes | None) -> None:
        if address in self.cells:
            return
        self.cells[address] = cell
        self.size += _room(cell)
        while self.size > KEPT and len(self.cells) > 1:
            self.size -= _room(self.cells.popitem(last=False)[1])


def _room(cell: bytes | None) -> int:
    return len(cell or b"") + ROOM


@dataclass
class _Open:
    """What a process has open."""

    pid: int = field(default_factory=os.getpid)
    lock: threading.Lock = field(default_factory=threading.Lock)
    kept: _Kept = field(default_factory=_Kept)
    tables: _Few[_Table] = field(default_factory=lambda: _Few(OPEN, _Table.close))
    damaged: set[tuple[int, int]] = field(default_factory=set)
    failed: dict[tuple[int, int], tuple[int, DatasetError]] = field(default_factory=dict)


class Cells:
    """One column of bytes in parquet files, cell by cell; threads and forked processes may share it.

    A row group is decoded from its first row to the one that is asked for, a few rows at a time, and goes on
    from there: reading in order decodes each row once.

    Args:
        files: Paths and URLs, with their states.
        column: The column, or the part of a struct: ``image.bytes``.
    """

    def __init__(self, files: Sequence[tuple[str, State]], column: str) -> None:
        self.files, self.column = files, column
        self._open = _Open()

    def __getstate__(self) -> dict[str, Any]:
        return {"files": self.files, "column": self.column}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def read(self, at: Address) -> bytes | None:
        """The bytes of a cell; None where it is empty.

        Raises:
            DatasetError: If the file cannot be read there.
            InterpretError: If it has changed, or its server does not answer.
        """
        here = self._open
        if here.pid != os.getpid():  # a forked process opens its own, with a lock that nobody holds
            here = self._open = _Open()
        with here.lock:
            if at in here.kept.cells:
                here.kept.cells.move_to_end(at)
                return here.kept.cells[at]
            row, error = here.failed.get((at.file, at.group), (at.row + 1, None))
            if error is not None and at.row >= row:
                raise DatasetError(str(error))
            return patiently(self.files[at.file][0], lambda: self._advance(here, at))

    def _advance(self, here: _Open, at: Address) -> bytes | None:
        """Decode on to a row, from the beginning where the group is read beyond it."""
        path, state = self.files[at.file]
        table = here.tables.get(at.file, lambda: _Table(open_table(path, state)))
        cursor = table.cursors.held.get(at.group)
        if cursor is not None and cursor.row > at.row:
            table.cursors.drop(at.group)
        single = (at.file, at.group) in here.damaged
        cursor = table.cursors.get(at.group, lambda: self._begin(table.file, at.group, single=single))
        try:
            with understood(path):
                return self._keep(here, cursor, at)
        except DatasetError as error:
            here.tables.drop(at.file)
            if not is_of_content(error):
                raise
            if single:  # it would fail again
                here.failed[at.file, at.group] = (cursor.row, error)
                raise
        here.damaged.add((at.file, at.group))
        return self._advance(here, at)

    def _keep(self, here: _Open, cursor: _Cursor, at: Address) -> bytes | None:
        """Pass over rows; of the piece that holds the one that is asked for, keep all cells."""
        for piece in cursor.pieces:
            start, cursor.row = cursor.row, cursor.row + piece.num_rows
            if cursor.row > at.row:
                cells: list[bytes | None] = _bytes_of(piece.column(0)).to_pylist()
                for row, cell in enumerate(cells, start):
                    here.kept.add(Address(at.file, at.group, row), cell)
                return cells[at.row - start]
        raise DatasetError(f"{shown(self.files[at.file][0])} ends before row {at.row} of a row group.")

    def _begin(self, file: Any, group: int, *, single: bool) -> _Cursor:
        """Begin a row group; of one that is damaged each row is read alone, up to the damage."""
        about = file.metadata.row_group(group)
        fit = PIECE * about.num_rows // max(about.total_byte_size, 1)
        rows = 1 if single else max(1, min(MOST_ROWS, fit))
        return _Cursor(file.iter_batches(rows, row_groups=[group], columns=[self.column], use_threads=False))


def _bytes_of(column: Any) -> Any:
    """The bytes of a column of files: itself, or a part of it."""
    types = library("pyarrow", "Parquet files").types
    return column.field("bytes") if types.is_struct(column.type) else column


def open_table(path: str, state: State | None = None, texts: Sequence[str] = ()) -> Any:
    """A ``ParquetFile``, which reads as much as it needs; who asks closes it.

    Args:
        path: The file or URL.
        state: How it was when it was opened first; none: not known.
        texts: Columns of which equal texts are decoded once.

    Raises:
        DatasetError: If it is no parquet file.
        InterpretError: If it has changed.
    """
    arrow, parquet = library("pyarrow", "Parquet files"), library("pyarrow.parquet", "Parquet files")
    with understood(path):
        if state is not None and not is_url(path) and _is_other(look(path), state):
            raise changed(path)
        if is_url(path):
            source = open_stream(path)
        else:
            open_file(path).close()  # no pipe, no device
            source = arrow.OSFile(path)
        return parquet.ParquetFile(
            source,
            read_dictionary=list(texts),
            buffer_size=1 << 20,
            pre_buffer=False,
            page_checksum_verification=True,
        )


def _is_other(now: State, before: State) -> bool:
    return (now.size, now.time) != (before.size, before.time)
