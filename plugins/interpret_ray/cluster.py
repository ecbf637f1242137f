"""The Ray that is connected to, or started on this machine."""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Event, RLock, Thread
from typing import Any

from interpret.errors import StepError, clause

MISSING = "The executor ray needs Ray, which is not installed: pip install 'interpret-cnn[ray]'."


@dataclass(frozen=True)
class Cluster:
    """What there is to compute with.

    Attributes:
        cpus: Cores.
        gpus: GPUs.
        ours: Whether it was started here, and so has what it will ever have.
    """

    cpus: float
    gpus: float
    ours: bool

    def room(self, cpus: float, gpus: float) -> int:
        """How many workers that ask for so much it has room for, at least one."""
        limits = [have / want for have, want in ((self.cpus, cpus), (self.gpus, gpus)) if want]
        return max(int(min(limits, default=self.cpus)), 1)

    def has(self, cpus: float, gpus: float) -> bool:
        """Whether it has room for one such worker, if nobody else uses it; some cluster may still grow."""
        return cpus <= self.cpus and gpus <= self.gpus

    def __str__(self) -> str:
        return f"{self.cpus:g} cores and {self.gpus:g} GPUs"


@dataclass
class _Connection:
    """What this process has connected to, for all runs in it.

    Attributes:
        address: Where it is; empty: it was started here.
        users: How many pools use it.
        ending: Set when nobody does.
        thread: The one that has connected; it must live as long, since the kernel ends what it has started.
    """

    address: str
    ending: Event
    thread: Thread
    users: int = 0


_connection: list[_Connection] = []
_lock = RLock()


def ray_module() -> Any:
    """The package ``ray``.

    Raises:
        StepError: If it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report to its makers
    try:
        import ray  # noqa: PLC0415 - it takes seconds
    except ImportError:
        raise StepError(MISSING) from None
    return ray


def connect(address: str, cpus: float) -> Cluster:
    """Connect to a cluster, or start one here with room for so many cores, until `disconnect` is called.

    Raises:
        StepError: If there is no Ray at the address, or another one is in use here.
    """
    ray = ray_module()
    address = address or os.environ.get("RAY_ADDRESS", "")
    with _lock:
        if not ray.is_initialized():
            _connection[:] = [_connect(address, cpus)]
        if _connection:
            _require_same(address)
            _connection[0].users += 1
        resources = ray.cluster_resources()
        ours = bool(_connection) and not _connection[0].address
    return Cluster(resources.get("CPU", 0), resources.get("GPU", 0), ours)


def disconnect() -> None:
    """Nobody of those who have called `connect` needs it; after the last one what was started here ends."""
    with _lock:
        if not _connection:  # somebody else has connected
            return
        _connection[0].users -= 1
        if not _connection[0].users:
            ray_module().shutdown()
            _connection.pop().ending.set()


def _require_same(address: str) -> None:
    there = _connection[0].address
    if address and address != there:
        raise StepError(
            f"Another run in this process uses the Ray {f'at {there}' if there else 'of this machine'}. Use "
            f"that at {address} in another process."
        )


def _connect(address: str, cpus: float) -> _Connection:
    """Connect in a thread that stays."""
    logging.getLogger("ray").setLevel(logging.ERROR)
    options = {"address": address} if address else _here(cpus)
    ending, outcome = Event(), SimpleQueue[Exception | None]()

    def stay() -> None:
        try:
            ray_module().init(**options, **_QUIET)
        except Exception as error:  # noqa: BLE001 - whatever it is
            outcome.put(error)
            return
        outcome.put(None)
        ending.wait()

    thread = Thread(target=stay, name="interpret-ray-connection", daemon=True)
    thread.start()
    if (error := outcome.get()) is not None:
        where = f"at {address}" if address else "on this machine"
        raise StepError(f"Ray cannot be reached {where}: {clause(error)}.") from error
    return _Connection(address, ending, thread)


_QUIET = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}
"""Workers tell by jobs; what Ray has to say of its own start is nothing that users could act on."""


def _here(cpus: float) -> dict[str, Any]:
    """A cluster of this machine, whose processes find the modules that this one finds."""
    paths = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return {
        "num_cpus": max(int(-(-cpus // 1)), os.cpu_count() or 1),
        "include_dashboard": False,
        "runtime_env": {"env_vars": paths},
    }
