"""Pictures in parquet files, as Hugging Face and others write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from sys import intern
from typing import Any, ClassVar, TypeAlias

import numpy as np
from jaxtyping import Int
from pydantic import Field, field_validator

from interpret.errors import DatasetError
from interpret.files import digest, printable, shown
from interpret.images import Images, Sample, open_bytes, require_unique
from interpret.plugin import Dataset
from interpret_datasets.folder import spread
from interpret_datasets.shards.columns import TableColumns
from interpret_datasets.shards.content import State, hashes, look, patiently
from interpret_datasets.shards.labels import Said, as_labels, known_categories
from interpret_datasets.shards.places import as_texts, find_files, names_of
from interpret_datasets.shards.rows import Address, Cells, open_table
from interpret_datasets.shards.texts import RowIds, Texts
from interpret_datasets.shards.urls import is_of_content

PARQUET = (".parquet", ".pq")
LONGEST_NAME, LONGEST_ID = 200, 1000
"""Letters of a label, and of an id."""

PIECE = 1 << 14
"""Rows whose labels are read at a time."""

READERS = 8
"""Files whose descriptions and labels are read at once."""


Rows: TypeAlias = range | Int[np.ndarray, " n"]


class Parquet(Dataset):
    """Pictures in parquet files, as on the Hugging Face Hub: ``path: data/train-*.parquet``.

    A column holds the files of the pictures, as bytes or as Hugging Face's ``{bytes, path}``; another may
    hold labels, as numbers or names. What Hugging Face wrote of the columns says which, else their names do.
    """

    name: ClassVar[str] = "parquet"

    path: str | list[str] = Field(
        min_length=1,
        description="Files or folders of them, as paths or URLs (s3://, https://), with {000..012} and *.",
    )
    image: str = Field("", description="The column of pictures; empty: the first that holds some.")
    label: str = Field("", description="The column of labels; empty: the first of classes, or called label.")
    id: str = Field("", description="A column of texts or numbers that names each row; empty: FILE/ROW.")
    categories: list[str] | str | None = Field(
        None, description="What labels mean: names in order, or a text file with one a line."
    )
    limit: int | None = Field(
        None, ge=1, le=1_000_000_000, description="At most so many, taken at equal distances."
    )

    _paths = field_validator("path", "categories", mode="before")(as_texts)

    def open(self) -> ParquetImages:
        """The rows and their labels; no picture is read.

        Raises:
            DatasetError: If there is no file, none can be read, or no column holds pictures.
        """
        files = find_files(self.path, PARQUET)
        given = known_categories(self.categories)
        columns, tables = self._tables(files)
        return ParquetImages.of(tables, columns, names_of(files, PARQUET), given, self)

    def _tables(self, files: Sequence[str]) -> tuple[TableColumns, list[Table]]:
        """What every file says of itself; the first that is not damaged says which columns count."""
        first, schema = _first_schema(files)
        columns = TableColumns.of(schema, self.image, self.label, first)
        with ThreadPoolExecutor(READERS) as pool:
            tables = list(pool.map(lambda file: _table(file, columns, self.id), files))
        if all(table.broken for table in tables):
            raise DatasetError(tables[0].broken)
        return columns, tables


@dataclass(frozen=True)
class Table:
    """What is known of a file before a picture is read.

    Attributes:
        path: The file or URL.
        state: How it was then.
        groups: The rows of each row group; of a file that cannot be read, one row that is broken.
        said: The label of each row.
        ids: Their ids; empty where no column has them.
        broken: Why it cannot be read.
    """

    path: str
    state: State
    groups: tuple[int, ...]
    said: Sequence[Said]
    ids: Sequence[str] = ()
    broken: str = ""


class ParquetImages(Images):
    """Rows of parquet files; safe to read from several threads and processes, cheap to pickle.

    Args:
        cells: The column of pictures.
        groups: How many rows each row group has, by file.
        rows: The rows that are taken, counted over all files.
        ids: Their ids.
        labels: Their labels.
        categories: What these mean.
        broken: Why some cannot be read, by their index.
        asked: What else the content of the pictures hangs on.
    """

    def __init__(
        self,
        cells: Cells,
        *,
        groups: Sequence[Sequence[int]],
        rows: Rows,
        ids: Sequence[str],
        labels: Sequence[int | None],
        categories: tuple[str, ...],
        broken: Mapping[int, str],
        asked: Sequence[object],
    ) -> None:
        self.cells, self.rows, self._ids, self._labels = cells, rows, ids, labels
        self.categories, self.broken, self.asked = categories, broken, asked
        self.groups = [(file, group) for file, counts in enumerate(groups) for group in range(len(counts))]
        self.starts = np.cumsum([0, *(count for counts in groups for count in counts)])

    @classmethod
    def of(
        cls,
        tables: Sequence[Table],
        columns: TableColumns,
        names: Sequence[str],
        given: tuple[str, ...],
        asked: Parquet,
    ) -> ParquetImages:
        """The rows of some files, or as many as are asked for at equal distances."""
        require_unique(names)
        said = [one for table in tables for one in table.said]
        if not said:
            raise DatasetError(f"{shown(tables[0].path)} has no rows. Check dataset option 'path'.")
        labels, categories, wrong = as_labels(said, given or columns.categories)
        starts = np.cumsum([0, *(len(table.said) for table in tables[:-1])])
        wrong |= {int(at): table.broken for at, table in zip(starts, tables, strict=True) if table.broken}
        every = range(len(said))
        rows: Rows = np.asarray(spread(every, asked.limit)) if asked.limit else every
        return cls(
            Cells([(table.path, table.state) for table in tables], columns.cell),
            groups=[table.groups for table in tables],
            rows=rows,
            ids=_own_ids(tables, names, rows) if asked.id else RowIds(names, starts, rows),
            labels=[labels[row] for row in rows],
            categories=categories,
            broken={index: wrong[row] for index, row in enumerate(rows) if row in wrong} if wrong else {},
            asked=(names, columns, asked.id, given, asked.limit),
        )

    @property
    def ids(self) -> Sequence[str]:
        """The file and the row, or what the column of ids says."""
        return self._ids

    @property
    def labels(self) -> Sequence[int | None]:
        """The label of each row; no picture is read for them."""
        return self._labels

    def __getitem__(self, index: int) -> Sample:
        """Read one picture."""
        name = self._ids[index]
        return Sample(name, open_bytes(self.read(index), name), self._labels[index])

    def read(self, index: int) -> bytes:
        """The file of a picture, as it stands in its row.

        Raises:
            DatasetError: If there is none, or the file cannot be read there.
        """
        index = range(len(self))[index]
        name = self._ids[index]
        if index in self.broken:
            raise DatasetError(f"{name} cannot be used. {self.broken[index]}")
        content = self.cells.read(self._address(index))
        if content is None:
            raise DatasetError(
                f"{name} has no picture in its row. Leave the row out, or write the file anew."
            )
        return content

    def _address(self, index: int) -> Address:
        row = int(self.rows[index])
        place = int(np.searchsorted(self.starts, row, "right")) - 1
        return Address(*self.groups[place], row - int(self.starts[place]))

    def fingerprint(self) -> str:
        """A hash of what every file holds, of its name, and of which of its columns is what."""
        return digest("parquet", *self.asked, *hashes([path for path, _ in self.cells.files]))


def _own_ids(tables: Sequence[Table], names: Sequence[str], rows: Rows) -> Texts:
    """What a column says of each row that is taken.

    Raises:
        DatasetError: If two rows have the same.
    """
    every = [one for table, name in zip(tables, names, strict=True) for one in table.ids or (name,)]
    ids = Texts(every[row] for row in rows)
    require_unique(ids)
    return ids


def _schema(file: str) -> Any:
    with closing(open_table(file)) as table:
        return table.schema_arrow


def _first_schema(files: Sequence[str]) -> tuple[str, Any]:
    """The first file that is not damaged, and its schema.

    Raises:
        DatasetError: If all are damaged, or one cannot be read.
    """
    errors = []
    for file in files:
        try:
            return file, patiently(file, partial(_schema, file))
        except DatasetError as error:
            if not is_of_content(error):
                raise
            errors.append(error)
    raise errors[0]


def _table(file: str, columns: TableColumns, name: str) -> Table:
    """What a file says of its rows; one that is damaged has one row, which says why."""
    try:
        return patiently(file, lambda: _read_table(file, columns, name))
    except DatasetError as error:
        if not is_of_content(error):
            raise
        reason = str(error) if shown(file) in str(error) else f"{shown(file)} cannot be used. {error}"
        return Table(file, State(-1), (1,), [None], (), reason)


def _read_table(file: str, columns: TableColumns, name: str) -> Table:
    state, small = look(file), [column for column in (columns.label, name) if column]
    with closing(open_table(file)) as table:
        groups = _groups(table, file, state, {columns.image, *small})
        texts = [one for one in small if "int" not in str(table.schema_arrow.field(one).type)]
    with closing(open_table(file, texts=texts)) as table:
        said = _column(table, columns.label, LONGEST_NAME) if columns.label else [None] * sum(groups)
        ids = Texts(map(str, _column(table, name, LONGEST_ID))) if name else ()
    if len(said) != sum(groups):
        raise DatasetError(f"It has {len(said):,} labels for {sum(groups):,} rows.")
    return Table(file, state, groups, said, ids)


def _groups(table: Any, file: str, state: State, wanted: set[str]) -> tuple[int, ...]:
    """The rows of each row group.

    Raises:
        DatasetError: If a column is missing, or there are more rows than the file can hold.
    """
    there = table.schema_arrow.names
    if missing := sorted(wanted - set(there)):
        raise DatasetError(
            f"{shown(file)} has no column {' or '.join(missing)}: it has "
            f"{', '.join(map(printable, there))[:500]}."
        )
    groups = tuple(table.metadata.row_group(group).num_rows for group in range(table.num_row_groups))
    if min(groups, default=0) < 0 or sum(groups) > state.size:
        raise DatasetError(f"{shown(file)} claims {sum(groups):,} rows in {state.size:,} bytes.")
    return groups


def _column(table: Any, name: str, longest: int) -> list[Said]:
    """The values of a column of numbers or short texts; equal texts are one in memory.

    Raises:
        DatasetError: If a text is longer.
    """
    found: list[Said] = []
    for batch in table.iter_batches(PIECE, columns=[name], use_threads=False):
        column = batch.column(0)
        values = getattr(column, "dictionary", column).to_pylist()
        if any(isinstance(value, str) and len(value) > longest for value in values):
            raise DatasetError(f"The column {name!r} holds texts of over {longest} letters.")
        known = [intern(printable(value)) if isinstance(value, str) else value for value in values]
        if hasattr(column, "dictionary"):
            known = [None if place is None else known[place] for place in column.indices.to_pylist()]
        found += known
    return found
