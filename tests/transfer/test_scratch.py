"""The same network from scratch on every split: what training by hand on that split gives."""

from __future__ import annotations

import pytest
import torch
from transfer_fixtures import Coloured, equal, network

from interpret.errors import DatasetError, InterpretError
from interpret_training import Recipe, train
from interpret_transfer import draw_folds, from_scratch

pytestmark = pytest.mark.usefixtures("own_room")
TINY = Recipe(epochs=2, batch=4, rate=0.02, init="he", deviation=0.1, test_crops=1, checkpoints=())


def hard():
    labels = [place % 3 for place in range(27)]
    shown = [label if place % 2 else (place // 3) % 3 for place, label in enumerate(labels)]
    return Coloured(labels, shown=shown, noise=120)


def run(images, recipe=TINY, *, made=None, **options):
    return from_scratch(made or network(), images, recipe, **{"train": [4], "folds": 2, **options})


def by_hand(images, fold, recipe, folder):
    """Train on the fold's images, and count for each category what the trained network says of the others."""
    made = network()
    learned = train(made, images.subset(fold.train), recipe, folder=folder).network(made)
    right, count = torch.zeros(3), torch.zeros(3)
    for place in fold.test:
        sample = images[place]
        found = int(learned(learned.preprocess(sample.image)[None]).argmax())
        right[sample.label] += found == sample.label
        count[sample.label] += 1
    return (right / count).double()


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    from interpret.run.cache import working_in  # noqa: PLC0415

    with working_in(tmp_path_factory.mktemp("rooms")):
        return run(hard(), train=[2, 4])


def test_a_split_is_a_training_by_hand_whose_seed_is_its_number(found, tmp_path):
    images = hard()
    folds = draw_folds(images.all, 4, 50, folds=2)
    each = [
        by_hand(images, fold, TINY.model_copy(update={"seed": number}), tmp_path / str(number))
        for number, fold in enumerate(folds)
    ]
    (row,) = found.networks[0].layers
    torch.testing.assert_close(row.quality[1], torch.stack([one.mean() for one in each]))
    torch.testing.assert_close(row.by_category[1], torch.stack(each).mean(0))


def test_what_is_told_of_it(found):
    (one,) = found.networks
    (row,) = one.layers
    assert one.label == "Sequential, from scratch"
    assert (row.layer, row.classifier, row.dimension) == ("", "scratch", 0)
    assert row.quality.shape == (2, 2)
    assert row.quality.dtype == torch.float64
    assert row.by_category.shape == (2, 3)
    assert row.strength.isnan().all()
    assert row.seconds > 0
    assert (found.sizes, found.tested, found.folds, found.crops) == ((2, 4), 21, 2, 1)
    assert (found.measure, found.categories) == ("accuracy", ("red", "green", "blue"))


def test_enough_epochs_learn_the_colours():
    images = equal(12)
    found = run(
        images, TINY.model_copy(update={"epochs": 15, "radius": None, "deviation": 0.01}), train=[8], folds=1
    )
    assert float(found.networks[0].layers[0].mean) > 0.9


def test_weights_of_the_network_do_not_count():
    """Random weights are drawn anew: a network that knows the answer has no advantage."""
    one, other = (run(hard(), made=network(seed=seed), folds=1) for seed in (0, 1))
    assert torch.equal(one.networks[0].layers[0].by_category, other.networks[0].layers[0].by_category)


def test_images_that_cannot_be_read_are_listed():
    images = equal(9, broken=(3, 7, 20))
    found = run(images, on_error="skip", folds=1, train=[4], label="mine")
    assert sorted(name for name, _ in found.skipped) == ["0-0003", "0-0007", "0-0020"]
    assert found.networks[0].label == "mine"
    with pytest.raises(DatasetError, match="cannot be used"):
        run(images, folds=1)


def test_a_wrong_number_of_outputs_is_named():
    with pytest.raises(
        DatasetError, match=r"The images have 3 categories, but the network has 5 outputs. Give the model cat"
    ):
        run(equal(9), made=network(outputs=5))


def test_a_recipe_by_its_name_is_read():
    with pytest.raises(InterpretError, match="There is no recipe"):
        run(equal(9), "imagnet-zfnet")


def test_categories_keep_their_order_where_the_network_lists_them_in_another(tmp_path):
    images, made = hard(), network()
    made.categories = ("blue", "red", "green")
    (row,) = run(images, made=made, folds=1).networks[0].layers
    (fold,) = draw_folds(images.all, 4, 50, folds=1)
    learned = train(made, images.subset(fold.train), TINY, folder=tmp_path).network(made)
    right, count = torch.zeros(3), torch.zeros(3)
    for place in fold.test:
        sample = images[place]
        found = made.categories[int(learned(learned.preprocess(sample.image)[None]).argmax())]
        right[sample.label] += found == images.categories[sample.label]
        count[sample.label] += 1
    torch.testing.assert_close(row.by_category[0], (right / count).double())
