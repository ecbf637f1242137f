"""Real photographs through a real network, and Captum's own activations."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from captum.attr import LayerActivation
from torchvision import models

from interpret.network import wrap
from interpret.weights import load_into, read_weights
from interpret_topk import mine

sys.path.insert(0, str(Path(__file__).parent))
from mining_reference import Tangle, as_lists, rank

DATA = Path(__file__).parents[2].parent / "shared" / "data"
PHOTOS = sorted((DATA / "imagenet-sample").glob("*.jpg"))
WEIGHTS = DATA / "weights" / "squeezenet1_1-imagenet.safetensors"
LAYERS = ["features.0", "features.6.expand3x3", "features.12.expand3x3_activation", "classifier.1"]

needs_photographs = pytest.mark.skipif(
    not (PHOTOS and WEIGHTS.exists()), reason="the photographs or weights are not beside the repository"
)


@pytest.fixture(scope="module")
def squeezenet():
    module = models.squeezenet1_1(weights=None)
    load_into(module, read_weights(WEIGHTS))
    mean, std = [channel / 255 for channel in (123, 117, 104)], [1 / 255] * 3
    return wrap(module.eval(), input_size=227, mean=mean, std=std)


def best_of_every_image(network, photos, batch_size):
    """Value, y and x of the strongest neuron of every unit in every photograph, by numpy, for each layer."""
    found = {layer: [] for layer in LAYERS}
    for start in range(0, len(photos), batch_size):
        x = torch.stack([network.preprocess(path) for path in photos[start : start + batch_size]])
        for layer, maps in network.record(x, LAYERS).items():
            flat = maps.flatten(2).numpy()
            found[layer].append(np.stack([flat.max(-1), *divmod(flat.argmax(-1), maps.shape[3])], -1))
    return {layer: np.concatenate(parts) for layer, parts in found.items()}


def assert_exact(network, photos, batch_size):
    found = mine(network, photos, LAYERS, 9, batch_size=batch_size)
    for layer, best in best_of_every_image(network, photos, batch_size).items():
        for unit, mined in enumerate(as_lists(found[layer])):
            neurons = [(-v, photos[i].as_posix(), i, y, x) for i, (v, y, x) in enumerate(best[:, unit])]
            assert mined == [(-v, i, y, x) for v, _, i, y, x in sorted(neurons)[:9]], (layer, unit)
    return found


@pytest.mark.data
@needs_photographs
def test_twenty_photographs_equal_brute_force(squeezenet):
    found = assert_exact(squeezenet, PHOTOS[::25][:20], batch_size=16)
    assert {Path(name).parent for name in found.ids.values()} == {PHOTOS[0].parent}


@pytest.mark.slow
@pytest.mark.data
@needs_photographs
def test_five_hundred_photographs_equal_brute_force(squeezenet):
    found = assert_exact(squeezenet, PHOTOS, batch_size=32)
    assert found.count == 500


@pytest.mark.parametrize("layer", ["conv", "pool", "tail"])
def test_captums_layer_activation_gives_the_same_neurons(layer):
    module, x = Tangle().eval(), torch.randn(20, 3, 8, 8)
    attribution = LayerActivation(module, getattr(module, layer))
    kept = torch.cat([attribution.attribute(batch) for batch in x.split(6)]).detach()
    found = mine(wrap(module, input_size=8), x, [layer], 5, batch_size=6)
    assert as_lists(found[layer]) == rank(kept, [str(index) for index in range(20)], 5)[0]
