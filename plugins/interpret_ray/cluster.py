"""The Ray that is connected to, or started on this machine."""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import dataclass
from typing import Any

from interpret.errors import StepError, clause

MISSING = "The executor ray needs Ray, which is not installed: pip install 'interpret-cnn[ray]'."


@dataclass(frozen=True)
class Cluster:
    """What there is to compute with.

    Attributes:
        cpus: Cores.
        gpus: GPUs.
        ours: Whether it was started here, and ends with the run.
    """

    cpus: float
    gpus: float
    ours: bool

    def room(self, cpus: float, gpus: float) -> int:
        """How many workers that ask for so much it has room for, at least one."""
        limits = [have / want for have, want in ((self.cpus, cpus), (self.gpus, gpus)) if want]
        return max(int(min(limits, default=self.cpus)), 1)


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
    """Connect to a cluster, or start one here with room for so many cores.

    Raises:
        StepError: If there is no Ray at the address.
    """
    ray = ray_module()
    address = address or os.environ.get("RAY_ADDRESS", "")
    ours = not address and not ray.is_initialized()
    if not ray.is_initialized():
        logging.getLogger("ray").setLevel(logging.ERROR)
        try:
            ray.init(**(_elsewhere(address) if address else _here(cpus)), **_QUIET)
        except Exception as error:
            where = f"at {address}" if address else "on this machine"
            raise StepError(f"Ray cannot be reached {where}: {clause(error)}.") from error
    resources = ray.cluster_resources()
    return Cluster(resources.get("CPU", 0), resources.get("GPU", 0), ours)


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


def _elsewhere(address: str) -> dict[str, Any]:
    return {"address": address}
