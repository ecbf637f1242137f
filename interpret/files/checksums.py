"""Files that are written whole, and believed only while their checksum fits.

Beside ``FILE`` lies ``FILE.sha256``, a line that the tool ``sha256sum`` reads too. What has none, or another,
is as good as missing: a killed process, a full disk or a flipped bit costs time, never a wrong number.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from pathlib import Path

from interpret.errors import InterpretError
from interpret.files.folders import file_hash, has_hash, put, read_plain, write_atomically

SUFFIX = ".sha256"
_OS_ERROR = re.compile(r"\(os error (\d+)\)")
logger = logging.getLogger(__name__)


def write_checked(path: Path, make: Callable[[Path], object]) -> None:
    """Write a file whole or not at all, with its checksum.

    Args:
        path: The file; its folder is there already.
        make: Writes it to the path it is given, a neighbour that takes the file's name afterwards.

    Example:
        >>> write_checked(folder / "state.ckpt", lambda part: torch.save(state, part))
    """

    def make_on_disk(part: Path) -> None:
        try:
            make(part)
        except InterpretError:
            raise
        except Exception as error:  # noqa: BLE001 - libraries say that a disk is full in any way
            raise _of_disk(error) or error  # noqa: B904
        with part.open("rb+") as file:
            os.fsync(file.fileno())

    put(path, make_on_disk)
    write_atomically(checksum_of(path), f"{file_hash(path)}  {path.name}\n".encode())


def _of_disk(error: BaseException | None) -> OSError | None:
    """What the disk said, where a library that is not written in Python tells it in words of its own."""
    while error is not None:
        if isinstance(error, OSError):
            return error
        if found := _OS_ERROR.search(str(error)):
            return OSError(int(found[1]), os.strerror(int(found[1])))
        error = error.__context__
    return None


def is_intact(path: Path) -> bool:
    """Whether a plain file is there and has its checksum; one that has not is told of in the log.

    A file that did not change is read once in a process.
    """
    try:
        found = has_hash(path, read_plain(checksum_of(path), 1000)[:64].decode(errors="replace"))
    except (InterpretError, OSError):
        found = False
    if not found and path.exists():
        logger.warning("%s is damaged or was left half written: it is made again.", path)
    return found


def remove_checked(path: Path) -> None:
    """Remove a file and its checksum."""
    for file in (checksum_of(path), path):
        file.unlink(missing_ok=True)


def checksum_of(path: Path) -> Path:
    """Where the checksum of a file is."""
    return path.with_name(path.name + SUFFIX)
