"""Files in folders that may be a stranger's: read, written and removed inside, and never through a link.

What a file says of other files is a name inside its folder (`inside`). What is stored is written whole or not
at all (`write_atomically`), with a checksum tested before it is believed (`file_hash`, ``sealed``).
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NoReturn

from interpret.errors import InterpretError
from interpret.interrupts import unfinished

_LONGEST_NAME = 255
"""Bytes of one name in a path, on every file system in use."""

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LOCK = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_TEMPORARY = re.compile(r"\.interpret-[0-9a-f]{16}\.part")


def user_path(path: str | Path) -> Path:
    """A path as a user writes it, with ``~`` for the home folder.

    Raises:
        InterpretError: If it is no path, or names a user that does not exist.
    """
    try:
        found = Path(path).expanduser()
    except TypeError:
        raise InterpretError(f"{path!r} is no path: give text, or a pathlib.Path.") from None
    except RuntimeError:
        raise InterpretError(f"There is no home folder for {str(path)!r}. Write the whole path.") from None
    if path == "":
        raise InterpretError("An empty text is no path. Write . for the folder you are in.")
    if "\0" in str(found):
        raise InterpretError(f"{str(path)!r} is no path: no file has a zero character in its name.")
    return found


def inside(folder: Path, name: object, source: str = "") -> Path:
    """The path of what a stored file calls ``name``: below ``folder``, with no link on the way.

    Args:
        folder: The folder; how it is reached is the user's choice.
        name: A relative path with ``/`` between its parts.
        source: The file in the folder that says so, for the message.

    Raises:
        InterpretError: If the name is anything else, or a part of it is a link or no plain file or folder.
    """
    if not is_inside(name):
        cure = f"Remove {folder / source} and run again" if source else "Choose another name"
        raise InterpretError(
            f"{source or 'A file'} in {folder} names {str(name)[:200]!r}, which is no path inside it. "
            f"Nothing there was read, written or removed. {cure}."
        )
    path = folder
    for part in str(name).split("/"):
        path /= part
        require_plain(path)
    return path


def is_inside(name: object) -> bool:
    """Whether something is a relative path, written plainly, that stays below where it starts."""
    if not isinstance(name, str) or "\0" in name or "\\" in name:
        return False
    path = PurePosixPath(name)
    plain = path.as_posix() == name and name != "." and ".." not in path.parts and _can_exist(path)
    return plain and not path.is_absolute() and not PureWindowsPath(name).drive


def _can_exist(path: PurePosixPath) -> bool:
    """Whether a file system could hold such names: bytes, and not too many."""
    try:
        return all(len(os.fsencode(part)) <= _LONGEST_NAME for part in path.parts)
    except UnicodeEncodeError:  # half a character
        return False


def require_plain(path: Path) -> None:
    """Refuse a link, a device or a pipe where a file or folder of a run should be; nothing there is fine.

    Raises:
        InterpretError: If it is one; the message says what to do.
    """
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        _refuse(path, f"cannot be looked at ({error.strerror})")
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        _refuse(path, "is a link" if stat.S_ISLNK(mode) else "is no plain file or folder")


def require_kind(path: Path, *, folder: bool) -> None:
    """Refuse a file where a folder should be, and the reverse; nothing there is fine.

    Raises:
        InterpretError: If it is one, or a link; the message says what to do.
    """
    require_plain(path)
    if path.exists() and path.is_dir() != folder:
        _refuse(
            path, "is a file, where a folder should be" if folder else "is a folder, where a file should be"
        )


def _refuse(path: Path, what: str) -> NoReturn:
    raise InterpretError(
        f"{path} {what}: a run reads, writes and removes only plain files and folders inside its own folder. "
        "Nothing was changed. Move it away, or choose another output folder."
    )


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """A plain file, open for reading; a link is not followed and a pipe is not waited for.

    Raises:
        FileNotFoundError: If there is no such file.
        InterpretError: If it is something else, or cannot be read.
    """
    try:
        descriptor = os.open(path, _READ)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from None
    except OSError as error:
        link = error.errno == errno.ELOOP
        _refuse(path, "is a link" if link else f"cannot be read ({error.strerror})")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        _refuse(path, "is no plain file")
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
        yield file


def read_plain(path: Path, most: int | None = None) -> bytes:
    """The bytes of a plain file.

    Raises:
        FileNotFoundError: If there is no such file.
        InterpretError: If it is something else, cannot be read, or has more than ``most`` bytes.
    """
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        if most is not None and size > most:
            raise InterpretError(f"{path} has {size:,} bytes; at most {most:,} are read.")
        return file.read()


_hashes: dict[str, str] = {}

_SETTLED = 50_000_000
"""Nanoseconds after which another change of a file surely gives it another time."""

_COARSE = 2_000_000_000
"""The same on disks that write down whole seconds."""


def stamp(status: os.stat_result) -> str:
    """What tells a file and its state from others: inode, size and times."""
    parts = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def is_settled(status: os.stat_result, now: int) -> bool:
    """Whether a file that changes after ``now`` (nanoseconds) surely gets another stamp."""
    age = now - max(status.st_mtime_ns, status.st_ctime_ns)
    return age > (_SETTLED if status.st_ctime_ns % 10**9 else _COARSE)


def settle() -> None:
    """Wait until what was just written is settled, on disks that write down parts of seconds."""
    time.sleep(1.2 * _SETTLED / 1e9)


def file_hash(path: Path) -> str:
    """SHA-256 of a plain file, 64 hexadecimal digits; one that did not change is read once in a process.

    Raises:
        FileNotFoundError: If there is no such file.
        InterpretError: If it is something else, or cannot be read.
    """
    with opened(path) as file:
        status, now = os.fstat(file.fileno()), time.time_ns()
        key = stamp(status)
        if key not in _hashes:
            found = hashlib.file_digest(file, "sha256").hexdigest()
            if not is_settled(status, now):
                return found
            _hashes[key] = found
        return _hashes[key]


def has_hash(path: Path, expected: object) -> bool:
    """Whether a plain file is there, and is to the last bit what it was when ``expected`` was noted."""
    try:
        return file_hash(path) == expected
    except (InterpretError, OSError):
        return False


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: to a neighbour first, to the disk, then renamed."""
    put(path, lambda part: _create(part, data))


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file a second name, which costs no room; a copy where the disk cannot do that."""
    put(target, lambda part: _link(source, part))


def put(path: Path, make: Callable[[Path], None]) -> None:
    """Let ``make`` write a neighbour of a file, which then takes the file's name."""
    part = path.with_name(_temporary_name())
    try:
        make(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    _to_disk(path.parent)


def _create(part: Path, data: bytes) -> None:
    with open(os.open(part, _CREATE, 0o666), "wb") as file:  # noqa: PTH123 - never through a link
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _link(source: Path, part: Path) -> None:
    try:
        os.link(source, part, follow_symlinks=False)
    except (OSError, NotImplementedError):
        shutil.copyfile(source, part)
    _to_disk(part)


def _to_disk(path: Path) -> None:
    """Ask the disk to keep what a file holds, or the names in a folder."""
    descriptor = os.open(path, _READ)
    try:
        with suppress(OSError):  # some network disks know no fsync of folders
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait for a file's lock and hold it; the kernel gives it back when the process ends in any way."""
    descriptor = os.open(path, _LOCK, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Whether a process holds a file's lock alone."""
    try:
        descriptor = os.open(path, _READ)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """An empty folder in ``parent``, gone afterwards; while it is used, it is no leftover to others."""
    folder = parent / _temporary_name()
    with unfinished(folder):
        folder.mkdir()
        descriptor = _hold(folder)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            if descriptor is not None:
                os.close(descriptor)


def _hold(folder: Path) -> int | None:
    """Lock a folder, until the descriptor is closed or the process ends; None where that cannot be."""
    try:
        descriptor = os.open(folder, _READ)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # another process has it, or the disk knows no locks
        os.close(descriptor)
        return None
    return descriptor


def _temporary_name() -> str:
    """A name that users do not give, so that leftovers of a killed process can be told from their files."""
    return f".interpret-{secrets.token_hex(8)}.part"


def remove_leftovers(folder: Path, *, deep: bool = True) -> None:
    """Remove what killed processes left half written: our temporary files and folders, and no others.

    Args:
        folder: Where to look; links are not followed.
        deep: Look in the folders below it too.
    """
    for place, folders, files in os.walk(folder):
        for name in filter(_TEMPORARY.fullmatch, files):
            Path(place, name).unlink(missing_ok=True)
        for name in filter(_TEMPORARY.fullmatch, folders):
            _remove_abandoned(Path(place, name))
        folders[:] = [name for name in folders if deep and not _TEMPORARY.fullmatch(name)]


def remove_abandoned_folders(parent: Path) -> None:
    """Remove the temporary folders that killed processes left in a folder, and no files."""
    with suppress(OSError):  # there is no such folder, or none that can be looked into
        for path in list(parent.iterdir()):
            if _TEMPORARY.fullmatch(path.name) and path.is_dir():
                _remove_abandoned(path)


def _remove_abandoned(folder: Path) -> None:
    """Remove a temporary folder unless the process that made it uses it still; a link stays."""
    if (descriptor := _hold(folder)) is not None:
        with suppress(OSError):
            shutil.rmtree(folder)
        os.close(descriptor)


def remove_tree(folder: Path) -> None:
    """Remove a folder and everything in it, if it is there; links in it are removed, not followed."""
    require_kind(folder, folder=True)
    if folder.exists():
        shutil.rmtree(folder)


def refuse_links(folder: Path) -> None:
    """Refuse a folder that is a link, or holds a link, a device or a pipe anywhere; nothing there is fine.

    Raises:
        InterpretError: If there is one; the message says what to do.
    """
    require_kind(folder, folder=True)
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            require_plain(Path(place, name))
