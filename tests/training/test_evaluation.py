"""Errors, ten-crop averaging and ensembles against cases computed by hand."""

import pytest
import torch
from small_training import SIZE, WHOLE, Stripes, small_network

from interpret.errors import InterpretError
from interpret_training import evaluate
from interpret_training.crops import cut, ten_views
from interpret_training.evaluation.evaluating import errors, probabilities, score
from interpret_training.pixels import read_pixels


def test_errors_by_hand():
    outputs = torch.tensor([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0], [1.0, 1.0, 1.0], [0.0, 5.0, 4.0]])
    labels = torch.tensor([0, 0, 1, 2])
    assert errors(outputs, labels).tolist() == [0, 1, 1, 1]
    assert errors(outputs, labels, 2).tolist() == [0, 1, 1, 0]


def test_a_score_by_hand():
    found = score(torch.tensor([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]]), torch.tensor([0, 1]), 1)
    assert (found.error, found.error5, found.images) == (0.5, 0.0, 2)
    assert found.loss == pytest.approx((0.6931472 + 1.3862944) / 2)


def test_ten_crops_average_probabilities_not_outputs():
    network, images = small_network(), Stripes(5)
    pixels = read_pixels(images, network.input, classes=3)
    found = probabilities(network, pixels, crops=10, batch_size=2)
    views = ten_views((WHOLE, WHOLE), (SIZE, SIZE))
    for place in range(5):
        whole = pixels.held[place].expand(10, -1, -1, -1)
        x = network.input.normalize(cut(whole, views, (SIZE, SIZE)).float() / 255)
        slow = torch.stack([network(view[None])[0].double().softmax(0) for view in x]).mean(0)
        torch.testing.assert_close(found[place].double(), slow, rtol=0, atol=1e-6)


def test_an_ensemble_averages_probabilities():
    one, two = small_network(), small_network()
    two.module[10].weight.data.mul_(-3)
    images = Stripes(9)
    pixels = read_pixels(images, one.input, classes=3)
    mean = (probabilities(one, pixels, crops=10) + probabilities(two, pixels, crops=10)) / 2
    assert evaluate([one, two], images) == score(mean, pixels.labels, 10)
    assert evaluate(one, images, crops=1) == score(probabilities(one, pixels), pixels.labels, 1)


def test_an_ensemble_of_nothing_is_refused():
    with pytest.raises(InterpretError, match="no network to evaluate"):
        evaluate([], Stripes(3))
