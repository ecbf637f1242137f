"""The executor that computes the shards of a step on this machine, in this process or in several."""

from interpret.plugin import Executor, hookimpl
from interpret_local.executor import Local

__all__ = ["Local"]


@hookimpl
def register_executors() -> list[type[Executor]]:
    """Return the executors this plugin offers."""
    return [Local]
