"""The tests of a part against random: by hand, under the null hypothesis, and under strong effects."""

from __future__ import annotations

from itertools import permutations, product
from math import comb

import pytest
import torch
from torch import Tensor

from interpret_correspondence import hamming, permutation, permutation_test, rank_test


def across(changes: Tensor) -> Tensor:
    """Distances of signs (image, mask, d) under any two masks."""
    return hamming(changes.flatten(0, 1)).agree.view(*changes.shape[:2], *changes.shape[:2])


def null(random: torch.Generator, images: int = 6, masks: int = 5, dimensions: int = 40) -> Tensor:
    """Signs of masks that are alike in an image and differ between images, as random positions are."""
    own = torch.randn(images, 1, dimensions, generator=random)
    return (own + torch.randn(images, masks, dimensions, generator=random)).sign().to(torch.int8)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def exact(distance: Tensor) -> float:
    """The chance over all orders of the masks of all images, by loops."""
    images, masks = distance.shape[:2]

    def statistic(orders: tuple[tuple[int, ...], ...]) -> float:
        means = []
        for mask in range(masks):
            pairs = [(i, j) for i in range(images) for j in range(i)]
            values = [float(distance[i, orders[i][mask], j, orders[j][mask]]) for i, j in pairs]
            means.append(sum(values) / comb(images, 2))
        return means[0] - sum(means[1:]) / (masks - 1)

    every = [statistic(orders) for orders in product(permutations(range(masks)), repeat=images)]
    seen = statistic((tuple(range(masks)),) * images)
    return sum(value <= seen + 1e-12 for value in every) / len(every)


@pytest.mark.parametrize("seed", range(4))
def test_sampled_orders_give_the_chance_of_all_orders(seed: int) -> None:
    distance = across(null(seeded(seed), images=3, masks=3))
    expected = exact(distance)
    found = permutation_test(distance, 4000, seeded(9))
    assert found == pytest.approx(expected, abs=4 * (expected * (1 - expected) / 4000) ** 0.5 + 1e-3)


def test_under_the_null_hypothesis_chances_are_uniform() -> None:
    random, trials = seeded(0), 400
    found = torch.tensor([permutation_test(across(null(random)), 99, random) for _ in range(trials)])
    for level in (0.05, 0.1, 0.25, 0.5, 0.75):
        share, deviation = float((found <= level).double().mean()), (level * (1 - level) / trials) ** 0.5
        assert share == pytest.approx(level, abs=3.5 * deviation), level


def test_a_part_that_changes_the_same_in_all_images_is_found() -> None:
    changes = null(seeded(1))
    changes[:, 0] = torch.randint(-1, 2, (40,), generator=seeded(2)).to(torch.int8)
    assert permutation_test(across(changes), 199, seeded(0)) == 1 / 200
    assert permutation_test(across(changes), 0, seeded(0)) == 1


def test_a_part_that_is_above_random_is_not_below() -> None:
    changes = null(seeded(1))
    changes[:, 1:] = torch.randint(-1, 2, (40,), generator=seeded(2)).to(torch.int8)
    assert permutation_test(across(changes), 199, seeded(0)) == 1


def test_two_images_and_distances_that_are_missing() -> None:
    distance = across(null(seeded(3), images=2, masks=3))
    distance[0, 0, 1, 2] = distance[1, 2, 0, 0] = torch.nan
    assert 0 < permutation_test(distance, 50, seeded(0)) <= 1


def test_the_same_seed_gives_the_same_chance() -> None:
    distance = across(null(seeded(3)))
    assert permutation_test(distance, 50, seeded(4)) == permutation_test(distance, 50, seeded(4))


def test_many_orders_are_averaged_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    distance = across(null(seeded(3)))
    expected = permutation_test(distance, 50, seeded(4))
    monkeypatch.setattr(permutation, "AT_ONCE", 2 * 15 * 5)  # two orders of 15 pairs and 5 masks
    assert permutation_test(distance, 50, seeded(4)) == expected


def test_ranks_by_hand() -> None:
    draws = torch.tensor([0.3, 0.1, 0.2, 0.4], dtype=torch.float64)
    assert rank_test(0.05, draws) == 1 / 5
    assert rank_test(0.1, draws) == 2 / 5
    assert rank_test(0.25, draws) == 3 / 5
    assert rank_test(0.9, draws) == 1
