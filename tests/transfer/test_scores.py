"""Accuracy by category and average precision, by hand and against scikit-learn."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score

from interpret_transfer import average_precision, category_accuracy
from interpret_transfer.scores import mean_of_known

NAN = float("nan")


def by_definition(values, targets):
    """Σ (recall_n - recall_{n-1}) precision_n over the thresholds, images of one value together."""
    ranked = [(v, t) for v, t in zip(values, targets, strict=True) if t != 0]
    total, positives, before = 0.0, sum(t > 0 for _, t in ranked), 0
    for threshold in sorted({v for v, _ in ranked}, reverse=True):
        chosen = [t for v, t in ranked if v >= threshold]
        right = sum(t > 0 for t in chosen)
        total += (right - before) / positives * right / len(chosen)
        before = right
    return total


def test_the_mean_over_categories_is_not_the_share_of_images():
    labels = torch.tensor([0] * 8 + [1] * 2)
    found = torch.tensor([0] * 8 + [0, 1])
    each = category_accuracy(found, labels, 2)
    assert each.tolist() == [1.0, 0.5]
    assert mean_of_known(each) == 0.75
    assert float((found == labels).double().mean()) == 0.9


def test_a_category_without_images_is_not_known():
    each = category_accuracy(torch.tensor([2, 1, 0]), torch.tensor([2, 2, 0]), 4)
    torch.testing.assert_close(each, torch.tensor([1, NAN, 0.5, NAN], dtype=torch.float64), equal_nan=True)
    assert mean_of_known(each) == 0.75


@given(st.lists(st.sampled_from([0, 1, 2]), max_size=40), st.integers(0, 1000))
def test_the_mean_is_scikit_learns_balanced_accuracy(labels, seed):
    labels = torch.tensor([0, 1, 2, *labels])
    found = torch.randint(3, (len(labels),), generator=torch.Generator().manual_seed(seed))
    each = category_accuracy(found, labels, 3)
    assert mean_of_known(each) == pytest.approx(balanced_accuracy_score(labels, found))


def test_average_precision_by_hand():
    """Positives come 1st, 3rd and 6th: (1 + 2/3 + 3/6) / 3."""
    values = torch.tensor([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    targets = torch.tensor([1, -1, 1, -1, -1, 1])
    assert average_precision(values, targets) == pytest.approx((1 + 2 / 3 + 3 / 6) / 3)


def test_images_of_one_value_come_together():
    """Two positives and two negatives of one value after a negative: 2 of 5 are right, at full recall."""
    values = torch.tensor([0.9, 0.5, 0.5, 0.5, 0.5])
    targets = torch.tensor([-1, 1, -1, 1, -1])
    assert average_precision(values, targets) == pytest.approx(2 / 5)
    first = torch.tensor([0, 2, 1, 4, 3])
    assert average_precision(values[first], targets[first]) == pytest.approx(2 / 5)


def test_images_that_do_not_count_are_left_out():
    values, targets = torch.tensor([0.9, 0.8, 0.7, 0.6]), torch.tensor([0, 1, 0, -1])
    assert average_precision(values, targets) == 1
    assert average_precision(values, torch.tensor([-1, 1, -1, -1])) == 0.5


@pytest.mark.parametrize("targets", [[-1, -1], [0, -1], [0, 0]])
def test_it_is_not_known_without_a_positive(targets):
    assert math.isnan(average_precision(torch.rand(2), torch.tensor(targets)))


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([-1, 0, 1])), min_size=1, max_size=30))
def test_average_precision_is_its_definition(pairs):
    values, targets = zip(*pairs, strict=True)
    found = average_precision(torch.tensor(values).double(), torch.tensor(targets))
    if 1 not in targets:
        assert math.isnan(found)
    else:
        assert found == pytest.approx(by_definition(values, targets))


def test_the_mean_of_nothing_known_is_not_known():
    assert math.isnan(mean_of_known([NAN, NAN]))
    assert mean_of_known([NAN, 0.25, 0.75]) == 0.5
