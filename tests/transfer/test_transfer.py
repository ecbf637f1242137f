"""Layers judged on random splits: what can be seen is learned, what cannot is not, all is reported."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.svm import LinearSVC
from transfer_fixtures import LAYERS, Coloured, equal, network, of_variance_one, views_of

from interpret.errors import DatasetError, InterpretError, UnknownNameError
from interpret.results import load
from interpret.testing import small_network
from interpret_captum.mining import layer_features
from interpret_transfer import Method, Transfer, draw_folds, transfer

pytestmark = pytest.mark.usefixtures("own_room")
FIXED = Method(strengths=(10.0,))


def run(images, layers=LAYERS, *, made=None, **options):
    return transfer(
        made or network(), images, layers, **{"train": [4], "folds": 3, "method": FIXED, **options}
    )


BOTH = Method(classifiers=("svm", "softmax"), strengths=(10.0,))


@pytest.mark.parametrize("scaling", ["length", "standard", "none"])
def test_colours_are_learned(scaling):
    found = run(equal(6), method=replace(BOTH, scaling=scaling))
    (one,) = found.networks
    assert [(row.layer, row.classifier) for row in one.layers] == [
        (layer, kind) for layer in LAYERS for kind in ("svm", "softmax")
    ]
    for row in one.layers:
        assert torch.equal(row.quality, torch.ones(1, 3, dtype=torch.float64))
        assert torch.equal(row.by_category, torch.ones(1, 3, dtype=torch.float64))
        assert row.mean.tolist() == [1]
        assert row.spread.tolist() == [0]
    assert (found.scaling, found.crops, found.measure, found.folds) == (scaling, 1, "accuracy", 3)
    assert found.categories == ("red", "green", "blue")
    assert found.without == found.skipped == ()
    assert one.label == "Sequential"


def test_labels_without_a_meaning_are_guessed():
    labels = np.random.default_rng(0).permutation([0, 1, 2] * 60).tolist()
    found = run(Coloured(labels, shown=[0] * 180), train=[20], folds=5)
    for layer in LAYERS:
        assert 0.2 < float(found[layer].mean) < 0.47, layer


def test_sizes_of_the_parts():
    found = run(equal(12), train=[2, 8], test=3, folds=2)
    assert found.sizes == (2, 8)
    assert found.tested == 9
    assert run(equal(12), train=[8], test=None).tested == 12
    assert run(equal(12), train=[8], test=50).tested == 12
    assert found["fc"].quality.shape == found["fc"].strength.shape == (2, 2)
    assert found["fc"].by_category.shape == (2, 3)


def judged_by_hand(x, labels, size, c, *, folds=3, test=50):
    """The share of right answers of LinearSVC in each category, and their mean, split by split."""
    each, x = [], torch.nn.functional.normalize(x.double())
    for fold in draw_folds(labels, size, test, folds=folds):
        rows, others = list(fold.train), list(fold.test)
        model = LinearSVC(C=c, dual=True, tol=1e-10, max_iter=1_000_000, random_state=0)
        scaled = of_variance_one(x, rows).numpy()
        found = model.fit(scaled[rows], np.array(labels)[rows]).predict(scaled[others])
        truth = np.array(labels)[others]
        each.append([np.mean(found[truth == one] == one) for one in sorted(set(labels))])
    return np.array(each)


def hard():
    """Images that are mostly noise, unbalanced."""
    labels = np.random.default_rng(3).permutation([0] * 40 + [1] * 12 + [2] * 20).tolist()
    shown = [label if place % 3 else (place // 3) % 3 for place, label in enumerate(labels)]
    return Coloured(labels, shown=shown, noise=120)


def test_accuracies_are_those_of_linear_svc_by_hand():
    images, made = hard(), network()
    found = run(images, train=[3, 8], test=9)
    outputs = made.record(views_of(made, images), LAYERS)
    for layer in LAYERS:
        for place, size in enumerate((3, 8)):
            each = judged_by_hand(outputs[layer].flatten(1), images.all, size, 10.0, test=9)
            np.testing.assert_allclose(found[layer].quality[place], each.mean(1), atol=1e-12)
            np.testing.assert_allclose(found[layer].by_category[place], each.mean(0), atol=1e-12)
    assert 0.3 < float(found["fc"].quality.min()) < 0.95


def test_captums_features_give_the_same_accuracy():
    """The baseline of issue and paper: the same classifier on LayerActivation's features."""
    images, made = hard(), network()
    found = run(images)
    theirs = layer_features(made, views_of(made, images), LAYERS)
    for layer in LAYERS:
        each = judged_by_hand(theirs[layer].detach().flatten(1), images.all, 4, 10.0)
        np.testing.assert_allclose(found[layer].quality[0], each.mean(1), atol=1e-12)


def test_mean_and_spread_over_the_folds():
    row = run(hard(), train=[3, 8])["fc"]
    np.testing.assert_allclose(row.mean, row.quality.numpy().mean(1))
    np.testing.assert_allclose(row.spread, row.quality.numpy().std(1, ddof=1))
    assert math.isnan(float(run(hard(), folds=1)["fc"].spread))


