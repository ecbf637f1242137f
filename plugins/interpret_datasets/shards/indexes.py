"""Indexes of shards, stored beside a run: a shard that did not change is gone through once."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from sys import intern
from typing import Any

import numpy as np
from jaxtyping import Int

from interpret.errors import DatasetError, InterpretError
from interpret.files import digest, is_url, printable, read_sealed, shown, write_sealed
from interpret.interrupts import check_interrupt
from interpret.run import cache_dir, follows
from interpret_datasets.shards.content import State, changed, look, open_stream, patiently
from interpret_datasets.shards.labels import Said
from interpret_datasets.shards.tar_index import TarIndex, Wanted, index_tar
from interpret_datasets.shards.texts import Texts
from interpret_datasets.shards.urls import is_of_content, understood

READERS = 4
"""Shards behind URLs that are gone through at once; of local ones threads would only wait for each other."""

_TELL = 10.0
"""Seconds after which users are told."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shard:
    """A shard and what lies where in it, in little memory.

    Attributes:
        path: The file or URL.
        state: How it was when it was gone through.
        keys: The key of each sample; a shard that cannot be read has one sample, which is broken.
        positions: Where the file of each picture begins, and how many bytes it has.
        said: Their labels.
        broken: Why some cannot be read, by their place.
        suffixes: The endings of all members, and how many have each.
        notes: What else was found, in sentences.
    """

    path: str
    state: State
    keys: Texts
    positions: Int[np.ndarray, "n 2"]
    said: Sequence[Said]
    broken: Mapping[int, str]
    suffixes: Mapping[str, int]
    notes: Sequence[str]

    @classmethod
    def of(cls, path: str, state: State, index: TarIndex) -> Shard:
        """A shard with its index."""
        positions = np.array([index.offsets, index.sizes], np.int64).T
        said = [intern(one) if isinstance(one, str) else one for one in index.said]
        return cls(path, state, Texts(index.keys), positions, said, index.broken, index.suffixes, index.notes)


def read_indexes(files: Sequence[str], wanted: Wanted) -> list[Shard]:
    """The index of every shard, in order: stored ones where the shards have not changed since.

    They are stored in the run folder, or outside of a run until the process ends.

    Args:
        files: Paths and URLs.
        wanted: Which members count.

    Raises:
        DatasetError: If one cannot be read, or none is a tar file.
    """
    folder = cache_dir("indexes of shards", index_tar)
    found, began, told = list[Shard](), time.monotonic(), False
    with ThreadPoolExecutor(READERS if any(map(is_url, files)) else 1) as pool:
        for start in range(0, len(files), READERS):
            check_interrupt()
            found += pool.map(lambda file: _shard(file, wanted, folder), files[start : start + READERS])
            if not told and time.monotonic() - began > _TELL:
                told = True
                _logger.warning(
                    "%s of %s shards were gone through for where their pictures lie; the run remembers it.",
                    f"{len(found):,}",
                    f"{len(files):,}",
                )
    if all(shard.state.size < 0 for shard in found):
        reason = found[0].broken[0]
        path = shown(found[0].path)
        raise DatasetError(reason if path in reason else f"{path} cannot be used. {reason}")
    return found


def _shard(file: str, wanted: Wanted, folder: Path) -> Shard:
    """One shard; one that holds no tar file has one sample, which says why."""
    state = patiently(file, lambda: look(file))
    stored = folder / f"{digest(file, state.mark, wanted)}.json" if state.mark else None
    if stored and (known := _stored(stored)):
        return Shard.of(file, state, known)
    try:
        index = patiently(file, lambda: _made(file, state, wanted))
    except DatasetError as error:
        if not is_of_content(error):
            raise
        return Shard.of(file, State(-1), TarIndex([""], [0], [0], [None], {0: str(error)}))
    if stored and not follows():
        with suppress(InterpretError, OSError):  # where it cannot be stored, a later run makes it anew
            write_sealed(stored, asdict(index))
    return Shard.of(file, state, index)


def _made(file: str, state: State, wanted: Wanted) -> TarIndex:
    with open_stream(file) as stream, understood(file):
        index = index_tar(stream, state.size, wanted)
    if is_url(file) and look(file) != state:  # of a local file it is seen whenever it is read
        raise changed(file)
    return index


def _stored(path: Path) -> TarIndex | None:
    """What an earlier run has stored; None where it is not whole, or not what is expected."""
    try:
        found: dict[str, Any] = read_sealed(path)
        broken = {int(place): str(why) for place, why in found.pop("broken").items()}
        index = TarIndex(**found, broken=broken)
    except (InterpretError, OSError, KeyError, TypeError, ValueError, AttributeError):
        return None
    return index if _is_sound(index) else None


def _is_sound(index: TarIndex) -> bool:
    """Whether what a file says can be an index: a run folder may be a stranger's."""
    columns = (index.keys, index.offsets, index.sizes, index.said, index.notes)
    if not all(isinstance(column, list) for column in columns) or not isinstance(index.suffixes, dict):
        return False
    if len({len(index.keys), len(index.offsets), len(index.sizes), len(index.said)}) > 1:
        return False
    numbers = (*index.offsets, *index.sizes, *index.suffixes.values())
    texts = (*index.keys, *index.notes)
    return (
        all(type(one) is int and 0 <= one < 2**60 for one in numbers)
        and all(type(one) is str for one in texts)
        and all(one is None or type(one) in {int, str} for one in index.said)
        and len(set(index.keys)) == len(index.keys)
        and all(printable(one) == one for one in texts)
    )
