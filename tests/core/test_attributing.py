"""Who is asked about in tensors, and methods that are called with tensors, beside autograd and by hand."""

import sys
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from pydantic import Field

import interpret_deconv
from interpret import ClassAttribution, InterpretError, ModelError, NeuronAttribution, Targets, load_probe
from interpret.targets import as_targets, find_neurons
from interpret.testing import check_probe, small_images, small_network

sys.path.insert(0, str(Path(__file__).parents[1] / "captum"))
from small_probes import EVERY, FITTING, IMAGES, NETWORK, X

SWEPT = {"occlusion": {"window": 5, "stride": 3}}
NEURONS = [name for name in EVERY if "cam" not in name]


class Gradient(NeuronAttribution):
    """The gradient of a class or a neuron."""

    name: ClassVar[str] = "gradient_of_this_test"

    def attribute(self, network, x, targets):
        assert torch.is_grad_enabled()
        assert not x.requires_grad
        return load_probe("project", rule="gradient").attribute(network, x, targets)


class OfClasses(ClassAttribution):
    """Ones, of another shape where ``flat`` says so."""

    name: ClassVar[str] = "ones_of_this_test"
    flat: bool = Field(False, description="Whether the shape is wrong.")

    def attribute(self, network, x, targets):
        return torch.ones_like(x).sum(1) if self.flat else torch.ones_like(x)


def fitting(name):
    return load_probe(name, **FITTING.get(name, SWEPT.get(name, {})), batch_size=len(X))


def by_autograd(value):
    x = X.clone().requires_grad_()
    return torch.autograd.grad(value(x).sum(), x)[0]


@pytest.mark.parametrize("name", [*EVERY, "project", "occlusion"])
def test_every_method_finds_in_tensors_what_it_finds_in_images(name):
    probe = fitting(name)
    found = probe.run(NETWORK, IMAGES).attributions()
    assert torch.equal(probe.attribute(NETWORK, X, found.targets), found.maps)
    assert torch.equal(probe.attribute(NETWORK, X, found.target), found.maps)


@pytest.mark.parametrize("name", [*NEURONS, "project"])
def test_and_of_neurons_of_a_layer_that_the_probe_does_not_name(name):
    kwargs = FITTING.get(name, {})
    found = load_probe(name, **kwargs, layer="conv2", batch_size=len(X)).run(NETWORK, IMAGES)
    assert torch.equal(load_probe(name, **kwargs).attribute(NETWORK, X, found.targets), found.maps)


def test_one_class_stands_for_all_images_whatever_the_caller_has_set():
    right = by_autograd(lambda x: NETWORK.module.eval()(x)[:, 2])
    for targets in (2, [2], [2, 2, 2], torch.tensor([2, 2, 2]), Targets.of_classes(torch.tensor([2]))):
        with torch.no_grad():
            found = Gradient().attribute(NETWORK, X, targets)
        torch.testing.assert_close(found, right, rtol=0, atol=1e-12)
        assert not found.requires_grad
    with torch.inference_mode():
        assert torch.equal(Gradient().attribute(NETWORK, X, 2), found)


def test_targets_are_cut_and_repeated_image_by_image():
    targets = Targets("conv", torch.tensor([4, 5, 6]), torch.tensor([[0, 1], [2, 3], [4, 5]]))
    assert targets[1:].unit.tolist() == [5, 6]
    assert targets[1:].position.tolist() == [[2, 3], [4, 5]]
    assert targets.repeat(2).unit.tolist() == [4, 5, 6, 4, 5, 6]
    assert len(targets.repeat(2)) == 6


@pytest.mark.parametrize("wrong", [2.0, torch.rand(3), "cat", [[1, 2, 3]], None, True])
def test_what_is_no_target_is_refused(wrong):
    with pytest.raises(InterpretError, match="targets must be the index of one class of each image"):
        as_targets(wrong, 3)


def test_calls_that_make_no_sense_say_what_to_give():
    with pytest.raises(InterpretError, match="2 targets for 3 images"):
        Gradient().attribute(NETWORK, X, [0, 1])
    with pytest.raises(InterpretError, match="no class 3: the network has 3, 0 to 2"):
        load_probe("captum.saliency").attribute(NETWORK, X, [0, 1, 3])
    beyond = Targets("conv2", torch.tensor([4]), torch.zeros(1, 2, dtype=torch.int64))
    for name in ("captum.saliency", "captum.occlusion"):
        with pytest.raises(InterpretError, match="'conv2' has no unit 4: it has 4, 0 to 3"):
            fitting(name).attribute(NETWORK, X, beyond)
    with pytest.raises(ModelError, match=r"gradient_of_this_test.attribute\(\) takes a Network"):
        Gradient().attribute(NETWORK.module, X, 0)
    with pytest.raises(ModelError, match=r"One image x \(c, h, w\) is the batch x\[None\]"):
        Gradient().attribute(NETWORK, X[0], 0)
    neurons = find_neurons(NETWORK.record(X, ["conv2"])["conv2"], "conv2")
    for probe in (OfClasses(), load_probe("captum.layer_grad_cam"), load_probe("occlusion")):
        with pytest.raises(InterpretError, match=f"{probe.name} attributes classes. Got neurons"):
            probe.attribute(NETWORK, X, neurons)


@pytest.mark.parametrize(
    ("unit", "position"),
    [(torch.tensor([1, 3]), torch.ones(1, 2).long()), (torch.ones(1), torch.ones(1, 2).long())],
)
def test_targets_are_one_whole_unit_and_position_for_each_image(unit, position):
    with pytest.raises(InterpretError, match="for each image, in whole numbers"):
        Targets("conv2", unit, position)


@pytest.mark.parametrize("name", ["captum.saliency", "captum.occlusion", "occlusion", "project"])
def test_images_of_a_size_that_the_network_cannot_take_are_named(name):
    with pytest.raises(ModelError, match="cannot run on"):
        fitting(name).attribute(NETWORK, X[:, :, :5, :5], 1)


def test_a_method_that_gives_another_shape_is_named():
    with pytest.raises(InterpretError, match=r"attribute\(\) of ones_of_this_test must return one value for"):
        OfClasses(flat=True).run(NETWORK, IMAGES)


def test_labels_are_matched_where_they_decide():
    network, images = small_network(), small_images(4)
    assert "Labels are indices of outputs" in OfClasses(batch_size=2).run(network, images).matching
    for probe in (OfClasses(target=1), OfClasses(target="predicted"), Gradient(layer="conv2")):
        assert probe.run(network, images).matching == ""


@pytest.mark.parametrize("probe", [OfClasses(), Gradient(layer="conv2", unit=1), Gradient(batch_size=4)])
def test_contract(probe):
    check_probe(probe)


def test_names_of_before_say_where_they_went():
    with pytest.warns(FutureWarning, match=r"AsksNeuron is now interpret\.NeuronAttribution\."):
        assert interpret_deconv.AsksNeuron is NeuronAttribution
