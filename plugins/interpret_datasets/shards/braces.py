"""Braces in paths, as shells and webdataset expand them: ``train-{000..012}.tar``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from interpret.errors import DatasetError

MOST = 100_000
"""Files that one path may stand for."""

_RANGE = re.compile(r"(-?\d{1,18})\.\.(-?\d{1,18})")


def expand(path: str) -> list[str]:
    """Every path that one with braces stands for, in order; itself where it has none.

    Raises:
        DatasetError: If these are more than ``MOST``.

    Example:
        >>> expand("{train,val}-{08..10}.tar")[2:4]
        ['train-10.tar', 'val-08.tar']
    """
    found = []
    for one in _expanded(path):
        found.append(one)
        if len(found) > MOST:
            raise DatasetError(f"{path:.200} stands for more than {MOST:,} files. Give a folder, or fewer.")
    return found


def _expanded(path: str) -> Iterator[str]:
    """The first pair of braces in each of its ways, and those behind it in each of theirs."""
    span = _first_pair(path)
    if span is None:
        yield path
        return
    start, stop = span
    for one in _ways(path[start + 1 : stop - 1]):
        for rest in _expanded(path[stop:]):
            yield path[:start] + one + rest


def _first_pair(path: str) -> tuple[int, int] | None:
    """From where to where the first braces go that hold a range or a comma."""
    for found in re.finditer(r"\{([^{}]*)\}", path):
        if "," in found[1] or _RANGE.fullmatch(found[1]):
            return found.span()
    return None


def _ways(inner: str) -> Iterator[str]:
    found = _RANGE.fullmatch(inner)
    if found is None:
        yield from inner.split(",")
        return
    first, last = int(found[1]), int(found[2])
    padded = any(len(text.lstrip("-")) > 1 and text.lstrip("-").startswith("0") for text in found.groups())
    width = max(map(len, found.groups())) if padded else 0
    step = 1 if last >= first else -1
    yield from (f"{number:0{width}d}" for number in range(first, last + step, step))
