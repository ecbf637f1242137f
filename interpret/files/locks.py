"""Who uses a folder behind a URL: each writes a file there, and looks at those of the others.

Object stores have no locks that end with a process. A file that has not been written anew for `STALE`
seconds, by the clock of the store, is that of a process that is gone. Each writes its own before it looks, so
of two that begin at the same time both may be refused, but never both be let in.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from interpret.errors import InterpretError
from interpret.files.mirrors import AT_FIRST, Mirror
from interpret.files.reading import printable
from interpret.files.sealed import seal, unseal
from interpret.files.urls import shown

RENEW = 30.0
"""Seconds after which a process that uses the folder says so again."""

STALE = 300.0
"""Seconds after which one that has not is taken for gone."""

LOCKS = ".locks"
_LARGEST = 10_000


@dataclass(frozen=True)
class Holder:
    """A process that uses the folder, or has used it.

    Attributes:
        place: Where its file is.
        owner: Who it is.
        since: When it began, for people.
        shared: Whether it lets others in that share the work.
        age: Seconds since it was heard of.
    """

    place: str
    owner: str
    since: str
    shared: bool
    age: float

    def __str__(self) -> str:
        return f"{self.owner}, since {self.since}, last heard of {max(self.age, 0):.0f} seconds ago"


@dataclass(frozen=True)
class RemoteLock:
    """The file of this process.

    Attributes:
        mirror: The folder.
        token: What it is called; a process that goes on for one that was killed here has the same.
        shared: Whether others that share the work may use the folder, too.
        since: When it began, for people.
    """

    mirror: Mirror
    token: str
    shared: bool = False
    since: str = field(default_factory=lambda: time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()))

    @property
    def place(self) -> str:
        """Where the file is."""
        return self.mirror.place(f"{LOCKS}/{self.token}.json")

    def acquire(self, *, take_over: bool = False) -> None:
        """Keep others out.

        Args:
            take_over: Do so even if another process is not known to be gone.

        Raises:
            InterpretError: If another process uses the folder.
        """
        self.mirror.patiently(self.renew, AT_FIRST)
        try:
            for other in self.mirror.patiently(lambda: [*self._others()]):
                if other.age > STALE or (take_over and self._excludes(other)):
                    self._remove(other.place)
                elif self._excludes(other):
                    raise InterpretError(self._refusal(other))
        except BaseException:
            self.release()
            raise

    def _excludes(self, other: Holder) -> bool:
        return not (self.shared and other.shared)

    def _refusal(self, other: Holder) -> str:
        return (
            f"The run at {shown(self.mirror.url)} is in use by {other}. Nothing there was changed. Wait "
            f"until it is done, or {STALE / 60:.0f} minutes if it is gone; --take-over (take_over=True) does "
            "not wait, and keeps the other one from storing more."
        )

    def renew(self) -> None:
        """Say that this process uses the folder."""
        owner = f"process {os.getpid()} on {printable(socket.gethostname())}"
        said = {"owner": owner, "since": self.since, "renewed": time.time(), "shared": self.shared}
        self.mirror.write(self.place, seal(said))

    def is_held(self) -> bool:
        """Whether nobody has taken the folder over."""
        return self.mirror.has(f"{LOCKS}/{self.token}.json")

    def release(self) -> None:
        """Let others in."""
        with suppress(Exception):  # it will be stale
            self._remove(self.place)

    def _remove(self, place: str) -> None:
        with suppress(FileNotFoundError):
            self.mirror.system.rm_file(place)

    def _others(self) -> Iterator[Holder]:
        """The other processes that say they use the folder."""
        found = self.mirror.find(LOCKS)
        ours: Mapping[str, Any] = next((found[place] for place in found if place == self.place), {})
        for place in found:
            if place != self.place and place.endswith(".json"):
                said = _read(self.mirror.system, place)
                yield Holder(
                    place,
                    printable(str(said.get("owner", "another process")))[:200],
                    printable(str(said.get("since", "an unknown time")))[:40],
                    said.get("shared") is True,
                    _age(ours, found[place], said),
                )


def new_token() -> str:
    """A name that no other process has."""
    return uuid4().hex


def _read(system: Any, place: str) -> Mapping[str, Any]:
    """What a file says; nothing where it is half written."""
    try:
        return unseal(system.cat_file(place)[:_LARGEST])
    except (FileNotFoundError, ValueError):
        return {}


def _age(ours: Mapping[str, Any], theirs: Mapping[str, Any], said: Mapping[str, Any]) -> float:
    """Seconds by which another file is older than ours, by the clock of the store, else by those of both."""
    now, then = _written(ours), _written(theirs)
    if now and then:
        return now - then
    renewed = said.get("renewed")
    return time.time() - renewed if isinstance(renewed, float) else 0.0


def _written(info: Mapping[str, Any]) -> float:
    """When the store says a file was written; 0 where it does not."""
    said = {str(key).lower(): value for key, value in info.items()}
    for key in ("lastmodified", "last_modified", "updated", "mtime", "modified", "created"):
        value = said.get(key)
        if isinstance(value, str):
            with suppress(ValueError):
                value = datetime.fromisoformat(value)
        if isinstance(value, datetime):
            return value.timestamp()
        if isinstance(value, int | float):
            return float(value)
    return 0.0
