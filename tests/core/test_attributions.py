"""Which class is asked about: an index, a category, the label, or what is predicted."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from interpret import InterpretError, ModelError, UnknownNameError, wrap
from interpret.images import Images, Sample
from interpret.targets import check_classes, find_class, find_targets
from interpret_deconv import Project
from interpret_invariance import Invariance
from interpret_occlusion import Occlusion

LOGITS = torch.tensor([[0.0, 3.0, 1.0], [2.0, 0.0, 1.0]])


class Two(Images):
    """Two images with labels."""

    ids = ("a", "b")

    def __init__(self, labels, categories=()):
        self.labels_, self.categories = labels, categories

    @property
    def labels(self):
        return self.labels_

    def __getitem__(self, index):
        return Sample(self.ids[index], Image.new("RGB", (8, 8)), self.labels_[index])

    def fingerprint(self):
        return "two"


def network(categories=("cat", "dog", "owl")):
    return wrap(nn.Sequential(nn.Flatten(), nn.Linear(192, 3)), input_size=8, categories=categories)


def targets(labels, target=None, categories=("owl", "cow", "cat"), net=None):
    return find_targets(net or network(), Two(labels, categories), LOGITS, target).tolist()


def test_labels_are_matched_by_category_and_what_the_network_does_not_know_is_predicted():
    assert targets([0, 1]) == [2, 0]
    assert targets([0, 2], "label") == [2, 0]
    assert targets([None, 2]) == [1, 0]


def test_labels_without_names_are_indices():
    assert targets([2, 1], categories=(), net=network(())) == [2, 1]
    assert targets([2, 1], categories=("a", "b"), net=network(())) == [1, 0]


def test_given_classes_hold_for_every_image():
    assert targets([0, 0], 2) == [2, 2]
    assert targets([0, 0], "dog") == [1, 1]
    assert targets([0, 0], "predicted") == [1, 0]


def test_wrong_targets_say_what_there_is():
    with pytest.raises(UnknownNameError, match="Did you mean 'dog'"):
        targets([0, 0], "dogs")
    with pytest.raises(InterpretError, match=r"no class 3: the network has 3, 0 to 2"):
        targets([0, 0], 3)
    with pytest.raises(InterpretError, match=r"stands for the label 'cow' of image 'b'.*predicted"):
        targets([0, 1], "label")
    with pytest.raises(ModelError, match="one value for each class"):
        find_targets(network(), Two([0, 0]), torch.zeros(2, 1, 1))


def test_one_output_is_the_target():
    assert find_targets(network(()), Two([0, 0]), torch.zeros(2, 1)).tolist() == [0, 0]


def test_a_class_is_a_name_or_a_whole_number():
    net = network(("great white shark", "crane", "crane"))
    assert find_class(net, 3, "Great_White_Shark") == 0
    assert find_class(net, 3, np.int64(2)) == 2
    with pytest.raises(
        ModelError, match=r"'crane' stands for 2 outputs of the network: 1, 2\. Give the index"
    ):
        find_class(net, 3, "crane")
    for target in (1.0, None, torch.ones(2)):
        with pytest.raises(InterpretError, match="by its index or its category"):
            find_class(net, 3, target)


@pytest.mark.parametrize(
    "probe", [Project(), Occlusion(window=4, stride=4), Invariance(steps=3, layers=["0"])]
)
def test_results_say_how_labels_were_matched(probe, caplog):
    images, net = Two([0, 1], ("Owl", "cow")), network()
    assert (
        "1 of 2 categories matched by name to 3 outputs. No output is called 'cow'"
        in probe.run(net, images).matching
    )
    assert caplog.text.count("1 of 2 categories matched") == 1
    assert not probe.run(net, Two([None, None])).matching


def test_one_value_for_each_image_is_refused_with_a_cure_that_works():
    module = nn.Sequential(nn.Flatten(), nn.Linear(48, 1), nn.Flatten(0))
    given = torch.zeros(1, 3, 4, 4)
    with pytest.raises(ModelError, match=r"output=lambda y: y\[:, None\]"):
        check_classes(wrap(module, input_size=4)(given), least=1)
    check_classes(wrap(module, input_size=4, output=lambda y: y[:, None])(given), least=1)
