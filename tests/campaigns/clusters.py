"""One Ray on this machine for the whole campaign: it ends with its process, and no other Ray is touched."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import forked

HEAD = """\
import sys
import ray
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100_000_000)
print("at", ray.get_runtime_context().gcs_address, flush=True)
sys.stdin.read()
"""


@contextmanager
def cluster() -> Iterator[str]:
    """The address of a Ray with two cores, whose workers import before they are asked."""
    os.environ["RAY_AUTH_MODE"] = "disabled"  # of drivers too: nobody else can reach it
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "OMP_NUM_THREADS": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_preload_python_modules": "preloaded",
    }
    command = [sys.executable, "-c", HEAD]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True) as head:
        assert head.stdin
        assert head.stdout
        address = next((line.split()[1] for line in head.stdout if line.startswith("at ")), "")
        assert address, "Ray did not start"
        below = forked.below(head.pid)
        yield address
        head.stdin.close()
        head.wait(60)
    for pid in set(below).intersection(forked.below(os.getpid())):  # numbers may be given again
        forked.kill(pid)


def actors() -> list[int]:
    """The processes of workers and coordinators of runs, below this one."""
    return [pid for pid in forked.below(os.getpid()) if _is_actor(pid)]


def workers() -> list[int]:
    """The processes that compute."""
    return [pid for pid in actors() if b"::Worker" in _command(pid)]


def left_over() -> list[int]:
    """Actors that are still there some time after their run has ended; they are killed."""
    ended = time.monotonic() + forked.PROMPT
    while (left := actors()) and time.monotonic() < ended:
        time.sleep(0.05)
    for pid in left:
        forked.kill(pid)
    return left


def _is_actor(pid: int) -> bool:
    command = _command(pid)
    return command.startswith(b"ray::") and (b"Worker" in command or b"Coordinator" in command)


def _command(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""
