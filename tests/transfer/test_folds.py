"""Splits: no image on both sides, equal counts, nested sizes, the same for a seed."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from interpret.errors import DatasetError, InterpretError
from interpret_transfer import draw_folds
from interpret_transfer.folds import inner_folds

LABELS = [0] * 9 + [1] * 6 + [4] * 12


@st.composite
def tasks(draw):
    """Labels with enough images of each category, and how many of them train and test."""
    train = draw(st.integers(1, 6))
    counts = draw(st.lists(st.integers(train + 1, 15), min_size=2, max_size=5))
    labels = draw(st.permutations([label for label, count in enumerate(counts) for _ in range(count)]))
    test = draw(st.none() | st.integers(1, 8))
    return labels, train, test, draw(st.integers(0, 1000))


def counted(labels, rows):
    return Counter(labels[row] for row in rows)


@given(tasks())
def test_every_split_keeps_its_promises(task):
    labels, train, test, seed = task
    total = Counter(labels)
    for fold in draw_folds(labels, train, test, folds=3, seed=seed):
        assert not set(fold.train) & set(fold.test)
        assert len(set(fold.train + fold.test)) == len(fold.train) + len(fold.test)
        assert counted(labels, fold.train) == dict.fromkeys(total, train)
        left = {label: count - train for label, count in total.items()}
        assert counted(labels, fold.test) == {
            label: count if test is None else min(test, count) for label, count in left.items()
        }
        if test is None:
            assert sorted(fold.train + fold.test) == list(range(len(labels)))


@given(tasks(), st.integers(1, 6))
def test_larger_training_parts_contain_smaller_ones(task, fewer):
    labels, train, test, seed = task
    assume(fewer <= train)
    small, large = (draw_folds(labels, size, test, folds=2, seed=seed) for size in (fewer, train))
    for one, other in zip(small, large, strict=True):
        assert set(one.train) <= set(other.train)


@given(tasks())
def test_a_seed_says_all(task):
    labels, train, test, seed = task
    assert draw_folds(labels, train, test, seed=seed) == draw_folds(labels, train, test, seed=seed)
    more = draw_folds(labels, train, test, seed=seed, folds=7)
    assert more[:5] == draw_folds(labels, train, test, seed=seed)


def test_folds_and_seeds_differ():
    folds = [*draw_folds(LABELS, 4, seed=0), *draw_folds(LABELS, 4, seed=1)]
    assert len({fold.train for fold in folds}) == 10


def test_training_images_come_category_by_category():
    for fold in draw_folds(LABELS, 4):
        assert [LABELS[row] for row in fold.train] == [0] * 4 + [1] * 4 + [4] * 4


def test_every_image_trains_in_some_fold():
    """Chance is fair: over many folds each image trains as often as its category's size says."""
    folds = draw_folds([0] * 8 + [1] * 4, 2, folds=400)
    often = Counter(row for fold in folds for row in fold.train)
    assert all(70 < often[row] < 130 for row in range(8))
    assert all(160 < often[row] < 240 for row in range(8, 12))


def test_a_category_with_too_few_images_is_named():
    with pytest.raises(DatasetError, match=r"The category 'ant' has 6 images, too few to train with 6 and"):
        draw_folds(LABELS, 6, categories=["bee", "ant", "", "", "cat"])
    with pytest.raises(DatasetError, match=r"category 1 has 6 .* \(2 of 3 categories have too few\)"):
        draw_folds(LABELS, 9)


def test_one_category_is_too_few():
    with pytest.raises(DatasetError, match=r"one category only \('bee'\)"):
        draw_folds([0, 0, 0], 1, categories=["bee"])
    with pytest.raises(DatasetError, match=r"one category only \(none\)"):
        draw_folds([], 1)


@pytest.mark.parametrize("wrong", [{"train": 0}, {"test": 0}, {"folds": 0}])
def test_numbers_below_1_are_refused(wrong):
    with pytest.raises(InterpretError, match="train, test and folds must be at least 1"):
        draw_folds(LABELS, **{"train": 2, **wrong})


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.integers(2, 5))
def test_inner_splits_hold_every_image_out_once(labels, count):
    parts = inner_folds(torch.tensor(labels), count)
    assert len(parts) == count
    held = torch.cat([rest for _, rest in parts])
    assert sorted(held.tolist()) == list(range(len(labels)))
    for train, rest in parts:
        assert sorted(train.tolist() + rest.tolist()) == list(range(len(labels)))
        for label, total in Counter(labels).items():
            assert total // count <= int((torch.tensor(labels)[rest] == label).sum()) <= -(-total // count)
