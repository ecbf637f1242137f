"""The files that a path, a pattern, a folder or a URL stands for, each with a name for ids."""

from __future__ import annotations

import glob
import os
import posixpath
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from interpret.errors import DatasetError
from interpret.files import file_system, is_url, printable, shown, user_path
from interpret.interrupts import check_interrupt
from interpret_datasets.folder import natural
from interpret_datasets.shards.braces import MOST, expand
from interpret_datasets.shards.urls import path_of, understood
from interpret_datasets.walking import require_folder

_SPLIT = re.compile(r"(train|test|val|valid|validation|dev|eval)(?:ing)?(?![a-z])", re.IGNORECASE)


def as_texts(given: Any) -> Any:
    """Paths as text, where somebody gives them as such."""
    if isinstance(given, list | tuple):
        return [*map(as_texts, given)]
    return str(given) if isinstance(given, os.PathLike) else given


def find_files(given: str | Sequence[str], suffixes: tuple[str, ...]) -> list[str]:
    """Every file that is meant, each once: whole paths and URLs, in the order given, else in natural order.

    Args:
        given: Paths and URLs of files and folders, with braces (``{000..012}``) and patterns (``*``).
        suffixes: What the files of a folder end in.

    Raises:
        DatasetError: If there is none, or one that is named is not there.
    """
    paths = [given] if isinstance(given, str) else given
    found = [file for path in paths for one in _expanded(path) for file in _files(one, suffixes)]
    if len(found) > MOST:
        raise DatasetError(f"These are {len(found):,} files; at most {MOST:,} are read as one dataset.")
    return [*dict.fromkeys(found)]


def names_of(files: Sequence[str], suffixes: tuple[str, ...]) -> list[str]:
    """A name for each file, without its ending: its own, or where two share it, with their folders."""
    plain = [path_of(file) if is_url(file) else file for file in files]
    short = [_stem(posixpath.basename(path), suffixes) for path in plain]
    if max(Counter(short).values(), default=0) > 1:
        short = [_stem(path, suffixes) for path in _below_common(plain)]
    if max(Counter(short).values(), default=0) > 1:
        short = [shown(file) for file in files]
    return [printable(name) for name in short]


def _expanded(path: str) -> list[str]:
    """What braces stand for; a file whose name holds some is itself."""
    return [path] if not is_url(path) and os.path.lexists(user_path(path)) else expand(path)


def _files(path: str, suffixes: tuple[str, ...]) -> list[str]:
    if path.startswith("file://"):
        path = path.removeprefix("file://")
    if is_url(path):
        with understood(path):
            return _remote(path, suffixes)
    where = user_path(path)
    if os.path.isdir(where):  # noqa: PTH112 - which is False of what no file system can hold
        found = _walked(where, suffixes) or _refuse_empty(where, shown(path), suffixes)
        return _of_folder(shown(path), found, suffixes)
    whole = os.path.abspath(where)  # noqa: PTH100 - which follows no links
    if os.path.lexists(whole) or not glob.has_magic(whole):
        _require_there(Path(whole), shown(path))
        return [whole]
    return _matched(path, _globbed(whole))


def _globbed(pattern: str) -> list[str]:
    """The files that fit a pattern; those of a whole disk take a while."""
    found = []
    for file in glob.iglob(pattern, recursive=True):  # noqa: PTH207 - Path.glob takes no whole paths
        check_interrupt()
        if not os.path.isdir(file):  # noqa: PTH112
            found.append(file)
    return found


def _remote(url: str, suffixes: tuple[str, ...]) -> list[str]:
    """The files of a URL; only what does not look like a file is asked whether it is a folder."""
    system, inner = file_system(url, DatasetError)
    if "*" in inner or "[" in inner:
        found = [_url(system, file) for file in system.glob(inner)]
        return _matched(url, found)
    if _ending(inner, suffixes) or not system.isdir(inner):
        return [_url(system, inner)]
    inside = [_url(system, file) for file in system.find(inner) if _ending(file, suffixes)]
    return _of_folder(shown(url), inside, suffixes)


def _url(system: Any, path: str) -> str:
    url: str = system.unstrip_protocol(path)
    return url


def _ending(path: str, suffixes: tuple[str, ...]) -> bool:
    return re.split(r"[?#]", path, maxsplit=1)[0].lower().endswith(suffixes)


def _walked(folder: Path, suffixes: tuple[str, ...]) -> list[str]:
    """The files below a folder, but for those that are hidden; links are followed, to each folder once."""
    require_folder(folder)
    found, seen = [], set()
    for place, folders, files in os.walk(folder.absolute(), onerror=_refuse_closed, followlinks=True):
        check_interrupt()
        seen.add(os.path.realpath(place))
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and os.path.realpath(Path(place, name)) not in seen
        ]
        kept = (name for name in files if name.lower().endswith(suffixes) and not name.startswith("."))
        found += [str(Path(place, name)) for name in kept]
    return found


def _refuse_closed(error: OSError) -> NoReturn:
    raise DatasetError(f"{shown(str(error.filename))} cannot be looked into: {error.strerror}.") from error


def _refuse_empty(folder: Path, name: str, suffixes: tuple[str, ...]) -> NoReturn:
    """Say what lies in a folder without shards."""
    endings = Counter("".join(file.suffixes[-2:]) or file.name for file in folder.iterdir())
    there = ", ".join(f"{printable(ending)} ({count:,})" for ending, count in endings.most_common(5))
    raise DatasetError(
        f"There is no file in {name} or below it that ends in {' or '.join(suffixes)}. It holds "
        f"{there[:300] or 'nothing'}."
    )


def _of_folder(folder: str, files: list[str], suffixes: tuple[str, ...]) -> list[str]:
    """All files of a folder, unless they are of several splits, which users keep apart."""
    if not files:
        raise DatasetError(f"There is no file in {folder} that ends in {' or '.join(suffixes)}.")
    splits = {found[0] for file in files if (found := _SPLIT.match(posixpath.basename(file)))}
    if len(splits) > 1:
        first = min(splits)
        raise DatasetError(
            f"{folder} holds several splits: {', '.join(sorted(splits))}. Say which: path: "
            f"{folder.rstrip('/')}/{first}*{suffixes[0]}"
        )
    return sorted(files, key=natural)


def _matched(path: str, found: list[str]) -> list[str]:
    if not found:
        raise DatasetError(f"No file fits {shown(path)}. Check dataset option 'path'.")
    return sorted(found, key=natural)


def _require_there(path: Path, name: str) -> None:
    try:
        there = path.exists()
    except OSError as error:
        raise DatasetError(f"{name[:200]} cannot be looked at: {error.strerror}.") from None
    if not there:
        raise DatasetError(
            f"There is no file or folder {name[:200]} (looked from {printable(str(Path.cwd()))}). Check "
            "dataset option 'path'."
        )


def _stem(name: str, suffixes: tuple[str, ...]) -> str:
    suffix = next((one for one in suffixes if name.lower().endswith(one) and len(name) > len(one)), "")
    return name[: len(name) - len(suffix)]


def _below_common(paths: Sequence[str]) -> list[str]:
    """Each path below the folder that all have in common."""
    try:
        top = posixpath.commonpath([posixpath.dirname(path) for path in paths])
    except ValueError:  # some are relative
        return list(paths)
    return [posixpath.relpath(path, top) if top else path for path in paths]
