"""Folders behind URLs, and where on this machine they are worked in and read.

The folder here is in the user's cache, ``~/.cache/interpret/runs`` (``INTERPRET_CACHE``,
``XDG_CACHE_HOME``), one for each URL. It may be removed whenever nothing runs: what is missing is brought
again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from interpret.errors import InterpretError
from interpret.files.contents import digest
from interpret.files.folders import is_inside, is_locked, locked, user_path, write_atomically
from interpret.files.locks import new_token
from interpret.files.mirrors import AT_FIRST, Mirror
from interpret.files.urls import is_url, shown

FIRST = ("manifest.json", "index.html", "result.json")
"""What is in the folder of a run, a gallery, or a result."""

_STAYS = re.compile(
    r"(.*/)?(\.lock|\.locks|\.claims|\.here|\.[^/]*\.emptied|\.interpret-[0-9a-f]{16}\.part)(/.*)?"
    r"|\.work/[^/]*/hashes\.json"
)
"""What says something of this machine or of processes on it, or is half written."""

_WORK = re.compile(r"\.work(/.*)?|[^/]+/shards(/.*)?")
"""What a run needs to go on, and nobody who reads it."""


_TOKEN = re.compile(r"[0-9a-f]{32}")
_SQUEEZED = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/[^/]")
_USER = re.compile(r"^([^/]*://)[^/]*@")


@dataclass(frozen=True)
class RemoteFolder:
    """A folder behind a URL.

    Attributes:
        url: The URL.
        part: What tells processes apart that share the work; each has a folder of its own here.
    """

    url: str
    part: str = ""

    @property
    def home(self) -> Path:
        """What belongs to it on this machine."""
        return cache_folder() / "runs" / digest(_USER.sub(r"\1", self.url.rstrip("/")), self.part)

    @property
    def folder(self) -> Path:
        """Where it is worked in and read."""
        name = re.split(r"[?#]", self.url.rstrip("/"), maxsplit=1)[0].rpartition("/")[2]
        return self.home / (name if is_inside(name) else "run")

    @property
    def token(self) -> str:
        """What processes that work in the folder here are called there, one after the other."""
        path = self.home / "token"
        if not path.exists() or not _TOKEN.fullmatch(path.read_text()):
            write_atomically(path, new_token().encode())
        return path.read_text()

    def mirror(self, tops: Sequence[str] = ("",), *, work: bool = True) -> Mirror:
        """Both folders.

        Args:
            tops: The files and folders in them that count.
            work: Whether what a run needs to go on counts, too.

        Raises:
            InterpretError: If there is no such file system, or the folder here cannot be made.
        """
        mirror = Mirror(
            self.folder, self.url, self.home / "notes.json", tops, _stays if work else _is_of_no_use
        )
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(self.home / "url", f"{shown(self.url)}\n".encode())
        except OSError as error:
            raise self._unusable(error) from None
        return mirror

    def _unusable(self, error: OSError) -> InterpretError:
        return InterpretError(
            f"{self.folder}, where {shown(self.url)} is kept on this machine, cannot be used: "
            f"{error.strerror}. Mend that, or set INTERPRET_CACHE to another folder."
        )

    def bring(self, mirror: Mirror) -> None:
        """Bring what has changed; of several processes one after the other does.

        Raises:
            InterpretError: If it cannot be read.
        """
        try:
            with locked(self.home / "bringing"):
                mirror.bring()
        except OSError as error:
            raise self._unusable(error) from None


def cache_folder() -> Path:
    """Where things are kept that can be had again."""
    if given := os.environ.get("INTERPRET_CACHE"):
        return user_path(given)
    return user_path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "interpret"


def path_or_url(path: str | Path) -> Path | str:
    """A path as a user writes it, or a URL other than ``file://``, which is a path.

    Raises:
        InterpretError: If it is neither.
    """
    if isinstance(path, Path) and _SQUEEZED.match(str(path)):
        raise InterpretError(f"pathlib takes a slash away from the URL {str(path)!r}. Give it as text.")
    if isinstance(path, str) and path.startswith("file://"):
        path = path.removeprefix("file://")
    return str(path) if is_url(path) else user_path(path)


def readable_folder(path: str | Path) -> Path:
    """A folder as a user names it, to be read: what a URL leads to is brought here, unless a run here has it.

    Raises:
        InterpretError: If it is no path, or a URL that cannot be read, or leads to nothing.
    """
    path = path_or_url(path)
    if isinstance(path, Path):
        return path
    remote = RemoteFolder(path)
    if is_locked(remote.folder / ".lock"):
        return remote.folder
    mirror = remote.mirror(work=False)
    if not mirror.patiently(lambda: any(map(mirror.has, FIRST)), AT_FIRST):
        raise InterpretError(
            f"There is no run at {shown(path)}, nor a gallery or a result: it has none of "
            f"{', '.join(FIRST)}. Give the URL that `interpret run PIPELINE --out URL` wrote to."
        )
    remote.bring(mirror)
    return remote.folder


def local_folder(path: str | Path) -> Path:
    """A folder as a user names it, on this machine.

    Raises:
        InterpretError: If it is no path, or a URL.
    """
    path = path_or_url(path)
    if isinstance(path, Path):
        return path
    raise InterpretError(
        f"{shown(path)} is a URL, and this is written to a folder of this machine: give its path."
    )


def _stays(name: str) -> bool:
    return bool(_STAYS.fullmatch(name))


def _is_of_no_use(name: str) -> bool:
    return _stays(name) or bool(_WORK.fullmatch(name))
