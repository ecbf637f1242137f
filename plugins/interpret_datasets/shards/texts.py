"""Many short texts in little memory: a million ids as a list of text would take 100 MB."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, overload

import numpy as np
from jaxtyping import Int


class _Lazy(Sequence[str]):
    """A sequence whose texts are made when they are asked for."""

    def _at(self, index: int) -> str:
        raise NotImplementedError

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self._at(one) for one in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"There is no text {index} of {len(self)}.")
        return self._at(int(index) % len(self))

    def __eq__(self, other: Any) -> bool:
        return (
            isinstance(other, list | tuple | _Lazy)
            and len(other) == len(self)
            and all(one == another for one, another in zip(self, other, strict=True))
        )

    def __hash__(self) -> int:
        return hash(tuple(self))


class Texts(_Lazy):
    """Texts in one piece of memory.

    Args:
        texts: The texts.

    Example:
        >>> list(Texts(["one", "two"]))
        ['one', 'two']
    """

    def __init__(self, texts: Iterable[str]) -> None:
        ends, parts, end = [0], [], 0
        for text in texts:
            parts.append(text.encode())
            end += len(parts[-1])
            ends.append(end)
        self.content, self.ends = b"".join(parts), np.asarray(ends, np.int64)

    def __len__(self) -> int:
        return len(self.ends) - 1

    def _at(self, index: int) -> str:
        return self.content[self.ends[index] : self.ends[index + 1]].decode()


class KeyIds(_Lazy):
    """Ids of what has a key in a file: ``FILE/KEY``.

    Args:
        names: The name of each file.
        file: The number of the file of each id.
        keys: The key of each id; empty for a file as a whole.
    """

    def __init__(self, names: Sequence[str], file: Int[np.ndarray, " n"], keys: Texts) -> None:
        self.names, self.file, self.keys = names, file, keys

    def __len__(self) -> int:
        return len(self.file)

    def _at(self, index: int) -> str:
        return f"{self.names[self.file[index]]}/{self.keys[index]}".removesuffix("/")


class RowIds(_Lazy):
    """Ids of rows: ``FILE/ROW``.

    Args:
        names: The name of each file.
        starts: How many rows lie before each file.
        rows: The rows of all files that are taken.
    """

    def __init__(
        self,
        names: Sequence[str],
        starts: Int[np.ndarray, " files"],
        rows: Sequence[int] | Int[np.ndarray, " n"],
    ) -> None:
        self.names, self.starts, self.rows = names, starts, rows

    def __len__(self) -> int:
        return len(self.rows)

    def _at(self, index: int) -> str:
        row = self.rows[index]
        file = int(np.searchsorted(self.starts, row, "right")) - 1
        return f"{self.names[file]}/{row - self.starts[file]}"
