"""Bytes of files that lie here or behind a URL; nothing stays open."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from interpret.errors import DatasetError, InterpretError
from interpret.files import content_hashes, digest, file_system, is_settled, is_url, open_file, shown, stamp
from interpret.interrupts import check_interrupt
from interpret_datasets.shards.urls import BLOCK, is_of_content, understood
from interpret_datasets.walking import tell

TOGETHER = 8
"""Files behind URLs that are asked about at once."""

WAITS = (0.1, 0.5, 2.0, 8.0)
"""Seconds before bytes behind a URL are asked for again."""

WHOLE = 1 << 26
"""Bytes of a file that is fetched whole where its server gives no part of one."""

_STRONG = ("etag", "md5hash", "md5", "content-md5", "content_md5", "sha256", "checksum", "digest")
_TIMES = ("mtime", "lastmodified", "last_modified", "last-modified", "updated")


T = TypeVar("T")


@dataclass(frozen=True)
class State:
    """How a file was when it was looked at.

    Attributes:
        size: Bytes.
        time: When it was changed last, in nanoseconds; 0 behind a URL.
        mark: What tells it from any other content, as far as its file system says; empty if not at all.
    """

    size: int
    time: int = 0
    mark: str = ""


def look(path: str) -> State:
    """The size of a file and what tells it from others; its content is not read.

    Raises:
        DatasetError: If there is no such file, it is no regular one, or its size is not known.
    """
    with understood(path):
        if not is_url(path):
            with open_file(path) as file:
                status = os.fstat(file.fileno())
            mark = stamp(status) if is_settled(status, time.time_ns()) else ""
            return State(status.st_size, status.st_mtime_ns, mark)
        system, inner = file_system(path, DatasetError)
        info = {str(key).lower(): value for key, value in system.info(inner).items()}
    if not isinstance(info.get("size"), int) or info.get("type") == "directory":
        raise DatasetError(f"{shown(path)} has no size that is known. Copy the files and give their folder.")
    return State(info["size"], 0, _mark(info))


def _mark(info: Mapping[str, Any]) -> str:
    for keys in (_STRONG, _TIMES):
        if found := [f"{key} {info[key]}" for key in keys if info.get(key)]:
            return digest(info["size"], *found)
    return ""


def open_stream(path: str) -> BinaryIO:
    """A file to be read from its beginning on; who asks closes it.

    Raises:
        DatasetError: If it cannot be opened.
    """
    with understood(path):
        if not is_url(path):
            return open_file(path)
        system, inner = file_system(path, DatasetError)
        if (whole := _whole(path, look(path).size)) is not None:
            return BytesIO(whole)
        file: BinaryIO = system.open(inner, "rb", block_size=BLOCK, cache_type="readahead")
        if not file.seekable():
            raise _refused(path)
        return file


def _whole(path: str, size: int) -> bytes | None:
    """All of a file that is not large, if its server gives no part of one; else None."""
    if not 1 < size <= WHOLE or not path.startswith(("http://", "https://")):
        return None
    content = patiently(path, lambda: _fetched(path, 0, 1))
    return content if len(content) == size else None


def read_range(path: str, start: int, stop: int, state: State) -> bytes:
    """The bytes ``start`` to ``stop`` of a file, and no others.

    Args:
        path: The file.
        start: The first byte.
        stop: The byte behind the last one.
        state: How the file was when it was found out what lies there.

    Raises:
        DatasetError: If it cannot be read.
        InterpretError: If it has changed since, or its server does not answer.
    """
    read = partial(_fetched, path, start, stop) if is_url(path) else partial(_local, path, start, stop, state)
    content = patiently(path, read)
    if len(content) == stop - start:
        return content
    if is_url(path) and len(content) == state.size:
        tell(f"{shown(path)}: its server gives whole files only, so that each picture costs all of it.")
        return content[start:stop]
    raise changed(path)


def _local(path: str, start: int, stop: int, state: State) -> bytes:
    with open_file(path) as file:
        status = os.fstat(file.fileno())
        if (status.st_size, status.st_mtime_ns) != (state.size, state.time):
            raise changed(path)
        file.seek(start)
        return file.read(stop - start)


def _fetched(path: str, start: int, stop: int) -> bytes:
    if start == stop:
        return b""
    system, inner = file_system(path, DatasetError)
    content: bytes = system.cat_file(inner, start=start, end=stop)
    return content


def patiently(path: str, read: Callable[[], T]) -> T:
    """What reading from a file gives; behind a URL it is tried again, unless what the file holds is at fault.

    Args:
        path: The file.
        read: Reads from it.

    Raises:
        DatasetError: If what the file holds is at fault, or it is not there.
        InterpretError: If its server is: no step may pass over that as over a picture that is broken.
    """
    waits = iter(WAITS if is_url(path) else ())
    while True:
        try:
            with understood(path):
                return read()
        except DatasetError as error:
            if not is_url(path) or is_of_content(error) or isinstance(error.__cause__, FileNotFoundError):
                raise
            if isinstance(error.__cause__, ValueError):  # fsspec's, where no range was given
                raise _refused(path) from error
            wait = next(waits, None)
            if wait is None:
                raise InterpretError(f"{error} It was asked for {len(WAITS) + 1} times.") from error
        check_interrupt()
        time.sleep(wait)


def changed(path: str) -> InterpretError:
    """The error of a file that is no longer what it was: it is no picture that is broken."""
    return InterpretError(
        f"{shown(path)} has changed since it was opened. Run again, or open the dataset anew."
    )


def _refused(path: str) -> DatasetError:
    return DatasetError(
        f"The server of {shown(path)} gives whole files only, and no part of one. Copy the files and give "
        "their folder."
    )


def hashes(paths: Sequence[str]) -> list[str]:
    """A hash of each file: of what it holds, or of what the file system of its URL says of that.

    Local files are read once and remembered while they do not change (see `interpret.files.content_hashes`).
    Behind a URL it is of the ETag or checksum, else of size and time, else of the content.

    Raises:
        DatasetError: If one behind a URL cannot be read.
    """
    local = [path for path in paths if not is_url(path)]
    known = dict(zip(local, content_hashes(local), strict=True)) if local else {}
    with ThreadPoolExecutor(TOGETHER) as pool:
        far = [path for path in paths if is_url(path)]
        known |= dict(zip(far, pool.map(_remote_hash, far), strict=True))
    return [known[path] or digest("unreadable", shown(path)) for path in paths]


def _remote_hash(path: str) -> str:
    return look(path).mark or _content_hash(path)


def _content_hash(path: str) -> str:
    found = hashlib.sha256()
    with understood(path), open_stream(path) as file:
        while block := file.read(BLOCK):
            check_interrupt()
            found.update(block)
    return found.hexdigest()[:32]


def text_lines(path: str, limit: int) -> list[str]:
    """The lines of a text file of at most ``limit`` bytes, without those that are empty.

    Raises:
        DatasetError: If it cannot be read, is larger, or is no UTF-8.
    """
    where = path if is_url(path) else str(Path(path).expanduser())
    with understood(where), open_stream(where) as file:
        content = file.read(limit + 1)
        if len(content) > limit:
            raise DatasetError(f"{shown(where)} is larger than {limit:,} bytes: it is no list of names.")
        return [line.strip() for line in content.decode("utf-8-sig").splitlines() if line.strip()]
