"""The probe: every strong neuron once, cropped to its box, each image read once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch
from torch import nn

from interpret.errors import InterpretError, StepError, UnknownNameError
from interpret.images import Images, Sample, as_images
from interpret.network import Network, wrap
from interpret.results import load
from interpret_deconv import Deconv, Neuron, Projections, project
from interpret_topk import Exemplars, mine

LAYERS = ["pool", "2", "7"]


class Counted(Images):
    """Notes which images are read."""

    def __init__(self, images: Images) -> None:
        self.images, self.read = images, Counter[int]()

    @property
    def ids(self) -> list[str]:
        return list(self.images.ids)

    def __getitem__(self, index: int) -> Sample:
        self.read[index] += 1
        return self.images[index]

    def fingerprint(self) -> str:
        return self.images.fingerprint()


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 5, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(5, 6, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(6 * 5 * 4, 4),
    )
    with torch.no_grad():
        module[0].weight[1] = -1.0  # a dead unit
        module[0].bias[1] = -100.0
    return wrap(module, input_size=(20, 16), aliases={"pool": "5"})


@pytest.fixture(scope="module")
def images() -> Images:
    return as_images(torch.rand(12, 3, 20, 16, generator=torch.Generator().manual_seed(3)))


@pytest.fixture(scope="module")
def exemplars(network: Network, images: Images) -> Exemplars:
    return mine(network, images, LAYERS, k=3)


def test_patches_are_crops_of_whole_projections(
    network: Network, images: Images, exemplars: Exemplars
) -> None:
    counted = Counted(images)
    found = Deconv(batch_size=5).run(network, counted, exemplars)
    assert set(counted.read.values()) == {1}
    assert found.ids == {str(index): images.ids[index] for index in counted.read}
    assert found.engine == "full (7), windows (pool, 2)"
    x = torch.stack([sample.image for sample in images])
    for layer in LAYERS:
        layers = found[layer]
        alive = (~exemplars[layer].dead).nonzero()[:, 0].tolist()
        assert list(zip(layers.unit.tolist(), layers.rank.tolist(), strict=True)) == [
            (unit, rank) for unit in alive for rank in range(3)
        ]
        rows = zip(layers.image.tolist(), layers.unit.tolist(), layers.position.tolist(), strict=True)
        neurons = [Neuron(image, layer, unit, *position) for image, unit, position in rows]
        for i, whole in enumerate(project(network, x, neurons)):
            assert layers.value[i] == exemplars[layer].values[layers.unit[i], layers.rank[i]]
            top, left, bottom, right = layers.box[i].tolist()
            rows, columns = torch.arange(top, bottom), torch.arange(left, right)
            inside = ((rows >= 0) & (rows < 20))[:, None] & ((columns >= 0) & (columns < 16))
            expected = whole[:, rows.clamp(0, 19)][:, :, columns.clamp(0, 15)] * inside
            assert whole.abs().sum() == pytest.approx(expected.abs().sum().item())
            peak = float(expected.abs().max())
            torch.testing.assert_close(layers.projection(i), expected, rtol=0, atol=1e-3 * peak)


def test_a_part_of_a_dataset_is_projected_by_its_places_in_the_whole(
    network: Network, images: Images
) -> None:
    part = images.subset([7, 2, 9, 4])
    mined = mine(network, part, LAYERS, k=3)
    found, whole = (Deconv().run(network, given, mined) for given in (part, images))
    assert set(found["pool"].image.tolist()) <= {7, 2, 9, 4}
    assert torch.equal(found["pool"].patches, whole["pool"].patches)
    assert found.ids == whole.ids


def test_dead_units_are_left_out_and_reported(network: Network, images: Images, exemplars: Exemplars) -> None:
    found = Deconv().run(network, images, exemplars)
    assert found.dead["2"].tolist() == [False, True, False, False, False]
    assert 1 not in found["2"].unit


def test_units_ranks_and_layers_can_be_chosen(network: Network, images: Images, exemplars: Exemplars) -> None:
    found = Deconv(units=[4, 0], ranks=2, layers=["2"]).run(network, images, exemplars)
    assert list(found.layers) == ["2"]
    assert found["2"].unit.tolist() == [0, 0, 4, 4]
    assert found["2"].rank.tolist() == [0, 1, 0, 1]
    some = [
        Deconv(units=2, random_seed=seed, layers=["pool"]).run(network, images, exemplars)["pool"].unit
        for seed in (0, 0, 1)
    ]
    assert torch.equal(some[0], some[1])
    assert len(set(some[0].tolist())) <= 2


def test_engines_and_batches_agree(network: Network, images: Images, exemplars: Exemplars) -> None:
    whole = Deconv(engine="full", batch_size=3).run(network, images, exemplars)
    auto = Deconv().run(network, images, exemplars)
    assert whole.engine == "full"
    for layer in LAYERS:
        assert torch.equal(whole[layer].box, auto[layer].box)
        torch.testing.assert_close(whole[layer].scale, auto[layer].scale)
        torch.testing.assert_close(whole[layer].patches, auto[layer].patches, rtol=0, atol=2e-3)


def test_the_activation_scales(network: Network, images: Images, exemplars: Exemplars) -> None:
    one = Deconv(layers=["2"]).run(network, images, exemplars)["2"]
    scaled = Deconv(layers=["2"], seed="activation").run(network, images, exemplars)["2"]
    torch.testing.assert_close(scaled.scale, one.scale * one.value)


def test_it_is_saved_and_loaded(
    network: Network, images: Images, exemplars: Exemplars, tmp_path: Path
) -> None:
    found = Deconv().run(network, images, exemplars)
    found.save(tmp_path)
    again = load(tmp_path)
    assert isinstance(again, Projections)
    assert again.input == network.input
    assert torch.equal(again["pool"].patches, found["pool"].patches)
    assert again["pool"].patches.dtype == torch.float16


def test_wrong_questions_are_refused(network: Network, images: Images, exemplars: Exemplars) -> None:
    with pytest.raises(StepError, match="has no unit 5: it has 5"):
        Deconv(units=[5], layers=["2"]).run(network, images, exemplars)
    with pytest.raises(UnknownNameError, match="'pool'"):
        Deconv(layers=["pol"]).run(network, images, exemplars)
    with pytest.raises(StepError, match="mined from other images"):
        Deconv().run(network, images.subset(range(1, 12)), exemplars)
    with pytest.raises(InterpretError, match="There is no projected layer"):
        Deconv(layers=["2"]).run(network, images, exemplars)["pool"]
