"""The probe ``evaluate``, alone and in a chain that averages."""

import pytest
import torch
from small_training import Stripes, small_network

from interpret.errors import StepError
from interpret_training import Evaluate, evaluate


def test_a_chain_is_an_ensemble():
    one, two, images = small_network(), small_network(), Stripes(12)
    two.module[10].weight.data.mul_(-3)
    first = Evaluate().run(one, images)
    both = Evaluate().run(two, images, others=first)
    assert both.networks == 2
    assert both.scores == evaluate([one, two], images)
    three = Evaluate().run(one, images, others=both)
    torch.testing.assert_close(
        three.probabilities,
        (2 * first.probabilities + Evaluate().run(two, images).probabilities) / 3,
    )


def test_errors_of_categories_by_hand():
    found = Evaluate(crops=1).run(small_network(), Stripes(12))
    said = found.probabilities.argmax(1)
    for category in range(3):
        own = said[found.labels == category]
        assert float(found.category_errors()[category]) == pytest.approx(
            float((own != category).float().mean())
        )


def test_one_category_alone_can_be_evaluated():
    found = Evaluate(crops=1).run(small_network(), Stripes(12).subset([0, 3]))
    assert found.scores.images == 2
    assert found.category_errors().isnan().tolist() == [False, True, True]


def test_other_images_are_no_ensemble():
    first = Evaluate().run(small_network(), Stripes(12))
    with pytest.raises(StepError, match="an ensemble needs the same"):
        Evaluate().run(small_network(), Stripes(9), others=first)
