"""Processes forked from one that has imported everything: a kill costs no imports.

The process of the campaign only forks, so it stays without threads. It becomes the parent of whatever a
killed process leaves behind, and so sees it.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import forkserver, get_context, process, util
from pathlib import Path

from interpret.errors import InterpretError

BECOME_SUBREAPER = 36
UNEXPECTED = 70
"""The exit code of a process that ended with an error that is none of ours."""

PROMPT = 30.0
"""Seconds in which processes must be gone, on a machine that has much else to do."""


def prepare(temporary: Path) -> None:
    """Import what runs need, here and in the server that processes of executors are forked from.

    Args:
        temporary: Where processes have their temporary files.
    """
    import preloaded  # noqa: F401, PLC0415 - it takes seconds

    util.get_temp_dir()  # where sockets are, which goes when this process ends
    temporary.mkdir()
    tempfile.tempdir = str(temporary)
    paths = os.pathsep.join(filter(None, sys.path))
    os.environ.update(PYTHONPATH=paths, OMP_NUM_THREADS="1", TMPDIR=str(temporary))
    ctypes.CDLL(None).prctl(BECOME_SUBREAPER, 1, 0, 0, 0)
    context = get_context("forkserver")
    context.set_forkserver_preload(["preloaded"])
    asked = context.Process(target=_require_preloaded)
    asked.start()
    asked.join()
    assert asked.exitcode == 0, "the server has not imported what it should"
    assert threading.active_count() == 1, "a process with threads is not forked"
    gc.collect()
    gc.freeze()


def _require_preloaded() -> None:
    sys.exit("preloaded" not in sys.modules)


def start(function: Callable[..., object], log: Path, *arguments: object) -> process.BaseProcess:
    """Run a function in a forked process; what it says goes to ``log``.

    Its exit code is 0, 1 after an `InterpretError`, or `UNEXPECTED`.
    """
    child = get_context("fork").Process(target=_begin, args=(function, log, arguments))
    child.start()
    return child


def finish(function: Callable[..., object], log: Path, *arguments: object) -> int:
    """Run a function in a forked process to its end; returns the exit code."""
    child = start(function, log, *arguments)
    child.join()
    return int(child.exitcode or 0)


def _begin(function: Callable[..., object], log: Path, arguments: tuple[object, ...]) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    forkserver._forkserver.ensure_running = lambda: None  # type: ignore[method-assign]  # it was inherited
    code = 0
    try:
        function(*arguments)
    except InterpretError as error:
        code = 1
        print(error, *getattr(error, "__notes__", []), sep="\n", flush=True)
    except BaseException:  # noqa: BLE001 - any other is what the campaign looks for
        code = UNEXPECTED
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code) if code else None


def said(log: Path) -> str:
    """What a process said."""
    return log.read_text(errors="replace") if log.exists() else "It said nothing."


def kill(pid: int) -> bool:
    """Kill a process; whether it was there."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False


def parents() -> dict[int, int]:
    """The parent of every process of the machine that is no zombie."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                found[int(path.parent.name)] = int(parent)
    return found


def below(top: int) -> list[int]:
    """All processes that come from a process."""
    known = parents()
    found, waiting = [], [top]
    while waiting:
        one = waiting.pop()
        children = [pid for pid, parent in known.items() if parent == one]
        found += children
        waiting += children
    return found


def server() -> int:
    """The server that processes of executors are forked from."""
    return int(forkserver._forkserver._forkserver_pid)  # type: ignore[attr-defined]


def workers() -> list[int]:
    """The processes of executors that are alive."""
    return below(server())


def reap() -> None:
    """Take leave of children that ended; those of killed processes became ours."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def left_over(own: set[int]) -> list[int]:
    """Processes that are still there some time after all work ended, other than our own; they are killed."""
    ended = time.monotonic() + PROMPT
    while (left := [pid for pid in below(os.getpid()) if pid not in own]) and time.monotonic() < ended:
        time.sleep(0.02)
    for pid in left:
        kill(pid)
    return left
