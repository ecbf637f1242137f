"""Labels mean the same category to every probe: by name, in whatever order dataset and network list them."""

from dataclasses import replace

import pytest
import torch
from small_training import QUICK, SIZE, WHOLE, Stripes, small_network, weights

from interpret import wrap
from interpret.errors import DatasetError, InterpretError, StepError
from interpret.network import Network
from interpret.targets import find_targets
from interpret_training import Evaluate, evaluate, train
from interpret_training.pixels import check_labels

ONCE = QUICK.model_copy(update={"epochs": 1, "checkpoints": ()})


class Reordered(Stripes):
    """The same pictures, whose categories are listed in another order."""

    categories = ("Plain", "rows", "columns")

    @property
    def labels(self):
        return [(label + 1) % 3 for label in super().labels]

    def __getitem__(self, index):
        own = Stripes(self.count, self.seed)[index]
        return replace(own, label=self.labels[index])


class Two(Reordered):
    """Only some of the categories."""

    categories = ("Plain", "rows")

    @property
    def labels(self):
        return [label % 2 for label in super().labels]


def nameless():
    return Network(small_network().module, small_network().input)


def test_evaluate_and_project_understand_labels_alike():
    network, images = small_network(), Reordered(9)
    assert evaluate(network, images) == evaluate(network, Stripes(9))
    found = Evaluate(crops=1).run(network, images)
    assert found.labels.tolist() == find_targets(network, images, found.probabilities, "label").tolist()
    assert found.labels.tolist() == [0, 1, 2] * 3
    assert found.matching == "3 of 3 categories matched by name to 3 outputs."


def test_fewer_categories_than_outputs_are_matched_by_name():
    assert check_labels(Two(4), 3, small_network().categories, several=False).tolist() == [0, 2, 2, 0]


def test_without_names_another_number_of_categories_is_refused_and_the_cure_works():
    images = Two(6)
    with pytest.raises(DatasetError, match=r"2 categories, but the network has 3 outputs.*'categories'"):
        evaluate(nameless(), images)
    spec = {"input_size": SIZE, "resize": WHOLE, "mean": [0.5] * 3, "std": [0.25] * 3}
    named = wrap(small_network().module, categories=["rows", "columns", "plain"], **spec)
    assert evaluate(named, images).images == 6


def test_a_category_that_no_output_has_is_refused_by_name():
    network = small_network()
    network.categories = ("rows", "columns", "dots")
    with pytest.raises(DatasetError, match=r"label 'plain' of image '0-2' \(2 of 6 images\).*called 'plain'"):
        evaluate(network, Stripes(6))
    assert evaluate(network, Stripes(6).subset([0, 1])).images == 2  # the cure: leave them out


def test_networks_that_name_outputs_differently_are_no_ensemble():
    one, two, images = small_network(), small_network(), Stripes(6)
    two.categories = ("plain", "rows", "columns")
    with pytest.raises(InterpretError, match="another order"):
        evaluate([one, two], images)
    with pytest.raises(StepError, match="at other outputs"):
        Evaluate().run(two, images, others=Evaluate().run(one, images))


@pytest.mark.parametrize("make", [small_network, nameless])
def test_training_matches_by_name_too(tmp_path, make):
    """Also the validation images of a network without names: by those of the images it is trained on."""
    images, held = Stripes(24), Stripes(9, seed=1)
    plain = train(make(), images, ONCE, validation=held, folder=tmp_path / "a")
    mixed = train(make(), images, ONCE, validation=Reordered(9, seed=1), folder=tmp_path / "b")
    assert mixed.scores == plain.scores
    assert torch.equal(mixed.history.validation_error, plain.history.validation_error)
    if make is small_network:
        other = train(make(), Reordered(24), ONCE, validation=held, folder=tmp_path / "c")
        assert torch.equal(weights(other.network(make())), weights(plain.network(make())))
