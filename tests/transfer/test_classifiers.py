"""From features on disk to decision values, against scikit-learn on the same vectors; the choice of c."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from transfer_fixtures import LAYERS, equal, network, of_variance_one, stored, views_of

from interpret.errors import InterpretError
from interpret_transfer import average_precision, extract, gram
from interpret_transfer.classifiers import classify, one_against_rest
from interpret_transfer.folds import inner_folds

TRAIN, TEST = list(range(0, 60, 2)), list(range(1, 60, 2))


def clouds(n=60, d=40, categories=3, seed=0):
    """Overlapping clouds of points; categories take turns in pairs, so that both halves have all."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) // 2 % categories
    centres = torch.randn(categories, d, generator=draw)
    return centres[labels] * 0.6 + torch.randn(n, d, generator=draw), labels


def svc(x, labels, c, train, test):
    """LinearSVC, one against the rest, on vectors of variance 1 over the training images."""
    x = of_variance_one(x, train)
    model = LinearSVC(C=c, dual=True, tol=1e-10, max_iter=1_000_000, random_state=0)
    return model.fit(x[train].numpy(), labels[train].numpy()).decision_function(x[test].numpy())


def logistic(x, labels, c, train, test):
    x = of_variance_one(x, train)
    model = LogisticRegression(C=c, tol=1e-8, max_iter=10_000).fit(x[train].numpy(), labels[train].numpy())
    return torch.from_numpy(model.predict_proba(x[test].numpy()))


@pytest.mark.parametrize("c", [0.01, 1.0, 100.0])
def test_extracted_multiplied_and_classified_is_linear_svc_on_the_features(own_room, c):
    """The whole way through the inner products, in 32 bits, against the raw features in 64 bits."""
    made, images = network(), equal(20, noise=120)
    labels = torch.tensor(images.labels)
    outputs = made.record(views_of(made, images), LAYERS)
    for name, features in extract(made, images, LAYERS).items():
        products = gram(features, scaling="none")
        targets = one_against_rest(labels, 3)
        found, chosen = classify("svm", products, targets, TRAIN, TEST, strengths=[c])
        assert chosen == c
        expected = torch.from_numpy(svc(outputs[name].flatten(1), labels, c, TRAIN, TEST))
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("c", [0.01, 1.0, 100.0])
@pytest.mark.parametrize(("categories", "d"), [(2, 40), (3, 40), (3, 5)])
def test_softmax_is_logistic_regression_on_the_features(tmp_path, c, categories, d):
    x, labels = clouds(d=d, categories=categories)
    products = gram(stored(tmp_path, x), scaling="none")
    targets = one_against_rest(labels, categories)
    found, _ = classify("softmax", products, targets, TRAIN, TEST, strengths=[c])
    torch.testing.assert_close(found.softmax(1), logistic(x, labels, c, TRAIN, TEST), rtol=0, atol=1e-3)


@pytest.mark.parametrize("kind", ["svm", "softmax"])
def test_larger_vectors_are_the_same_to_a_classifier(kind):
    x = clouds()[0].double()
    targets = one_against_rest(clouds()[1], 3)
    one, _ = classify(kind, x @ x.T, targets, TRAIN, TEST)
    other, _ = classify(kind, 1e4 * x @ x.T, targets, TRAIN, TEST)
    torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


def best(x, labels, strengths):
    """The c of the most images right in their category's mean, of those held out, by LinearSVC."""
    quality = {}
    for c in strengths:
        quality[c] = 0.0
        for train, held in inner_folds(labels[TRAIN]):
            rows, others = torch.tensor(TRAIN)[train].tolist(), torch.tensor(TRAIN)[held].tolist()
            scaled = of_variance_one(x, TRAIN)
            model = LinearSVC(C=c, dual=True, tol=1e-10, max_iter=1_000_000, random_state=0)
            found = model.fit(scaled[rows].numpy(), labels[rows].numpy()).predict(scaled[others].numpy())
            right = found == labels[others].numpy()
            quality[c] += np.mean([right[labels[others].numpy() == one].mean() for one in range(3)])
    return max(strengths, key=lambda c: (round(quality[c], 9), -c))


@pytest.mark.parametrize("seed", range(4))
def test_c_is_the_best_on_images_held_out(seed):
    x, labels = clouds(seed=seed)
    double = x.double()
    strengths = (100.0, 0.001, 1.0, 0.1)
    _, chosen = classify(
        "svm", double @ double.T, one_against_rest(labels, 3), TRAIN, TEST, strengths=strengths
    )
    assert chosen == best(x, labels, sorted(strengths))


def test_c_is_chosen_without_the_test_images():
    x, labels = clouds()
    other = x.clone()
    other[TEST] = torch.randn(30, 40, generator=torch.Generator().manual_seed(9)) * 50
    targets, changed = one_against_rest(labels, 3), one_against_rest(labels, 3)
    changed[TEST] = -changed[TEST]
    for kind in ("svm", "softmax"):
        chosen = [
            classify(kind, y.double() @ y.double().T, goals, TRAIN, TEST)[1]
            for y, goals in ((x, targets), (other, changed))
        ]
        assert chosen[0] == chosen[1]


