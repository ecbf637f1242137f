"""The executor ``ray``: the work of a run on the cores and GPUs of one machine or of a cluster.

- ``executor``: its parameters; ``cluster``: the Ray that it connects to or starts.
- ``pool``: workers that get jobs, and what happens when one is lost; ``worker``: what such a process does.
- ``coordinator``: what passes between them: claims, files, how far they are; ``exchange``: its other end.
"""

from interpret.plugin import Executor, hookimpl
from interpret_ray.executor import Ray

__all__ = ["Ray"]


@hookimpl
def register_executors() -> list[type[Executor]]:
    """Return the executors this plugin offers."""
    return [Ray]
