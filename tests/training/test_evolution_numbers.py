"""The numbers of an evolution equal loops that one would write to explain them, and cases done by hand."""

from itertools import pairwise
from math import isnan, nan

import pytest
import torch

from interpret_training.evolution import numbers


def tops(seed, units=7, epochs=5, k=4, images=9):
    """Winners of every unit at every epoch; some sets are short, some empty."""
    draw = torch.Generator().manual_seed(seed)
    top = torch.stack([torch.randperm(images, generator=draw)[:k] for _ in range(units * epochs)])
    lengths = torch.randint(0, k + 1, (units * epochs, 1), generator=draw)
    return top.masked_fill(torch.arange(k) >= lengths, -1).reshape(units, epochs, k)


def sets(unit):
    return [{image for image in epoch if image >= 0} for epoch in unit.tolist()]


def same(found, expected):
    assert found.shape == torch.tensor(expected).shape
    torch.testing.assert_close(found, torch.tensor(expected, dtype=found.dtype), equal_nan=True)


@pytest.mark.parametrize("seed", range(5))
def test_turnover_equals_loops(seed):
    top, expected = tops(seed), []
    for unit in top:
        line = [nan]
        for before, now in pairwise(sets(unit)):
            line.append(len(now - before) / len(now) if now and before else nan)
        expected.append(line)
    same(numbers.turnover(top), expected)


@pytest.mark.parametrize("seed", range(5))
def test_overlap_equals_loops(seed):
    top, expected = tops(seed), []
    for unit in top:
        final = sets(unit)[-1]
        expected.append([len(final & now) / len(final) if final else nan for now in sets(unit)])
    same(numbers.overlap(top), expected)


@pytest.mark.parametrize("threshold", [0.25, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_settled_equals_loops(seed, threshold):
    kept, epochs, expected = numbers.overlap(tops(seed, units=30)), [0, 1, 2, 5, 10], []
    for line in kept.tolist():
        settled = -1 if isnan(line[-1]) else epochs[-1]
        for place in reversed(range(len(epochs))):
            if not line[place] >= threshold:
                break
            settled = epochs[place]
        expected.append(settled)
    assert numbers.settled(kept, epochs, threshold).tolist() == expected


def test_numbers_by_hand():
    top = torch.tensor(
        [
            [[1, 2, 3, 4], [1, 2, 3, 5], [1, 2, 5, 6], [5, 6, 1, 7]],  # finally 1, 5, 6, 7
            [[-1, -1, -1, -1], [8, -1, -1, -1], [8, 9, -1, -1], [9, 8, 3, 2]],  # born at the second epoch
            [[1, 2, 3, 4], [5, 6, 7, 8], [1, 2, -1, -1], [-1, -1, -1, -1]],  # dies
        ]
    )
    same(numbers.turnover(top), [[nan, 0.25, 0.25, 0.25], [nan, nan, 0.5, 0.5], [nan, 1, 1, nan]])
    kept = numbers.overlap(top)
    same(kept, [[0.25, 0.5, 0.75, 1], [0, 0.25, 0.5, 1], [nan] * 4])
    assert numbers.settled(kept, [1, 2, 5, 10], 0.5).tolist() == [2, 5, -1]
    assert numbers.settled(kept, [1, 2, 5, 10], 1.0).tolist() == [10, 10, -1]


def test_who_falls_back_has_not_settled():
    kept = torch.tensor([[1.0, 1.0, 0.4, 1.0, 1.0]])
    assert numbers.settled(kept, [0, 1, 2, 3, 4], 0.5).tolist() == [3]


def test_only_positive_neurons_are_winners():
    values = torch.tensor([[3.0, 0.0, -1.0, -torch.inf]])
    assert numbers.winners(values, torch.tensor([[5, 6, 7, -1]])).tolist() == [[5, -1, -1, -1]]


def test_similarity_is_the_cosine_of_neighbours():
    draw = torch.Generator().manual_seed(0)
    patches = torch.randn(2, 4, 3, 5, 5, generator=draw).half()
    patches[1, 2] = 0  # dead there
    found = numbers.similarity(patches)
    for row in range(2):
        assert isnan(found[row, 0])
        for epoch in range(1, 4):
            one, other = patches[row, epoch - 1].double().flatten(), patches[row, epoch].double().flatten()
            if row == 1 and epoch in {2, 3}:
                assert isnan(found[row, epoch])
            else:
                expected = float((one * other).sum() / (one.square().sum() * other.square().sum()).sqrt())
                assert abs(float(found[row, epoch]) - expected) < 1e-6
    same(numbers.similarity(torch.stack([patches[:1, 0], -2 * patches[:1, 0]], 1)), [[nan, -1.0]])


def test_quartiles_leave_out_nan():
    values = torch.tensor([[1.0, nan], [2.0, nan], [nan, nan], [3.0, nan], [4.0, nan], [5.0, nan]])
    same(numbers.quartiles(values), [[2, nan], [3, nan], [4, nan]])
