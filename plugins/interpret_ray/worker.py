"""What a process does that gets jobs."""

from __future__ import annotations

import fcntl
import os
import pickle
import shutil
import time
from contextlib import suppress
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import Any

from interpret.files import is_locked
from interpret.plugin import Job
from interpret.run import exchange_by, sendable
from interpret_ray.exchange import CoordinatorExchange

PREFIX, LOCK = "interpret-ray-", ".lock"
YOUNG = 60.0
"""Seconds in which a folder may not be locked yet."""

_locks: list[int] = []


class Worker:
    """Computes jobs one after the other.

    Args:
        name: What tells it from others.
        coordinator: The coordinator of the run.
        folder: The run folder.
        token: A file there, and what is in it: who reads that sees the folder.
        shared_disk: Whether it sees the folder; none: it finds out.
    """

    def __init__(
        self, name: str, coordinator: Any, folder: Path, token: tuple[Path, str], shared_disk: bool | None
    ) -> None:
        seen = _sees(*token) if shared_disk is None else shared_disk
        self.coordinator, self.scratch = coordinator, None if seen else own_folder()
        exchange_by(CoordinatorExchange(self._call, name, self.scratch or folder, apart=not seen))

    def ready(self) -> None:
        """It has begun."""

    def run(self, number: int, data: bytes) -> bytes | None:
        """Run a job; what it raises comes back as bytes."""
        job: Job = pickle.loads(data)  # noqa: S301 - from the process that started this one
        try:
            (job.at(self.scratch) if self.scratch else job).run(
                lambda images: self.coordinator.tell.remote(number, images)
            )
        except Exception as error:  # noqa: BLE001 - the code of a plugin fails in any way
            return pickle.dumps(sendable(error))
        self._call("tell", number, 0)  # what was told before has arrived, too
        return None

    def end(self) -> None:
        """Leave nothing behind."""
        if self.scratch:
            shutil.rmtree(self.scratch, ignore_errors=True)

    def _call(self, method: str, *args: Any) -> Any:
        import ray  # noqa: PLC0415 - it runs inside of it

        return ray.get(getattr(self.coordinator, method).remote(*args))


def own_folder() -> Path:
    """A folder that is locked while this process lives; those of processes that are gone go, too."""
    for left in Path(gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):
            if left.stat().st_mtime < time.time() - YOUNG and not is_locked(left / LOCK):
                shutil.rmtree(left, ignore_errors=True)
    folder = Path(mkdtemp(prefix=PREFIX))
    _locks.append(os.open(folder / LOCK, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    fcntl.flock(_locks[-1], fcntl.LOCK_EX)
    return folder


def _sees(path: Path, token: str) -> bool:
    try:
        return path.read_text() == token
    except OSError:
        return False
