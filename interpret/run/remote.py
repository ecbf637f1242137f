"""A run whose folder is behind a URL: it works in a folder of this machine, from which all is sent there."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from threading import Event, RLock, Thread

from interpret.errors import InterpretError
from interpret.files.folders import write_atomically
from interpret.files.locks import RENEW, RemoteLock
from interpret.files.mirrors import Mirror
from interpret.files.remote import RemoteFolder, path_or_url
from interpret.files.urls import reason, shown
from interpret.interrupts import check_interrupt, saving
from interpret.run.cache import follows, new_run, processes

EVERY = 5.0
"""Seconds after which what has changed is sent."""

SHARE = 0.02
"""Of its time that this process may spend on looking for changes."""

READ_ONLY = frozenset({"http", "https"})
BROUGHT = "brought"
"""The file that says for which run all has been brought."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunPlace:
    """Where a run is.

    Attributes:
        folder: On this machine.
        remote: Behind a URL; None where the folder here is all there is.
    """

    folder: Path
    remote: RemoteFolder | None = None

    @property
    def url(self) -> str:
        """The URL as it is shown; empty where there is none."""
        return shown(self.remote.url) if self.remote else ""

    def kept(
        self, steps: Iterable[str], *, shared: bool = False, take_over: bool = False
    ) -> AbstractContextManager[None]:
        """While this holds, what is behind the URL is here, and what is made here goes there.

        Args:
            steps: The names of the steps.
            shared: Whether others that share the work may do the same.
            take_over: Go on even if another process is not known to be gone.

        Raises:
            InterpretError: If another process uses it, or it cannot be read or written.
        """
        if self.remote is None:
            return nullcontext()
        if follows():
            return _brought(self.remote)
        mirror = self.remote.mirror(("manifest.json", ".work", *steps))
        return _kept(self.remote, mirror, shared=shared, take_over=take_over)


def find_place(out: str | Path, part: str = "") -> RunPlace:
    """Where a run is that a user gives a path or a URL for.

    Args:
        out: The path or URL.
        part: What tells processes that share the work apart.

    Raises:
        InterpretError: If it is neither, or can only be read.
    """
    out = path_or_url(out)
    if isinstance(out, Path):
        return RunPlace(out)
    if out.partition("://")[0].lower() in READ_ONLY:
        raise InterpretError(
            f"{shown(out)} can only be read. Give a path, or a URL that can be written, such as s3://…"
        )
    if processes() != int(os.environ.get("LOCAL_WORLD_SIZE", processes())):
        raise InterpretError(
            "Processes of torchrun on several machines need a run folder that all of them see: give a path "
            "on a shared disk, not a URL."
        )
    remote = RemoteFolder(out, part)
    return RunPlace(remote.folder, remote)


@contextmanager
def _brought(remote: RemoteFolder) -> Iterator[None]:
    """For a process of ``torchrun`` that leaves it to the first to bring and send: wait until that has."""
    note, wanted = remote.home / BROUGHT, new_run().encode()
    while not note.is_file() or note.read_bytes() != wanted:
        check_interrupt()
        time.sleep(0.05)
    yield


@contextmanager
def _kept(remote: RemoteFolder, mirror: Mirror, *, shared: bool, take_over: bool) -> Iterator[None]:
    lock = RemoteLock(mirror, remote.token, shared)
    lock.acquire(take_over=take_over)
    try:
        with saving(lock.release, f"{shown(remote.url)} is being left to others."):
            remote.bring(mirror)
        write_atomically(remote.home / BROUGHT, new_run().encode())
    except BaseException:
        lock.release()
        raise
    sender = _Sender(mirror, lock)
    sender.start()
    words = f"What is done is being sent to {shown(remote.url)}. Ctrl-C again does not wait for it."
    with saving(lambda: sender.finish(waits=()), words):
        try:
            yield
        except BaseException as error:
            if left := sender.finish(waits=()):
                error.add_note(left)
            raise
        if left := sender.finish():
            raise InterpretError(left)


class _Sender:
    """Sends what has changed, again and again, beside the run.

    Args:
        mirror: The folder here and there.
        lock: What keeps others out.
    """

    def __init__(self, mirror: Mirror, lock: RemoteLock) -> None:
        self.mirror, self.lock = mirror, lock
        self.ended, self.ending = Event(), RLock()
        self.threads: list[Thread] = []
        self.told, self.left = False, ""

    def start(self) -> None:
        """Begin; a large file that takes long must not make the lock stale."""
        for seconds, act in ((EVERY, self.send), (RENEW, self.renew)):
            thread = Thread(
                target=self._again_and_again, args=(seconds, act), name="interpret-url", daemon=True
            )
            thread.start()
            self.threads.append(thread)

    def _again_and_again(self, seconds: float, act: Callable[[], None]) -> None:
        wait = seconds
        while not self.ended.wait(wait):
            began = time.thread_time()
            try:
                act()
            except Exception as error:  # noqa: BLE001 - what file systems raise has no common type
                self._tell(error)
            else:
                self.told = False
            wait = max(seconds, (time.thread_time() - began) / SHARE)

    def _tell(self, error: Exception) -> None:
        """Say once that it cannot be sent now."""
        if not self.told and not self.ended.is_set():
            self.told = True
            why = str(error) if isinstance(error, InterpretError) else f"{reason(error, self.mirror.url)}."
            logger.warning(
                "%s cannot be written now: %s The run goes on in %s, and it is tried again.",
                shown(self.mirror.url),
                why,
                self.mirror.folder,
            )

    def renew(self) -> None:
        """Say that this run goes on."""
        self.require_lock()
        self.lock.renew()

    def send(self, *, all_of_it: bool = False) -> None:
        """Send what has changed."""
        self.require_lock()
        if not (self.mirror.folder / ".lock").exists():  # somebody empties the folder, and all would go there
            raise InterpretError(f"{self.mirror.folder} was removed during the run.")
        self.mirror.send(all_of_it=all_of_it)

    def require_lock(self) -> None:
        """See that nobody has taken the run over.

        Raises:
            InterpretError: If somebody has.
        """
        if not self.lock.is_held():
            raise InterpretError("Another process has taken the run over.")

    def finish(self, waits: Sequence[float] | None = None) -> str:
        """Send all that is left, and let others in; the first who calls this does so.

        Args:
            waits: Seconds before each further attempt; None: as everywhere.

        Returns:
            What to say where it could not be sent, else nothing.
        """
        with self.ending:
            if self.ended.is_set():
                return self.left
            self.ended.set()
            try:
                self.mirror.patiently(lambda: self.send(all_of_it=True), waits)
            except InterpretError as error:
                self.left = (
                    f"{error} All that was computed is in {self.mirror.folder} on this machine. When "
                    f"{shown(self.mirror.url)} can be written again, the same command sends it there."
                )
            self.lock.release()
            return self.left
