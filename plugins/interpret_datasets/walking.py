"""Which files below a folder are pictures: none is opened, the time is bounded, and the rest is counted."""

from __future__ import annotations

import errno
import heapq
import logging
import os
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal, TypeAlias

from interpret.errors import DatasetError
from interpret.files import parse_json, printable, read_file

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")
"""Files with these endings are pictures, in capital letters too."""

MAX_DEPTH = 100
"""Folders in folders; more are refused."""

MAX_OTHERS = 1_000_000
"""Files that are no pictures, and folders; more are refused unless they are less than four to a picture."""

_Kind: TypeAlias = Literal["hidden", "folder", "link", "picture", "other"]
_Place: TypeAlias = tuple[int, int]  # what tells a folder, or a link to one, from all others
_LARGEST_MANIFEST = 2**26
_LONGEST, _NAMED = 12, 6
_logger = logging.getLogger(__name__)


@dataclass
class Found:
    """What lies below a folder.

    Attributes:
        pictures: Paths relative to it, with forward slashes.
        others: How many other files there are, by their ending.
        links: Links to folders that were looked into already.
        runs: Run folders, whose figures are no photographs.
    """

    pictures: list[str] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    links: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)

    @property
    def passed_over(self) -> str:
        """All that is no picture, in words; empty where there is nothing."""
        count = sum(self.others.values())
        most = sorted(self.others.items(), key=lambda item: (-item[1], item[0]))
        endings = ", ".join(f"{many:,} {ending}" for ending, many in most[:_NAMED])
        endings += ", …" if len(self.others) > _NAMED else ""
        said = [f"{_some(count, 'file')} of other kinds ({endings})"] if count else []
        said += [f"{_some(len(self.links), 'link')} to folders that were looked into"] if self.links else []
        said += (
            [f"{_some(len(self.runs), 'run folder')} ({', '.join(self.runs[:_NAMED])})"] if self.runs else []
        )
        return ", ".join(said)


def find(root: Path) -> Found:
    """Everything below a folder; links to folders are followed, each once, after all that are no links.

    Raises:
        DatasetError: If it is no folder, cannot be looked into, is too deep, or holds too much that is no
            picture.
    """
    require_folder(root)
    walk = _Walk(root)
    walk.waiting.append(("", frozenset()))
    while walk.waiting or walk.links:
        walk.look_into(*(walk.waiting.pop() if walk.waiting else heapq.heappop(walk.links)))
    return walk.found


@dataclass
class _Walk:
    """Where a walk stands: the folders it has still to look into, each with the folders it lies in."""

    root: Path
    found: Found = field(default_factory=Found)
    waiting: list[tuple[str, frozenset[_Place]]] = field(default_factory=list)
    links: list[tuple[str, frozenset[_Place]]] = field(default_factory=list)
    followed: set[_Place] = field(default_factory=set)
    others: int = 0

    def look_into(self, folder: str, above: frozenset[_Place]) -> None:
        here, entries = self.entries(folder)
        if here in above:
            self.found.links.append(folder)
            return
        for entry in entries:
            self.take(entry, f"{folder}/{entry.name}" if folder else entry.name, above | {here})
        self.require_bounds(folder)

    def take(self, entry: os.DirEntry[str], path: str, above: frozenset[_Place]) -> None:
        kind = kind_of(entry)
        self.others += kind != "picture"
        if kind == "picture":
            self.found.pictures.append(path)
        elif kind == "folder":
            self.waiting.append((path, above))
        elif kind == "link":
            self.follow(entry, path, above)
        elif kind == "other":
            self.found.others[_ending(entry)] += 1

    def follow(self, entry: os.DirEntry[str], path: str, above: frozenset[_Place]) -> None:
        status = entry.stat(follow_symlinks=False)
        inode = (status.st_dev, status.st_ino)
        if inode in self.followed:
            self.found.links.append(path)
        else:
            self.followed.add(inode)
            heapq.heappush(self.links, (path, above))

    def entries(self, folder: str) -> tuple[_Place, list[os.DirEntry[str]]]:
        """What tells a folder from all others, and what lies in it; of a run folder, nothing of the run."""
        path = self.root / folder
        try:
            status = path.stat()
            with os.scandir(path) as found:
                entries = list(found)
        except FileNotFoundError:  # it went meanwhile
            return (0, 0), []
        except OSError as error:
            cure = "Change its permissions" if error.errno in {errno.EACCES, errno.EPERM} else "Leave it out"
            raise DatasetError(
                f"{printable(str(path))} cannot be looked into: {error.strerror}. {cure}."
            ) from error
        steps = run_steps(path) if any(entry.name == "manifest.json" for entry in entries) else None
        if steps is not None:
            self.found.runs.append(printable(folder) or ".")
            entries = [] if folder else [entry for entry in entries if entry.name not in steps]
        return (status.st_dev, status.st_ino), entries

    def require_bounds(self, folder: str) -> None:
        if folder.count("/") >= MAX_DEPTH:
            raise DatasetError(
                f"{self.root} holds more than {MAX_DEPTH} folders in one another. Give one that lies deeper."
            )
        if self.others > MAX_OTHERS + 4 * len(self.found.pictures):
            raise DatasetError(
                f"{self.root} holds more than {MAX_OTHERS:,} files and folders that are no pictures, and "
                f"{len(self.found.pictures):,} pictures among them. Give the folder of the photographs alone."
            )


def kind_of(entry: os.DirEntry[str]) -> _Kind:
    """What an entry of a folder is; nothing is opened. A broken link counts by its name."""
    if entry.name.startswith("."):
        return "hidden"
    if entry.is_dir(follow_symlinks=False):
        return "folder"
    if entry.is_symlink():
        try:
            if entry.is_dir():
                return "link"
        except OSError:  # it leads to itself
            pass
    elif not entry.is_file(follow_symlinks=False):
        return "other"
    return "picture" if entry.name.lower().endswith(SUFFIXES) else "other"


def run_steps(folder: Path) -> set[str] | None:
    """The names of a run's steps, which are folders; None where the folder is none of a run."""
    try:
        manifest = parse_json(read_file(folder / "manifest.json", _LARGEST_MANIFEST))
    except (OSError, ValueError):
        return None
    ours = isinstance(manifest, dict) and manifest.keys() >= {"format", "pipeline", "steps"}
    return set(manifest["steps"]) if ours and isinstance(manifest["steps"], dict) else None


@lru_cache(maxsize=1024)
def tell(message: str) -> None:
    """Say something on the screen, once."""
    _logger.warning("%s", message)


def _ending(entry: os.DirEntry[str]) -> str:
    if not entry.is_symlink() and not entry.is_file(follow_symlinks=False):
        return "pipe or device"
    ending = printable(Path(entry.name).suffix.lower())
    return ending if 1 < len(ending) <= _LONGEST else "without ending"


def _some(count: int, name: str) -> str:
    return f"{count:,} {name}{'s' if count > 1 else ''}"


def require_folder(root: Path) -> None:
    """Raise DatasetError unless ``root`` is a folder."""
    try:
        there = root.exists()
    except OSError as error:
        raise DatasetError(f"{root} cannot be looked at: {error.strerror}.") from error
    if not there:
        raise DatasetError(
            f"There is no folder {root} (looked from {Path.cwd()}). Check dataset option 'path'."
        )
    if not root.is_dir():
        raise DatasetError(f"{root} is a file, not a folder. Give the folder that holds the photographs.")
