"""Reading files that users name, links among them: regular ones only, of a bounded size; names to print."""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path
from unicodedata import category

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


_CONTROLS = frozenset({"Cc", "Cs", "Zl", "Zp"})
_TURNS = frozenset(map(chr, (0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))))


def open_file(path: str | Path) -> BufferedReader:
    """A regular file, or a link to one, opened for reading; nothing else is even opened.

    A named pipe would wait for ever for somebody who writes, and a device such as ``/dev/zero`` never ends.

    Raises:
        OSError: If it is missing, cannot be opened, or is no regular file; ``strerror`` says which.
    """
    path = os.fspath(path)
    if "\0" in path:
        raise OSError(errno.EINVAL, "The name holds a NUL character", path)
    _require_regular(Path(path).stat(), path)
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        _require_regular(os.fstat(descriptor), path)  # it may have been exchanged meanwhile
    except OSError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def read_file(path: str | Path, limit: int) -> bytes:
    """The content of a regular file of at most ``limit`` bytes; no more than that is read.

    Raises:
        OSError: If it cannot be read, is no regular file, or is larger.
    """
    with open_file(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"It is larger than {limit:,} bytes", os.fspath(path))
    return content


def read_text(path: str | Path, limit: int) -> str:
    """The text of a regular UTF-8 file of at most ``limit`` bytes, with or without a byte order mark.

    Raises:
        OSError: If it cannot be read, is no regular file, or is larger.
        UnicodeDecodeError: If it is not UTF-8.
    """
    return read_file(path, limit).decode("utf-8-sig")


def printable(name: str) -> str:
    r"""A name as one line of valid UTF-8: bytes that are none, and controls, as ``\xff``.

    Controls are those of terminals, as an escape sequence could forge a line, ends of lines, and those that
    turn the direction of writing, behind which ``gpj.exe`` reads ``exe.jpg``.
    """
    return "".join(_escaped(c) if category(c) in _CONTROLS or c in _TURNS else c for c in name)


def printable_lines(text: str) -> str:
    """Text of several lines that holds names, for a terminal: only its ends of lines stay as they are."""
    return "\n".join(map(printable, text.split("\n")))


def _escaped(c: str) -> str:
    undecodable = 0xDC80 <= ord(c) <= 0xDCFF  # how Python holds a byte of a name that is not UTF-8
    return f"\\x{ord(c) - 0xDC00:02x}" if undecodable else c.encode("unicode_escape").decode()


def _require_regular(status: os.stat_result, path: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        raise OSError(errno.EINVAL, f"It is {kind}, not a file", path)
