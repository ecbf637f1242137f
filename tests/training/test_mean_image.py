"""The mean image: computed, kept by the network, and subtracted where it belongs."""

import numpy as np
import pytest
import torch
from small_training import QUICK, SIZE, WHOLE, Stripes, small_network

import interpret
from interpret_deconv import Neuron, project
from interpret_training import train
from interpret_training.crops import Views, cut, ten_views
from interpret_training.loading import Batch, Preparation
from interpret_training.pixels import read_pixels
from interpret_zoo import MeanImage


def test_the_mean_of_all_photographs_in_float64():
    images = Stripes(10)
    pixels = read_pixels(images, small_network().input, classes=3)
    slow = np.mean([np.asarray(s.image.resize((WHOLE, WHOLE), 2), dtype=np.float64) for s in images], 0) / 255
    torch.testing.assert_close(pixels.mean().double(), torch.tensor(slow).permute(2, 0, 1), rtol=0, atol=1e-7)


def test_a_view_loses_its_own_part_of_the_mean():
    """By hand: the network takes view - mean under the view, whatever the view."""
    network = small_network(mean=True)
    whole = torch.rand(3, WHOLE, WHOLE)
    network.module[0].mean.copy_(whole)
    photograph = torch.randint(0, 256, (1, 3, WHOLE, WHOLE), dtype=torch.uint8)
    views = ten_views((WHOLE, WHOLE), (SIZE, SIZE))
    batch = Batch(cut(photograph.expand(10, -1, -1, -1), views, (SIZE, SIZE)), views, torch.zeros(10))
    given = network.module[0](Preparation.of(network)(batch))
    for x, top, left, flip in zip(given, *views, strict=True):
        part = network.input.normalize(photograph[0].float() / 255) - whole
        part = part[:, top : top + SIZE, left : left + SIZE]
        torch.testing.assert_close(x, part.flip(2) if flip else part, atol=2e-6, rtol=0)


def test_preprocessing_alone_is_right_for_the_centre():
    network = small_network(mean=True)
    network.module[0].mean.normal_()
    picture = Stripes(1)[0].image
    pixels = read_pixels(Stripes(6), network.input, classes=3)
    views = Views(*(part[4:5] for part in ten_views((WHOLE, WHOLE), (SIZE, SIZE))))
    batch = Batch(cut(pixels.take(torch.tensor([0])), views, (SIZE, SIZE)), views, torch.zeros(1))
    torch.testing.assert_close(
        Preparation.of(network)(batch)[0], network.preprocess(picture), atol=2e-6, rtol=0
    )


def test_training_gives_the_network_its_mean(tmp_path):
    recipe = QUICK.model_copy(update={"epochs": 1, "mean": "pixel"})
    found = train(small_network(mean=True), Stripes(), recipe, folder=tmp_path).network(
        small_network(mean=True)
    )
    mean = read_pixels(Stripes(), found.input, classes=3).mean()
    torch.testing.assert_close(found.module[0].mean, found.input.normalize(mean))


@pytest.fixture(scope="module")
def pair():
    """A network that subtracts a mean, and the same without it."""
    with_mean = interpret.load_model("zfnet", input_size=64, width=0.125, categories=4, mean_image=True)
    without = interpret.load_model("zfnet", input_size=64, width=0.125, categories=4)
    with_mean.module.mean.mean.normal_()
    for network in (with_mean, without):
        network.module.double()
    without.module.load_state_dict(
        {name: value for name, value in with_mean.module.state_dict().items() if name != "mean.mean"}
    )
    return with_mean, without


@pytest.mark.parametrize("engine", ["full", "windows"])
def test_projections_pass_it(engine, pair):
    """The projection of a network that subtracts a mean is that of one that is shown what is left."""
    with_mean, without = pair
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    neurons = [Neuron(image, "layer2", 3, y, 1) for image in (0, 1) for y in (0, 1, 2)]
    found = project(with_mean, x, neurons, engine=engine)
    shown = x - with_mean.module.mean.centre
    torch.testing.assert_close(found, project(without, shown, neurons), rtol=1e-9, atol=1e-12)
    assert float(found.abs().max()) > 0


def test_it_is_zero_until_a_training_sets_it():
    x = torch.randn(2, 3, 4, 4)
    assert torch.equal(MeanImage(3, (4, 4), (6, 6))(x), x)
