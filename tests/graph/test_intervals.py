"""Interval arithmetic against the definition of a windowed operation, position by position."""

import itertools
import random

import pytest
import torch
import torch.nn.functional as F

from interpret.graph.delta.intervals import Interval, Slices, overlaps, reading, runs
from interpret.graph.operations.geometry import Axis


def read_by(axis, position):
    """The operand's positions that one position of the result reads."""
    return [position * axis.stride - axis.padding + axis.dilation * j for j in range(axis.kernel)]


def drawn(seed):
    """An axis, the operand's extent and the result's."""
    pick = random.Random(seed)
    axis = Axis(pick.randint(1, 4), pick.randint(1, 3), pick.randint(0, 2), pick.randint(1, 2))
    extent = pick.randint(axis.reach + 1, 20)
    return axis, extent, (extent + 2 * axis.padding - axis.reach - 1) // axis.stride + 1


@pytest.mark.parametrize("seed", range(60))
def test_changes_reach_what_reads_them(seed):
    axis, extent, made = drawn(seed)
    changed = list(itertools.combinations(range(extent + 1), 2))
    low, high = zip(*changed, strict=True)
    interval = Interval(low, high, extent).through(axis, made)
    for (first, last), low_, high_ in zip(changed, interval.low, interval.high, strict=True):
        reached = [i for i in range(made) if set(read_by(axis, i)) & set(range(first, last))]
        assert 0 <= low_ < high_ <= made
        assert all(low_ <= i < high_ for i in reached)
        if reached and axis.dilation == 1:  # a dilated kernel may step over what changed
            assert (low_, high_) == (reached[0], reached[-1] + 1)


def test_windows_hold_their_intervals_inside_the_map():
    interval = Interval((0, 3, 8), (2, 7, 9), 9)
    assert interval.slices == Slices((0, 3, 5), 4)
    assert interval.cut([2]).slices == Slices((8,), 1)


def test_a_union_holds_all_intervals():
    first, second = Interval((0, 5), (2, 6), 9), Interval((1, 2), (4, 3), 9)
    assert Interval.union([first, second]) == Interval((0, 2), (4, 6), 9)
    assert Interval.union([first]) == first


def test_runs_have_equal_steps():
    found = [(run.places, run.start, run.step) for run in runs((0, 0, 1, 2, 3, 3, 7, 5))]
    assert [range(8)[places] for places, _, _ in found] == [range(2), range(2, 5), range(5, 7), range(7, 8)]
    assert [(start, step) for _, start, step in found] == [(0, 0), (1, 1), (3, 4), (5, 0)]


def test_overlaps_pair_equal_positions_inside_the_map():
    target, source = Slices((0, 2, 9, -1, 5), 4), Slices((1, 1, 20, -2, 6), 3)
    pairs = [
        (target.starts[place] + i, source.starts[place] + j)
        for overlap in overlaps(target, source, 8)
        for place in range(5)[overlap.places]
        for i, j in zip(range(4)[overlap.target], range(3)[overlap.source], strict=True)
    ]
    assert pairs == [(i, i) for i in (1, 2, 3, 2, 3, 0, 6, 7)]


@pytest.mark.parametrize("seed", range(60))
def test_windows_of_an_operand_give_windows_of_the_result(seed):
    """A convolution of ones counts what each position reads; pads and windows must give the same."""
    axis, extent, made = drawn(seed)
    pick = random.Random(seed)
    places = sorted(pick.randint(0, extent - 1) for _ in range(4))
    interval = Interval.inside(tuple(places), tuple(place + 3 for place in places), extent)
    plan = reading(axis, interval.slices, interval.through(axis, made).slices)
    weight = torch.rand(1, 1, axis.kernel, dtype=torch.float64)
    for place, (low, high) in enumerate(zip(interval.low, interval.high, strict=True)):
        whole = torch.zeros(1, 1, extent, dtype=torch.float64)
        whole[..., low:high] = torch.rand(high - low, dtype=torch.float64)
        expected = F.conv1d(whole, weight, None, axis.stride, axis.padding, axis.dilation)
        start, size = plan.source.starts[place], plan.source.size
        window = F.pad(whole, (40, 40))[..., start + 40 : start + 40 + size]
        found = F.conv1d(F.pad(window, plan.pads), weight, None, axis.stride, 0, axis.dilation)
        assert found.shape[-1] == plan.result.size
        there = torch.zeros_like(F.pad(expected, (40, 40)))
        there[..., plan.result.starts[place] + 40 : plan.result.starts[place] + 40 + found.shape[-1]] = found
        torch.testing.assert_close(there[..., 40 : 40 + made], expected)
