"""Several categories an image, one part to train and one to test: average precision, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.svm import LinearSVC
from transfer_fixtures import LAYERS, Coloured, network, views_of

from interpret.errors import DatasetError, InterpretError
from interpret_transfer import Method, transfer_split
from interpret_transfer.tasks import presence, split_task

pytestmark = pytest.mark.usefixtures("own_room")
FIXED = Method(strengths=(10.0,))
NAMES = ("red", "green", "blue", "yellow")


def part(seed, count=40, *, only=(0, 1, 2, 3), unsure=True):
    """Images of one colour that also show another category by chance; some do not count for a third."""
    random = np.random.default_rng(seed)
    shown = [only[place % len(only)] for place in range(count)]
    also = [tuple(sorted({label, only[int(random.integers(len(only)))]})) for label in shown]
    doubt = [
        tuple(one for one in range(4) if unsure and one not in own and random.random() < 0.2) for own in also
    ]
    return Coloured(shown, present=also, unsure=doubt, categories=NAMES, noise=150, seed=seed)


def run(one, other, layers=LAYERS, *, method=FIXED, **options):
    return transfer_split(network(), one, other, layers, method=method, **options)


def vectors(images, layer):
    made = network()
    return torch.nn.functional.normalize(
        made.record(views_of(made, images), [layer])[layer].flatten(1).double()
    ).numpy()


def targets(images):
    """1, -1 or 0, image by image and category by category."""
    return np.array([
        [1 if one in own else 0 if one in doubt else -1 for one in range(len(images.categories))]
        for own, doubt in zip(images.present, images.unsure, strict=True)
    ])  # fmt: skip


def test_presence_is_1_doubt_is_0_the_rest_is_against():
    images = Coloured(
        [0, 0, 0], present=[(0, 2), (), (1,)], unsure=[(3,), (0, 1, 2, 3), ()], categories=NAMES
    )
    expected = [[1, -1, 1, 0], [0, 0, 0, 0], [-1, 1, -1, -1]]
    assert presence(images, [0, 1, 2]).tolist() == expected
    assert presence(images, [2, 0]).tolist() == [expected[2], expected[0]]


def test_average_precisions_are_those_by_hand():
    """LinearSVC for each category, on the images that count there, and scikit-learn's average precision."""
    one, other = part(1), part(2, 30)
    found = run(one, other)
    learn, check = targets(one), targets(other)
    for layer in LAYERS:
        x, others, each = vectors(one, layer), vectors(other, layer), []
        unit = np.sqrt(np.square(x - x.mean(0)).sum(1).mean())
        x, others = x / unit, others / unit
        for category in range(4):
            own, counts = learn[:, category] != 0, check[:, category] != 0
            model = LinearSVC(C=10.0, dual=True, tol=1e-10, max_iter=1_000_000, random_state=0)
            values = model.fit(x[own], learn[own, category]).decision_function(others[counts])
            each.append(average_precision_score(check[counts, category] > 0, values))
        np.testing.assert_allclose(found[layer].by_category[0], each, atol=1e-9)
        np.testing.assert_allclose(found[layer].quality, [[np.mean(each)]], atol=1e-9)
        assert 0.3 < np.mean(each) < 1


def test_what_is_told_of_it():
    found = run(part(1), part(2, 30))
    assert (found.measure, found.sizes, found.tested, found.folds) == ("average precision", (40,), 30, 1)
    assert found.categories == NAMES
    assert found.without == ()
    assert found["fc"].quality.shape == (1, 1)
    assert math.isnan(float(found["fc"].spread))


def test_a_category_that_is_not_tested_is_left_out_and_named():
    found = run(part(1), part(2, only=(0, 1, 2)))
    assert found.without == ("yellow",)
    each = found["fc"].by_category[0]
    assert each.isnan().tolist() == [False, False, False, True]
    assert float(found["fc"].quality) == pytest.approx(float(each[:3].mean()))


def test_a_category_that_is_not_trained_is_left_out():
    found = run(part(1, only=(0, 1, 3)), part(2))
    each = found["fc"].by_category[0]
    assert each.isnan().tolist() == [False, False, True, False]
    assert float(found["fc"].quality) == pytest.approx(float(each[[0, 1, 3]].mean()))