def test_c_is_one_of_those_that_are_offered():
    offered = (0.02, 0.5, 30.0)
    strength = run(hard(), method=Method(strengths=offered))["fc"].strength
    assert set(strength.flatten().tolist()) <= set(offered)


def test_a_seed_says_all():
    one, same, other = (run(hard(), seed=seed)["fc"].quality for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_more_folds_begin_with_the_same():
    assert torch.equal(run(hard(), folds=2)["fc"].quality, run(hard(), folds=4)["fc"].quality[:, :2])


def test_ten_crops_are_used_and_said():
    found = run(equal(6), method=Method(crops=10, strengths=(10.0,)))
    assert found.crops == 10
    assert float(found["layer1"].mean) == 1


def test_images_that_cannot_be_read_take_part_in_nothing():
    """Splits are drawn from the others, whose labels stay with them."""
    broken = (0, 4, 11, 20)
    images = equal(9, broken=broken)
    found = run(images, method=Method(on_error="skip", strengths=(10.0,)), test=None)
    assert [name for name, _ in found.skipped] == [f"0-{place:04d}" for place in broken]
    assert found.tested == 27 - 4 - 12
    assert float(found["layer1"].mean) == 1
    with pytest.raises(DatasetError, match="Image '0-0000' cannot be used"):
        run(images)


def test_a_category_of_which_nothing_can_be_read_is_named():
    """Without it the mean would be one over fewer categories than anybody thinks."""
    images = equal(6, broken=range(1, 18, 3))
    with pytest.raises(DatasetError, match=r"None of the images of category 'green' can be read \(1 such"):
        run(images, method=Method(on_error="skip"))


def test_categories_without_images_are_no_categories():
    """Such as the background, left out: labels need not be 0 to n - 1."""
    images = Coloured([0, 2, 3] * 8, categories=("red", "green", "blue", "yellow"))
    found = run(images)
    assert found.categories == ("red", "blue", "yellow")
    assert float(found["layer1"].mean) == 1
    assert found["layer1"].by_category.shape == (1, 3)


def test_categories_without_names_have_numbers():
    assert run(Coloured([0, 2] * 8, categories=())).categories == ("0", "2")


def test_a_result_survives_its_file(tmp_path):
    found = run(equal(5), train=[2, 4], folds=2, method=BOTH)
    found.save(tmp_path)
    again = load(tmp_path)
    assert isinstance(again, Transfer)
    for one, other in zip(found.networks[0].layers, again.networks[0].layers, strict=True):
        for name in ("quality", "by_category", "strength"):
            assert torch.equal(getattr(one, name), getattr(other, name))
        assert (one.layer, one.classifier, one.dimension, one.seconds) == (
            other.layer, other.classifier, other.dimension, other.seconds,
        )  # fmt: skip
    for name in (
        "measure",
        "categories",
        "sizes",
        "tested",
        "folds",
        "crops",
        "scaling",
        "without",
        "skipped",
    ):
        assert getattr(found, name) == getattr(again, name)
    assert found.networks[0].label == again.networks[0].label


def test_the_svm_stands_for_a_layer():
    found = run(equal(5), ["fc"], folds=1, method=BOTH)
    assert found["fc"].classifier == "svm"
    with pytest.raises(UnknownNameError, match="There is no layer of the result 'fc2'"):
        found["fc2"]


def test_the_second_time_nothing_is_computed():
    images, made = equal(9), network()
    first = run(images, made=made)
    images.reads = 0
    again = run(images, made=made)
    assert images.reads == 0
    assert again.networks[0].seconds == first.networks[0].seconds
    assert torch.equal(again["fc"].quality, first["fc"].quality)


def test_layers_that_are_taken_by_themselves():
    assert network().default_layers("spread") == ["layer1", "layer2"]
    assert network(aliases=False).default_layers("spread") == ["relu1", "relu2", "relu3"]
    assert small_network().default_layers("spread") == ["relu1", "relu2"]
    assert [row.layer for row in run(equal(5), (), folds=1).networks[0].layers] == ["layer1", "layer2"]


def test_a_label_that_is_missing_is_named():
    with pytest.raises(DatasetError, match=r"Image '0-0004' has no label \(2 of 12 have none\)"):
        run(Coloured([0, 1, 2, 0, None, 2, 0, 1, 2, None, 1, 2]))


def test_one_category_is_too_few():
    with pytest.raises(DatasetError, match=r"one category only \('green'\)"):
        run(Coloured([1] * 9))


def test_a_category_with_too_few_images_is_named():
    with pytest.raises(
        DatasetError, match="The category 'blue' has 4 images, too few to train with 4 and test"
    ):
        run(Coloured([0, 1] * 8 + [2] * 4))


def test_some_number_of_training_images_is_needed():
    with pytest.raises(InterpretError, match=r"train needs one or more, such as \(15,\)"):
        run(equal(9), train=())


def test_a_network_that_gives_no_numbers_is_refused():
    made = network()
    with torch.no_grad():
        made.module.fc.bias[0] = math.nan
    with pytest.raises(InterpretError, match="not finite numbers"):
        run(equal(9), ["fc"], made=made)
