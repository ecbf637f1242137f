"""Sizes and likeness of filters, against loops and cases computed by hand."""

import math

import pytest
import torch

from interpret.errors import InterpretError
from interpret_diagnosis import duplicates, filter_rms, similarities
from interpret_diagnosis.filters import relative_size


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_rms_by_hand():
    weight = torch.tensor([[[[3.0, 4.0]]], [[[0.0, 0.0]]]])
    assert filter_rms(weight).tolist() == [math.sqrt(12.5), 0]
    assert filter_rms(weight, torch.tensor([2.0])).tolist() == [math.sqrt(12.5) / 2, 0]


def test_relative_size():
    assert relative_size(torch.tensor([1.0, 2.0, 10.0])).tolist() == [0.5, 1, 5]
    assert relative_size(torch.tensor([0.0, 0.0, 3.0])).tolist() == [0, 0, 3]
    assert relative_size(torch.zeros(3)).tolist() == [1, 1, 1]


def shifted_cosine(one, other, shift):
    """The largest cosine over shifts, pixel by pixel."""
    channels, height, width = one.shape
    best = -1.0
    for dy in range(-shift, shift + 1):
        for dx in range(-shift, shift + 1):
            total = 0.0
            for c in range(channels):
                for y in range(height):
                    for x in range(width):
                        if 0 <= y + dy < height and 0 <= x + dx < width:
                            total += float(one[c, y, x] * other[c, y + dy, x + dx])
            best = max(best, total / float(one.norm() * other.norm()))
    return best


@pytest.mark.parametrize("shift", [0, 1, 2])
def test_similarities_against_loops(shift):
    weight = random(4, 2, 3, 4)
    found = similarities(weight, shift=shift)
    for one in range(4):
        for other in range(4):
            expected = shifted_cosine(weight[one], weight[other], shift)
            assert float(found[one, other]) == pytest.approx(expected, abs=1e-12)


def test_a_scaled_copy_is_a_duplicate_and_a_negative_is_none():
    weight = random(5, 3, 5, 5)
    weight[3] = 0.01 * weight[1]
    weight[4] = -weight[0]
    pairs = duplicates(weight)
    assert pairs.units.tolist() == [[1, 3]]
    assert pairs.similarity.tolist() == pytest.approx([1.0])


def test_a_copy_moved_by_one_pixel_is_found_if_shifts_are_allowed():
    weight = random(3, 1, 7, 7)
    weight[0] = 0
    weight[0, :, 1:5, 1:5] = random(1, 4, 4, seed=1)
    weight[2] = weight[0].roll(1, 2)
    assert duplicates(weight, shift=0).units.tolist() == []
    assert duplicates(weight, shift=1).units.tolist() == [[0, 2]]


def test_filters_of_other_groups_and_of_zeros_are_like_no_other():
    weight = random(1, 2, 3, 3).repeat(4, 1, 1, 1)
    assert duplicates(weight, groups=2).units.tolist() == [[0, 1], [2, 3]]
    assert duplicates(torch.zeros(3, 2, 3, 3)).units.shape == (0, 2)


def test_what_is_no_filter_is_refused():
    with pytest.raises(InterpretError, match=r"real weights .* Got torch.float32 of shape \(3, 4\)"):
        filter_rms(torch.zeros(3, 4))
    with pytest.raises(InterpretError, match=r"torch\.int64"):
        similarities(torch.zeros(3, 4, 2, 2, dtype=torch.int64))
    with pytest.raises(InterpretError, match="4 filters do not divide into 3 groups"):
        duplicates(torch.ones(4, 1, 2, 2), groups=3)
