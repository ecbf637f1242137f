"""Signs and Hamming distances: by hand, against a loop over pairs, and against scipy."""

from __future__ import annotations

from math import isnan

import pytest
import torch
from scipy.spatial.distance import hamming as scipy_hamming

from interpret_correspondence import hamming, signs


def by_loop(vectors: torch.Tensor) -> tuple[list[list[float]], list[list[float]]]:
    """Both distances of all pairs, one dimension at a time."""
    agree, ignore = [], []
    for a in vectors.tolist():
        differ = [sum(x != y for x, y in zip(a, b, strict=True)) / len(a) for b in vectors.tolist()]
        both = [[(x, y) for x, y in zip(a, b, strict=True) if x and y] for b in vectors.tolist()]
        agree.append(differ)
        ignore.append([sum(x != y for x, y in pairs) / len(pairs) if pairs else torch.nan for pairs in both])
    return agree, ignore


def test_by_hand() -> None:
    # dimension:                  0  1   2  3  4  5
    vectors = torch.tensor([[1, 1, -1, 0, 0, 0], [1, -1, -1, 0, 1, 0], [0, 0, 0, 1, 0, 0]], dtype=torch.int8)
    found = hamming(vectors)
    # 0 and 1: they differ at 1 (+-) and 4 (0+); both change at 0, 1, 2, of which one is opposite
    # 0 and 2: they differ at 0, 1, 2, 3; there is no dimension where both change
    # 1 and 2: they differ at 0, 1, 2, 3, 4
    assert found.agree.tolist() == [[0, 2 / 6, 4 / 6], [2 / 6, 0, 5 / 6], [4 / 6, 5 / 6, 0]]
    assert found.ignore[:2, :2].tolist() == [[0, 1 / 3], [1 / 3, 0]]
    assert found.ignore[2].isnan().tolist() == [True, True, False]


def test_opposite_vectors_have_distance_one_and_equal_ones_zero() -> None:
    vectors = torch.tensor([[1, -1, 1, -1], [-1, 1, -1, 1]], dtype=torch.int8)
    for values in (hamming(vectors).agree, hamming(vectors).ignore):
        assert values.tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize("zeros", [0.0, 0.5, 0.97])
def test_all_pairs_equal_a_loop(zeros: float) -> None:
    random = torch.Generator().manual_seed(1)
    vectors = torch.rand(9, 17, generator=random).sub(0.5).sign()
    vectors[torch.rand(9, 17, generator=random) < zeros] = 0
    found, (agree, ignore) = hamming(vectors.to(torch.int8), chunk=7), by_loop(vectors)
    torch.testing.assert_close(found.agree, torch.tensor(agree, dtype=torch.float64), rtol=0, atol=1e-15)
    expected = torch.tensor(ignore, dtype=torch.float64)
    torch.testing.assert_close(found.ignore, expected, rtol=0, atol=1e-15, equal_nan=True)
    assert any(isnan(value) for row in ignore for value in row) == (zeros == 0.97)


def test_the_rule_agree_is_scipys_hamming_distance_and_exact_for_many_dimensions() -> None:
    vectors = torch.randint(-1, 2, (4, 300_001), generator=torch.Generator().manual_seed(0)).to(torch.int8)
    found = hamming(vectors).agree
    for i in range(4):
        for j in range(4):
            assert float(found[i, j]) == pytest.approx(scipy_hamming(vectors[i], vectors[j]), abs=1e-15)


def test_sets_are_compared_each_by_itself() -> None:
    vectors = torch.randint(-1, 2, (3, 4, 11), generator=torch.Generator().manual_seed(0)).to(torch.int8)
    found = hamming(vectors)
    for place in range(3):
        torch.testing.assert_close(found.agree[place], hamming(vectors[place]).agree)
        torch.testing.assert_close(found.ignore[place], hamming(vectors[place]).ignore, equal_nan=True)


def test_signs_are_exact_unless_a_tolerance_is_given() -> None:
    change = torch.tensor([[1e-30, -2.0, 0.0, 0.02], [0.0, 0.0, 0.0, 0.0], [-1e-3, 1e-3, 0.5, -0.006]])
    assert signs(change).tolist() == [[1, -1, 0, 1], [0, 0, 0, 0], [-1, 1, 1, -1]]
    assert signs(change, 0.01).tolist() == [[0, -1, 0, 0], [0, 0, 0, 0], [0, 0, 1, -1]]
    assert signs(change).dtype == torch.int8
