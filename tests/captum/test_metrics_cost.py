"""Costs: what is held at the peak is measured, whatever came before."""

import gc
import sys
import time
from math import isnan

import pytest
import torch

from interpret_captum import metrics
from interpret_captum.metrics import cost

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of a process")
MIB = 2**20


def hold(mib):
    """Fill so much memory and give it back."""
    return lambda: torch.ones(mib * MIB // 4).sum()


@LINUX
def test_the_peak_counts_though_it_is_given_back():
    found = metrics.measure(hold(200))
    if isnan(found.memory):
        pytest.skip("this system does not let a process reset its peak")
    assert 195 < found.memory < 240


@LINUX
def test_freed_memory_hides_nothing():
    pieces = [torch.ones(1000) for _ in range(20_000)]  # small blocks, which the allocator keeps when freed
    del pieces
    first, second = metrics.measure(hold(100)).memory, metrics.measure(hold(100)).memory
    if isnan(first):
        pytest.skip("this system does not let a process reset its peak")
    assert first == pytest.approx(second, abs=20)
    assert metrics.measure(lambda: None).memory < 20


def test_a_system_that_tells_no_memory(monkeypatch, tmp_path):
    monkeypatch.setattr(cost, "_STATUS", tmp_path / "none")
    monkeypatch.setattr(cost, "_CLEAR", tmp_path / "no" / "folder")
    found = metrics.measure(lambda: time.sleep(0.01))
    assert isnan(found.memory)
    assert found.seconds >= 0.01


def test_runs_are_interleaved_and_medians_taken():
    order = []

    def run(name, pauses):
        def work():
            order.append(name)
            time.sleep(pauses[order.count(name) - 1])

        return work

    costs = metrics.interleaved([run("a", [0.1, 0.0, 0.0]), run("b", [0.05, 0.05, 0.05])], repeats=3)
    assert order == ["a", "b"] * 3
    assert costs[0].seconds < 0.05 <= costs[1].seconds  # a's slow first run is no median


@pytest.mark.parametrize("frozen", [False, True])
def test_what_the_garbage_collector_was_told_to_pass_over_stays_so(frozen):
    before = gc.get_freeze_count()
    gc.unfreeze()
    try:
        if frozen:
            gc.freeze()
        metrics.interleaved([lambda: None], repeats=1)
        assert bool(gc.get_freeze_count()) == frozen
    finally:
        if before:
            gc.freeze()
