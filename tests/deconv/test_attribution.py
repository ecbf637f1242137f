"""The probe `project` and how neurons are targets for, beside loops over every neuron and autograd."""

from __future__ import annotations

import math
from itertools import product
from typing import ClassVar

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from interpret import ClassAttribution, InterpretError, UnknownNameError, load_probe, wrap
from interpret.errors import PluginError
from interpret.images import Images, Sample, as_images
from interpret.network import Network
from interpret.progress import Progress, StepListener, listening
from interpret.targets import Targets, find_neurons
from interpret_deconv import Neuron, Project, project


def of_seed(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(0)
    layers = [
        nn.Conv2d(3, 6, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(6, 5, 3),
        nn.BatchNorm2d(5),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.Dropout(),
        nn.Linear(5 * 5 * 4, 4),
    ]
    module = nn.Sequential(*layers).double()
    return wrap(module, input_size=(16, 14), categories=["cat", "cow", "dog", "owl"], aliases={"last": "5"})


@pytest.fixture(scope="module")
def images() -> Images:
    return as_images(of_seed(1, 5, 3, 16, 14))


def stacked(images: Images) -> Tensor:
    return torch.stack([sample.image for sample in images])  # type: ignore[misc]


def strongest_by_loop(
    maps: Tensor, unit: int | str, position: tuple[int, int] | None
) -> tuple[list[int], float]:
    """The neuron of one image, by looking at all in order and keeping the first that is larger."""
    best, value = [0 if unit == "strongest" else int(unit), *(position or (0, 0))], -math.inf
    for u, y, x in product(*map(range, maps.shape)):
        targets = unit in ("strongest", u) and position in (None, (y, x))
        if targets and float(maps[u, y, x]) > value:
            best, value = [u, y, x], float(maps[u, y, x])
    return best, value


@pytest.mark.parametrize("unit", ["strongest", 2])
@pytest.mark.parametrize("position", [None, (1, 3)])
def test_neurons_are_found_as_by_a_loop_over_all(unit, position) -> None:  # type: ignore[no-untyped-def]
    maps = (of_seed(2, 40, 3, 2, 4) * 2).round()  # of whole numbers, so that many are equal
    maps[of_seed(3, *maps.shape) > 1] = torch.nan
    targets = find_neurons(maps, "conv", unit, position)
    known = 0
    for i, image in enumerate(maps):
        neuron, value = strongest_by_loop(image, unit, position)
        if value > -math.inf:  # else every neuron that may be meant is NaN
            known += 1
            assert [int(targets.unit[i]), *targets.position[i].tolist()] == neuron
            assert float(targets.pick(maps)[i]) == value
    assert known >= 20


def test_vectors_are_maps_of_one_position() -> None:
    output = torch.tensor([[1.0, 3.0], [5.0, 2.0]])
    targets = find_neurons(output, "fc")
    assert targets.unit.tolist() == [1, 0]
    assert targets.position.tolist() == [[0, 0], [0, 0]]
    assert targets.pick(output).tolist() == [3, 5]


def test_repeated_batches_are_picked_from_image_by_image() -> None:
    maps = of_seed(4, 6, 3, 2, 2)
    targets = Targets("conv", torch.tensor([2, 0]), torch.tensor([[1, 0], [0, 1]]))
    expected = [maps[i, 2, 1, 0] if i % 2 == 0 else maps[i, 0, 0, 1] for i in range(6)]
    assert torch.equal(targets.pick(maps), torch.stack(expected))
    assert torch.equal(
        targets.pick(maps[:, :, 0, 0]), torch.stack([maps[i, 2 - i % 2 * 2, 0, 0] for i in range(6)])
    )


def test_classes_are_those_targets_for_and_gradients_are_autograds(network: Network, images: Images) -> None:
    found = Project(rule="gradient", batch_size=2).run(network, images)
    x = stacked(images).requires_grad_()
    logits = network.module.eval()(x)
    assert found.target.tolist() == logits.argmax(1).tolist()
    torch.testing.assert_close(found.score, logits.amax(1).detach())
    (right,) = torch.autograd.grad(logits.amax(1).sum(), x)
    torch.testing.assert_close(found.maps, right, rtol=0, atol=1e-12)
    assert (found.layer, found.method) == ("", "project")
    assert found.categories == network.categories


@pytest.mark.parametrize("rule", ["deconvnet", "gradient", "guided"])
def test_a_class_is_the_neuron_of_the_last_layer(network: Network, images: Images, rule: str) -> None:
    of_class = load_probe("project", rule=rule, target="dog").run(network, images)
    of_neuron = load_probe("project", rule=rule, layer="8", unit=2).run(network, images)
    assert of_class.maps.abs().amax((1, 2, 3)).min() > 0  # type: ignore[attr-defined]
    torch.testing.assert_close(of_class.maps, of_neuron.maps, rtol=0, atol=1e-12)  # type: ignore[attr-defined]
    torch.testing.assert_close(of_class.score, of_neuron.score)  # type: ignore[attr-defined]


@pytest.mark.parametrize("rule", ["deconvnet", "gradient", "guided"])
def test_neurons_are_projected_from_where_they_are_strongest(
    network: Network, images: Images, rule: str
) -> None:
    found = load_probe("project", rule=rule, layer="last", unit=3, batch_size=3).run(network, images)
    maps = network.record(stacked(images), ["5"])["5"]
    neurons = []
    for i, image in enumerate(maps):
        (unit, y, x), value = strongest_by_loop(image, 3, None)
        assert found.score[i] == value  # type: ignore[attr-defined]
        neurons.append(Neuron(i, "5", unit, y, x))
    right = project(network, stacked(images), neurons, rule)  # type: ignore[arg-type]
    torch.testing.assert_close(found.maps, right, rtol=0, atol=1e-12)  # type: ignore[attr-defined]
    assert found.layer == "5"  # type: ignore[attr-defined]
    assert found.target.tolist() == [3] * 5  # type: ignore[attr-defined]


def test_images_keep_their_places_in_the_whole_dataset(network: Network, images: Images) -> None:
    whole = Project().run(network, images)
    part = Project().run(network, images.subset([3, 1]))
    assert part.image.tolist() == [3, 1]
    assert part.ids == {"3": images.ids[3], "1": images.ids[1]}
    torch.testing.assert_close(part.maps, whole.maps[[3, 1]], rtol=0, atol=1e-12)


def test_a_network_that_ends_in_a_function_has_classes_too() -> None:
    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 3, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x).relu().mean((2, 3)) * 2

    torch.manual_seed(0)
    network = wrap(Functional().double(), input_size=6, mean=[0.5], std=[0.5])
    x = of_seed(5, 2, 1, 6, 6).requires_grad_()
    found = Project(rule="gradient", target=1).run(network, as_images(x.detach()))
    (right,) = torch.autograd.grad(network.module(x)[:, 1].sum(), x)
    torch.testing.assert_close(found.maps, right, rtol=0, atol=1e-12)


class Labelled(Images):
    """Images of the network's categories by other numbers."""

    categories = ("owl", "yak", "cat")
    ids = ("a", "b", "c")
    labels = (0, 1, 2)

    def __getitem__(self, index: int) -> Sample:
        return Sample(self.ids[index], Image.new("RGB", (20, 20), (90 * index, 40, 200)), self.labels[index])

    def fingerprint(self) -> str:
        return "labelled"


def test_labels_are_targets_about_image_by_image_in_every_batch(network: Network) -> None:
    found = Project(batch_size=2).run(network, Labelled())
    predicted = Project(target="predicted").run(network, Labelled()).target[1]
    assert found.target.tolist() == [3, int(predicted), 0]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"unit": 3}, "give 'layer' as well"),
        ({"position": [1, 2]}, "give 'layer' as well"),
        ({"layer": "5", "target": 2}, "give one of them"),
        ({"rule": "deconv"}, "'rule' must be 'deconvnet', 'gradient' or 'guided'"),
        ({"layer": "5", "unit": "best"}, "strongest"),
    ],
)
def test_questions_that_make_no_sense_are_refused_before_anything_runs(parameters, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(PluginError, match=message):
        load_probe("project", **parameters)


@pytest.mark.parametrize(
    ("parameters", "kind", "message"),
    [
        ({"target": 4}, InterpretError, "no class 4: the network has 4, 0 to 3"),
        ({"target": "dogs"}, UnknownNameError, "Did you mean 'dog'"),
        ({"layer": "lost"}, UnknownNameError, "Did you mean 'last'"),
        ({"layer": "last", "unit": 5}, InterpretError, "'5' has no unit 5: it has 5, 0 to 4"),
        ({"layer": "last", "unit": -1}, InterpretError, "has no unit -1"),
        ({"layer": "last", "position": [5, 0]}, InterpretError, "has no row 5: it has 5, 0 to 4"),
        ({"layer": "last", "position": [0, 4]}, InterpretError, "has no column 4: it has 4, 0 to 3"),
        ({"layer": "8", "position": [0, 1]}, InterpretError, "has no column 1: it has 1"),
    ],
)
def test_what_the_network_does_not_have_is_refused(network, images, parameters, kind, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(kind, match=message):
        load_probe("project", **parameters).run(network, images)


def test_a_network_with_one_output_is_targets_about_it(images: Images) -> None:
    torch.manual_seed(0)
    network = wrap(nn.Sequential(nn.Flatten(), nn.Linear(672, 1)).double(), input_size=(16, 14))
    assert Project().run(network, images).target.tolist() == [0] * len(images)
    assert torch.equal(
        Project(layer="1", unit=0).run(network, images).maps[0], network.module[1].weight.reshape(3, 16, 14)
    )


def test_users_see_batch_after_batch(network: Network, images: Images) -> None:
    class Heard(Progress):
        def __init__(self) -> None:
            self.parts: list[int] = []

        def started(self, step: str, parts: int) -> None:
            self.parts.append(parts)

        def advanced(self, step: str, parts: int) -> None:
            self.parts.append(parts)

    heard = Heard()
    with listening(StepListener(heard, "step")):
        Project(batch_size=2).run(network, images)
    assert heard.parts == [3, 1, 1, 1]


def test_a_network_that_overwrites_its_input_is_targets_about_a_copy(images: Images) -> None:
    torch.manual_seed(0)
    layers = [nn.ReLU(inplace=True), nn.Conv2d(3, 2, 3), nn.Flatten()]
    network, x = wrap(nn.Sequential(*layers).double(), input_size=(16, 14)), stacked(images)
    seen = []

    class Seeing(ClassAttribution):
        name: ClassVar[str] = "seeing"

        def attribute(self, network: Network, x: Tensor, targets: Targets) -> Tensor:
            seen.append(x.clone())
            return x

    Seeing(batch_size=4).run(network, images)
    assert torch.equal(torch.cat(seen), x)
