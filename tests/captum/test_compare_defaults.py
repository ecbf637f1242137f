"""What `compare` does where nobody says it works on regressions, segmenters and modules called twice."""

import pytest
import torch
from torch import nn

import interpret
from interpret.errors import ModelError
from interpret.images import as_images
from interpret.modules import MeanOverImage
from interpret_captum import layer_features
from interpret_captum.compare import compare
from interpret_captum.renderers import ComparisonFigure, ComparisonTable
from interpret_captum.renderers.table import document
from interpret_captum.study import UNFAITHFUL
from interpret_topk import mine

IMAGES = as_images([torch.randn(3, 16, 16, generator=torch.Generator().manual_seed(i)) for i in range(3)])


class Segmenter(nn.Module):
    """One head for two stages, so that its first call is not its last."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.relu, self.head = nn.ReLU(), nn.Conv2d(6, 4, 1)

    def forward(self, x):
        x = self.relu(self.first(x))
        return {"aux": self.head(x), "out": self.head(self.relu(self.second(x)))}


class Shared(nn.Module):
    """One ReLU, of which the last call gives a vector."""

    def __init__(self, outputs=1):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.relu, self.fc = nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Linear(6, 5)
        self.last = nn.Linear(5, outputs)

    def forward(self, x):
        return self.last(self.relu(self.fc(self.relu(self.conv(x)).mean((2, 3)))))


def segmenter():
    return interpret.wrap(Segmenter().eval(), input_size=16, output=MeanOverImage())


def shared(outputs=1):
    return interpret.wrap(Shared(outputs).eval(), input_size=16)


@pytest.mark.parametrize("network", [segmenter, shared])
def test_the_default_works_and_says_what_it_leaves_out(network):
    found = interpret.load_probe("compare", target=0).run(network(), IMAGES)
    assert {metric.family for metric in found.metrics} == {"agreement"}
    assert found.notes == (UNFAITHFUL,)
    for place in range(1, len(found.probes), 2):
        assert found.table[place, 0] < 1e-5, found.probes[place]


def test_figure_and_table_say_it(tmp_path):
    probes = [{"probe": "captum.saliency"}, {"probe": "project"}]
    found = interpret.load_probe("compare", probes=probes, target=0).run(shared(), IMAGES)
    assert UNFAITHFUL in document(found).markdown()
    (file,) = ComparisonFigure(formats=("svg",)).render(found, IMAGES, tmp_path)
    assert file.is_file()
    found.save(tmp_path / "result")
    assert interpret.load_result(tmp_path / "result").notes == (UNFAITHFUL,)
    assert ComparisonTable().render(found, IMAGES, tmp_path)


def test_as_a_function_it_does_the_same():
    probes = [interpret.load_probe("captum.saliency", target=0)]
    assert compare(shared(), IMAGES, probes).notes == (UNFAITHFUL,)


def test_probabilities_need_no_word_and_a_wish_is_refused_as_before():
    probes, named = [{"probe": "captum.saliency"}], {"metrics": ["faithfulness"]}
    found = interpret.load_probe("compare", probes=probes, target=0, steps=2).run(shared(3), IMAGES)
    assert "faithfulness" in {metric.family for metric in found.metrics}
    assert found.notes == ()
    with pytest.raises(ModelError, match="Leave it out"):
        interpret.load_probe("compare", probes=probes, target=0, **named).run(shared(), IMAGES)


def test_every_call_of_a_module_can_be_mined_and_recorded():
    network, layers = segmenter(), ["head:1", "head:2", "relu:1", "second"]
    ours = mine(network, IMAGES, layers, k=2)
    theirs = interpret.load_probe("captum.layer_activation", layers=layers, k=2).run(network, IMAGES)
    x = torch.stack([IMAGES[i].image for i in range(3)])
    found, right = layer_features(network, x, layers), network.record(x, layers)
    for layer in layers:
        assert torch.equal(ours[layer].image, theirs[layer].image)
        torch.testing.assert_close(ours[layer].values, theirs[layer].values)
        torch.testing.assert_close(found[layer], right[layer])


@pytest.mark.parametrize("probe", ["captum.layer_grad_cam", "captum.layer_conductance", "grad_cam_plus_plus"])
@pytest.mark.parametrize("network", [segmenter, shared])
def test_the_layer_of_a_method_by_default_is_one_that_captum_sees(probe, network):
    found = interpret.load_probe(probe, target=0).run(network(), IMAGES)
    assert found.maps.shape == (3, 3, 16, 16)