def test_exclusive_softmax_is_logistic_regression_on_the_labels():
    """Trained on one category an image, tested on all that it shows."""
    one, other = part(1), part(2, 30)
    method = Method(classifiers=("softmax",), strengths=(10.0,))
    found = run(one, other, ["layer1"], exclusive=True, method=method)
    model = LogisticRegression(C=10.0, tol=1e-8, max_iter=10_000).fit(vectors(one, "layer1"), one.all)
    values, check = model.decision_function(vectors(other, "layer1")), targets(other)
    each = [
        average_precision_score(check[counts, one] > 0, values[counts, one])
        for one, counts in enumerate((check != 0).T)
    ]
    np.testing.assert_allclose(found["layer1"].by_category[0], each, atol=0.01)


def test_exclusive_leaves_images_without_a_label_out_of_the_training():
    labels = [0, 1, None, 2, 1, 0, None, 2] * 3
    images = Coloured(labels, present=[() if one is None else (one, 3) for one in labels], categories=NAMES)
    task = split_task([images, part(2)], [range(24), range(40)], exclusive=True)
    ((size, (fold,)),) = task.splits.items()
    assert size == 18
    assert fold.train == tuple(place for place in range(24) if labels[place] is not None)
    assert fold.test == tuple(range(24, 64))
    assert (task.targets[list(fold.train)] > 0).sum(1).tolist() == [1] * 18
    assert (task.targets[24:] > 0).sum(1).max() == 2
    assert task.multiple


def test_a_svm_can_be_exclusive_too():
    method = Method(classifiers=("svm", "softmax"), strengths=(10.0,))
    found = run(part(1), part(2), exclusive=True, method=method)
    assert [row.classifier for row in found.networks[0].layers] == ["svm", "softmax"] * 3


def test_places_of_images_that_cannot_be_read():
    one, other = part(1), part(2, 30)
    broken = Coloured(
        one.all, present=one.several, unsure=one.doubtful, categories=NAMES, noise=150, seed=1, broken=(0, 5)
    )
    good = one.subset([place for place in range(40) if place not in {0, 5}])
    found = run(broken, other, method=Method(on_error="skip", strengths=(10.0,)))
    assert [name for name, _ in found.skipped] == ["1-0000", "1-0005"]
    assert found.sizes == (38,)
    np.testing.assert_allclose(found["fc"].by_category[0], run(good, other)["fc"].by_category[0], atol=1e-6)


def test_c_is_chosen_where_a_category_is_rare():
    """Three splits of the training part: some hold none of it out."""
    images = part(1)
    images.several = [(0, 1) if place in {3, 7} else (0,) if place % 2 else () for place in range(40)]
    images.doubtful = [()] * 40
    found = run(images, part(2), ["fc"], method=Method())
    assert float(found["fc"].strength) in Method().strengths
    assert found["fc"].by_category[0].isnan().tolist() == [False, False, True, True]


def test_a_softmax_must_be_exclusive():
    with pytest.raises(InterpretError, match=r"A softmax gives an image one category\. Give exclusive: true"):
        run(part(1), part(2), method=Method(classifiers=("svm", "softmax")))


def test_other_categories_are_refused():
    other = part(2)
    other.categories = ("cat", "dog", "cow", "hen")
    with pytest.raises(
        DatasetError, match=r"other categories than those to train on: \['cat', 'dog', 'cow'\]"
    ):
        run(part(1), other)


@pytest.mark.parametrize("exclusive", [False, True])
def test_images_that_show_nothing_are_refused(exclusive):
    images = Coloured([None] * 12, present=[()] * 12, categories=NAMES)
    with pytest.raises(DatasetError, match="None of the 12 images to train on shows a category"):
        run(images, part(2), exclusive=exclusive)


@pytest.mark.parametrize("kind", ["svm", "softmax"])
def test_one_category_that_all_show_cannot_be_learned(kind):
    images = Coloured([1] * 12, categories=NAMES)
    with pytest.raises(DatasetError, match="in all of the 12 images to train on or in none"):
        run(images, part(2), exclusive=True, method=Method(classifiers=(kind,)))


def test_few_images_to_train_an_exclusive_softmax_with():
    """A third held out may leave one category only: then that split says nothing."""
    images = Coloured([0, 1, 1, 0], categories=NAMES)
    found = run(images, part(2), ["fc"], exclusive=True, method=Method(classifiers=("softmax",)))
    assert found["fc"].by_category[0].isnan().tolist() == [False, False, True, True]
