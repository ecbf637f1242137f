"""The executor that computes the shards of a step in this process, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar

from interpret.hookspecs import hookimpl
from interpret.interfaces import Executor


class Local(Executor):
    """Computes the shards in this process, in order; torch spreads each over the cores."""

    name: ClassVar[str] = "local"

    def map(self, work: Callable[[range], None], shards: Iterable[range]) -> Iterator[range]:
        """Call ``work`` once for every shard and yield each when it is stored."""
        for shard in shards:
            work(shard)
            yield shard


@hookimpl
def register_executors() -> list[type[Executor]]:
    """Return the executors this plugin offers."""
    return [Local]
