"""Captum's projections of exemplars are those of `deconv`, in the same boxes and the same figures."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from interpret import StepError, UnknownNameError, load_probe, load_renderer, wrap
from interpret.images import Images, Sample, as_images
from interpret.network import Network
from interpret.results import load
from interpret_captum import NeuronDeconvolution
from interpret_captum.projections import crop
from interpret_deconv import Projections
from interpret_topk import Exemplars, mine

LAYERS = ["pool", "2", "7"]
RULES = {"captum.neuron_deconvolution": "deconvnet", "captum.neuron_guided_backprop": "guided"}


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
    layers = [
        nn.Conv2d(3, 5, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(5, 6, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(6 * 4 * 3, 4),
    ]
    with torch.no_grad():
        layers[0].weight[1], layers[0].bias[1] = -1.0, -100.0  # type: ignore[index, operator]  # a dead unit
    return wrap(nn.Sequential(*layers), input_size=(20, 16), aliases={"pool": "5"})


@pytest.fixture(scope="module")
def images() -> Images:
    return as_images(torch.rand(12, 3, 20, 16, generator=torch.Generator().manual_seed(3)))


@pytest.fixture(scope="module")
def exemplars(network: Network, images: Images) -> Exemplars:
    return mine(network, images, LAYERS, k=3)


def projected(
    probe: str, network: Network, images: Images, exemplars: Exemplars, **parameters: object
) -> Projections:
    found = load_probe(probe, **parameters).run(network, images, exemplars)
    assert isinstance(found, Projections)
    return found


@pytest.mark.parametrize("probe", list(RULES))
@pytest.mark.parametrize("batch", [5, 32])
def test_equal_to_ours_in_the_same_boxes(
    network: Network, images: Images, exemplars: Exemplars, probe: str, batch: int
) -> None:
    counted = Counted(images)
    theirs = projected(probe, network, counted, exemplars, batch_size=batch)
    ours = projected("deconv", network, images, exemplars, rule=RULES[probe])
    assert set(counted.read.values()) == {1}
    assert (theirs.ids, theirs.rule, theirs.unpool) == (ours.ids, ours.rule, ours.unpool)
    assert theirs.engine == "captum"
    for layer in LAYERS:
        assert theirs[layer].patches.shape == ours[layer].patches.shape
        for axis in ("unit", "rank", "image", "position", "value", "box"):
            assert torch.equal(getattr(theirs[layer], axis), getattr(ours[layer], axis)), axis
        torch.testing.assert_close(theirs[layer].scale, ours[layer].scale, rtol=1e-5, atol=0)
        torch.testing.assert_close(theirs[layer].patches, ours[layer].patches, rtol=0, atol=1e-3)
        assert torch.equal(theirs.dead[layer], ours.dead[layer])
    assert theirs.dead["2"].tolist() == [False, True, False, False, False]


def test_units_ranks_layers_and_parts_of_the_dataset(network: Network, images: Images) -> None:
    part = images.subset([7, 2, 9, 4])
    mined = mine(network, part, LAYERS, k=3)
    chosen = {"units": [4, 0], "ranks": 2, "layers": ["2"]}
    theirs = projected("captum.neuron_deconvolution", network, part, mined, **chosen)
    ours = projected("deconv", network, part, mined, **chosen)
    assert theirs["2"].unit.tolist() == [0, 0, 4, 4]
    assert list(theirs.layers) == ["2"]
    assert theirs.ids == ours.ids
    torch.testing.assert_close(theirs["2"].patches, ours["2"].patches, rtol=0, atol=1e-3)
    whole = projected("captum.neuron_deconvolution", network, images, mined, **chosen)
    torch.testing.assert_close(whole["2"].patches, theirs["2"].patches, rtol=0, atol=1e-3)


def test_the_figure_of_ours_draws_them(
    network: Network, images: Images, exemplars: Exemplars, tmp_path: Path
) -> None:
    found = projected("captum.neuron_deconvolution", network, images, exemplars)
    found.save(tmp_path / "result")
    again = load(tmp_path / "result")
    assert isinstance(again, Projections)
    assert torch.equal(again["2"].patches, found["2"].patches)
    assert load_renderer("feature_grid").render(again, images, tmp_path)


@pytest.mark.parametrize(
    "box", [[2, 3, 6, 8], [-2, -3, 4, 5], [7, 6, 12, 11], [-1, -1, 12, 11], [0, 0, 9, 8]]
)
def test_crops_are_zero_outside_the_image(box: list[int]) -> None:
    image: Tensor = torch.arange(1.0, 145.0).reshape(2, 9, 8)
    top, left, bottom, right = box
    expected = torch.zeros(2, bottom - top, right - left)
    for y in range(top, bottom):
        for x in range(left, right):
            if 0 <= y < 9 and 0 <= x < 8:
                expected[:, y - top, x - left] = image[:, y, x]
    assert torch.equal(crop(image, box), expected)


def test_wrong_questions_are_refused(network: Network, images: Images, exemplars: Exemplars) -> None:
    with pytest.raises(StepError, match="has no unit 5: it has 5"):
        NeuronDeconvolution(units=[5], layers=["2"]).run(network, images, exemplars)
    with pytest.raises(UnknownNameError, match="'pool'"):
        NeuronDeconvolution(layers=["pol"]).run(network, images, exemplars)
    with pytest.raises(StepError, match="mined from other images"):
        NeuronDeconvolution().run(network, images.subset(range(1, 12)), exemplars)
