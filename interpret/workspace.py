"""Room for work that must outlive the process: a killed step finds there what it had done.

Inside a run the room is in the run folder, so that every attempt, and every step that asks for the same work,
finds it; elsewhere it is a temporary folder of this process.
"""

from __future__ import annotations

import atexit
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TypeVar

from interpret import results
from interpret.images import digest
from interpret.results import Result
from interpret.store import code_version, whole

R = TypeVar("R", bound=Result)

_folder: ContextVar[Path | None] = ContextVar("workspace", default=None)


def processes() -> int:
    """How many processes ``torchrun`` has started to share the work; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def follows() -> bool:
    """Whether this is one of the processes of ``torchrun`` that leave all writing to the first."""
    return processes() > 1 and int(os.environ.get("RANK", "0")) > 0


@contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """While this holds, rooms are in ``folder``."""
    token = _folder.set(folder)
    try:
        yield
    finally:
        _folder.reset(token)


def room(*content: object) -> Path:
    """A folder for one piece of work, the same one for the same content.

    Args:
        *content: Everything the work depends on, as text; a class stands for the code of its package.
    """
    parts = (code_version(part) if isinstance(part, type) else part for part in content)
    path = (_folder.get() or _temporary()) / digest(*parts)
    path.mkdir(parents=True, exist_ok=True)
    return path


def kept(compute: Callable[[], R], *content: object) -> R:
    """A result that is computed once for its content and found again afterwards.

    Args:
        compute: Computes it.
        *content: Everything it depends on, as for `room`.
    """
    folder = room("kept", *content)
    if not whole(folder):
        found = compute()
        if follows():
            return found
        found.save(folder)
    return results.load(folder)  # type: ignore[return-value]  # what compute() returned


@cache
def _temporary() -> Path:
    """A folder that is removed when the process ends."""
    folder = Path(mkdtemp(prefix="interpret-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
