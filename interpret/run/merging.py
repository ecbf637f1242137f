"""The stored shards of a step -> its result, however many they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from interpret.plugin.interfaces import ShardedProbe
from interpret.results import Result

GROUP = 64
"""Shards that are in memory at a time, where their probe can join them."""


def merge_shards(probe: ShardedProbe, loads: Sequence[Callable[[], Result]]) -> Result:
    """The result of a step from its shards.

    Those of a probe with ``join`` are joined a group at a time, and the groups in their turn: what is in
    memory does not grow with the number of images.

    Args:
        probe: What asked.
        loads: Read the partial result of each shard, in order.
    """
    if type(probe).join is not ShardedProbe.join:
        while len(loads) > GROUP:
            groups = [loads[start : start + GROUP] for start in range(0, len(loads), GROUP)]
            joined = [probe.join([load() for load in group]) for group in groups]
            loads = [partial(_same, one) for one in joined]
    return probe.merge([load() for load in loads])


def _same(one: Result) -> Result:
    return one