def test_a_strength_that_is_given_twice_counts_once():
    for seed in range(6):
        x, labels = clouds(seed=seed)
        given = (x.double() @ x.double().T, one_against_rest(labels, 3), TRAIN, TEST)
        once = classify("svm", *given, strengths=(0.001, 1.0, 100.0))[1]
        assert classify("svm", *given, strengths=(0.001, 1.0, 100.0, 100.0))[1] == once


def test_of_equals_the_smallest_c_is_taken():
    x = torch.eye(3, dtype=torch.float64)[torch.arange(60) // 2 % 3]
    _, c = classify("svm", x @ x.T, one_against_rest(torch.arange(60) // 2 % 3, 3), TRAIN, TEST)
    assert c == 0.01


def test_one_training_image_of_each_category_leaves_no_choice():
    x, labels = clouds()
    rows = [0, 2, 4]
    found, c = classify("svm", (x @ x.T).double(), one_against_rest(labels, 3), rows, TEST)
    assert c == 1.0
    assert found.shape == (30, 3)


def test_several_categories_are_judged_by_average_precision():
    """c is chosen by the ranking of the images for each category, not by the largest value of each image."""
    x, labels = clouds(seed=2)
    targets = one_against_rest(labels, 3)
    targets[::5, 0] = 1
    targets[1::7, 2] = 0
    x = x.double()
    strengths = (0.001, 0.1, 10.0)
    _, chosen = classify("svm", x @ x.T, targets, TRAIN, TEST, strengths=strengths, multiple=True)
    quality = {}
    rows = torch.tensor(TRAIN)
    for c in strengths:
        quality[c] = 0.0
        for train, held in inner_folds(torch.zeros(30)):
            scaled = of_variance_one(x, TRAIN)
            each = []
            for column in targets.unbind(1):
                own = rows[train][column[rows[train]] != 0]
                if len(column[own].unique()) == 1:
                    continue
                model = LinearSVC(C=c, dual=True, tol=1e-10, max_iter=1_000_000, random_state=0)
                model.fit(scaled[own].numpy(), column[own].numpy())
                values = torch.from_numpy(model.decision_function(scaled[rows[held]].numpy()))
                each.append(average_precision(values, column[rows[held]].long()))
            quality[c] += np.nanmean(each)
    assert chosen == max(strengths, key=lambda c: (round(quality[c], 9), -c))


def test_a_part_without_any_category_does_not_decide():
    """Only two images show the category: some of the splits hold out, or train on, none of them."""
    x = clouds()[0]
    targets = -torch.ones(60, 1, dtype=torch.float64)
    targets[[0, 6, 1, 7]] = 1
    strengths = (1e-6, 1.0)
    x[[0, 6, 1, 7], 0] += 9
    found, chosen = classify(
        "svm", (x @ x.T).double(), targets, TRAIN, TEST, strengths=strengths, multiple=True
    )
    assert chosen in strengths
    assert math.isclose(average_precision(found[:, 0], targets[TEST, 0].long()), 1)


@pytest.mark.parametrize("kind", ["svm", "softmax"])
def test_a_category_that_nothing_trains_is_named(kind):
    x, labels = clouds()
    rows = [row for row in TRAIN if labels[row] != 1]
    with pytest.raises(InterpretError, match="Category 1 has images on one side only"):
        classify(kind, (x @ x.T).double(), one_against_rest(labels, 3), rows, TEST, strengths=[1.0])


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_equal_vectors_cannot_be_told_apart(value):
    products = torch.full((60, 60), value, dtype=torch.float64)
    with pytest.raises(InterpretError, match="All feature vectors are the same"):
        classify("svm", products, one_against_rest(clouds()[1], 3), TRAIN, TEST)


@pytest.mark.parametrize("scaling", ["none", "length"])
def test_a_layer_that_always_gives_the_same_is_refused(tmp_path, scaling):
    """What rounding leaves of the differences from a mean in 32 bits is no variance."""
    x = torch.rand(1, 3000, generator=torch.Generator().manual_seed(0)).expand(60, -1).contiguous()
    products = gram(stored(tmp_path, x), scaling=scaling)
    with pytest.raises(InterpretError, match="All feature vectors are the same"):
        classify("svm", products, one_against_rest(clouds()[1], 3), TRAIN, TEST)


def test_vectors_that_hardly_differ_are_told_apart_as_well(tmp_path):
    """Far from the origin, as what random layers give: their differences are what counts, and are kept."""
    x, labels = clouds()
    targets = one_against_rest(labels, 3)
    near, _ = classify("svm", gram(stored(tmp_path / "near", x), scaling="none"), targets, TRAIN, TEST)
    far = gram(stored(tmp_path / "far", x + 3000), scaling="none")
    found, _ = classify("svm", far, targets, TRAIN, TEST)
    assert (found.argmax(1) == near.argmax(1)).double().mean() > 0.9
