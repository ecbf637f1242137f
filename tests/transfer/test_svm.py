"""The SVM from inner products against scikit-learn's LinearSVC and a general minimiser."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.svm import LinearSVC

from interpret.errors import InterpretError
from interpret_transfer import decide, fit_svm
from interpret_transfer.classifiers import one_against_rest

CS = (0.01, 1.0, 100.0)


def drawn(n, d, categories=3, *, seed=0, unbalanced=False):
    """Overlapping clouds of points, and which belongs to which."""
    draw = torch.Generator().manual_seed(seed)
    share = torch.tensor([0.8, 0.15, 0.05][:categories]) if unbalanced else torch.ones(categories)
    labels = torch.multinomial(share, n, replacement=True, generator=draw)
    labels[:categories] = torch.arange(categories)
    centres = torch.randn(categories, d, generator=draw, dtype=torch.float64)
    x = centres[labels] * 0.5 + torch.randn(n, d, generator=draw, dtype=torch.float64)
    return x / x.square().sum(1).mean().sqrt(), labels


def theirs(x, targets, c, others):
    """LinearSVC on the vectors themselves, one category after the other, without images that do not count."""
    values = []
    for column in targets.unbind(1):
        counts = column != 0
        model = LinearSVC(C=c, dual=True, tol=1e-10, max_iter=1_000_000, random_state=0)
        model.fit(x[counts].numpy(), column[counts].numpy())
        values.append(model.decision_function(others.numpy()))
    return torch.from_numpy(np.stack(values, 1))


@contextmanager
def solved(way):
    """All linear systems by one method, however large they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("interpret_transfer.svm.DIRECT", {"factorised": 1e9, "iterated": 0}[way])
        yield


WAYS = ("factorised", "iterated")


def ours(x, targets, c, others, start=None):
    return decide(others @ x.T, fit_svm(x @ x.T, targets, c, start))


@pytest.mark.parametrize("c", CS)
@pytest.mark.parametrize(("n", "d"), [(25, 80), (80, 6)])
@pytest.mark.parametrize("unbalanced", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_decision_values_are_those_of_linear_svc(n, d, c, unbalanced, way):
    x, labels = drawn(n, d, unbalanced=unbalanced)
    others = drawn(30, d, seed=1)[0]
    targets = one_against_rest(labels, 3)
    for points in (x, others):
        with solved(way):
            found = ours(x, targets, c, points)
        torch.testing.assert_close(found, theirs(x, targets, c, points), rtol=0, atol=2e-6)


@pytest.mark.parametrize("c", CS)
def test_the_optimum_is_that_of_a_general_minimiser(c):
    """The definition in the docstring, minimised over w and b in float64 by scipy."""
    x, labels = drawn(9, 3, 2)
    targets = one_against_rest(labels, 2)
    y, points = targets[:, 0].numpy(), x.numpy()

    def value(w):
        missed = np.maximum(0, 1 - y * (points @ w[:-1] + w[-1]))
        slope = -2 * c * y * missed
        return w @ w / 2 + c * (missed**2).sum(), w + np.append(points.T @ slope, slope.sum())

    found = minimize(value, np.zeros(4), jac=True, method="BFGS", options={"gtol": 1e-10, "maxiter": 10_000})
    weights = fit_svm(x @ x.T, targets, c)[:, 0]
    np.testing.assert_allclose((x.T @ weights).numpy(), found.x[:-1], atol=1e-6)
    assert float(weights.sum()) == pytest.approx(found.x[-1], abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(4, 30), st.integers(1, 40), st.sampled_from(CS), st.integers(0, 10_000), st.sampled_from(WAYS)
)
def test_the_gradient_vanishes_at_the_optimum(n, d, c, seed, way):
    """w = Σ 2c y max(0, 1 - y f) x, written in terms of the weights: a = 2c y max(0, 1 - y f)."""
    x, labels = drawn(n, d, seed=seed)
    targets = one_against_rest(labels, 3)
    with solved(way):
        weights = fit_svm(x @ x.T, targets, c)
    missed = (1 - targets * decide(x @ x.T, weights)).clamp_min(0)
    torch.testing.assert_close(weights, 2 * c * targets * missed, rtol=0, atol=1e-6 * c)


def test_a_warm_start_ends_at_the_same():
    x, labels = drawn(60, 100)
    targets = one_against_rest(labels, 3)
    cold = ours(x, targets, 10.0, x)
    for c in (0.01, 1.0, 1000.0):
        warm = ours(x, targets, 10.0, x, start=fit_svm(x @ x.T, targets, c))
        torch.testing.assert_close(warm, cold, rtol=0, atol=1e-7)


@pytest.mark.parametrize("c", CS)
def test_a_target_of_0_is_an_image_that_is_not_there(c):
    x, labels = drawn(40, 60)
    targets = one_against_rest(labels, 3)
    targets[5:15, 0] = 0
    targets[20:33, 2] = 0
    weights, others = fit_svm(x @ x.T, targets, c), drawn(20, 60, seed=1)[0]
    assert (weights[targets == 0] == 0).all()
    found = decide(others @ x.T, weights)
    for category in range(3):
        there = targets[:, category] != 0
        alone = ours(x[there], targets[there, category : category + 1], c, others)
        torch.testing.assert_close(found[:, category], alone[:, 0], rtol=0, atol=1e-7)


def test_categories_do_not_depend_on_each_other():
    x, labels = drawn(50, 30, unbalanced=True)
    targets = one_against_rest(labels, 3)
    alone = [ours(x, targets[:, one : one + 1], 1.0, x) for one in range(3)]
    torch.testing.assert_close(ours(x, targets, 1.0, x), torch.cat(alone, 1), rtol=0, atol=1e-7)


def test_equal_and_zero_vectors_are_no_trouble():
    x = torch.zeros(6, 4, dtype=torch.float64)
    x[:3, 0], x[3:5, 0] = 1, -1
    targets = one_against_rest(torch.tensor([0, 0, 0, 1, 1, 1]), 2)
    torch.testing.assert_close(ours(x, targets, 1.0, x), theirs(x, targets, 1.0, x), rtol=0, atol=2e-6)


def test_a_c_at_which_rounding_decides_is_refused():
    """Products that are no vectors' any more."""
    x, labels = drawn(20, 40)
    products = x @ x.T - 0.5 * torch.eye(20)
    with pytest.raises(InterpretError, match="is too large for these products"):
        fit_svm(products, one_against_rest(labels, 3), 1e9)


@pytest.mark.parametrize("c", [0, -1.0, float("nan")])
def test_c_must_be_positive(c):
    x, labels = drawn(9, 3)
    with pytest.raises(InterpretError, match=f"must be more than 0. Got {c}"):
        fit_svm(x @ x.T, one_against_rest(labels, 3), c)


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_category_on_one_side_only_is_named(side):
    x, labels = drawn(9, 3)
    targets = one_against_rest(labels, 3)
    targets[:, 1] = side
    targets[0, 1] = 0
    with pytest.raises(InterpretError, match="Category 1 has images on one side only"):
        fit_svm(x @ x.T, targets, 1.0)
