"""The stored shards of a step -> its result, however many they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from interpret.plugin.interfaces import ShardedProbe
from interpret.results import Result

GROUP = 64
"""Shards that are in memory at a time, where their probe can join them."""


def merge_shards(probe: ShardedProbe, loads: Sequence[Callable[[], Result]]) -> Result:
    """The result of a step from its shards.

    Those of a probe with ``join`` are joined a group at a time, and each group of groups before the next one
    is begun: what is in memory does not grow with the number of images.

    Args:
        probe: What asked.
        loads: Read the partial result of each shard, in order.
    """
    joins = type(probe).join is not ShardedProbe.join
    return probe.merge(_grouped(probe, loads) if joins else [load() for load in loads])


def _grouped(probe: ShardedProbe, loads: Sequence[Callable[[], Result]]) -> list[Result]:
    """At most ``GROUP`` results, each of as many consecutive shards as ``GROUP`` groups of groups hold."""
    if len(loads) <= GROUP:
        return [load() for load in loads]
    size = GROUP
    while size * GROUP < len(loads):
        size *= GROUP
    starts = range(0, len(loads), size)
    return [probe.join(_grouped(probe, loads[start : start + size])) for start in starts]
