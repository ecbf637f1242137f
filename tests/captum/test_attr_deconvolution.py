"""The drop-in's Deconvolution and GuidedBackprop, of outputs and of neurons, beside Captum's own."""

from __future__ import annotations

import random
import warnings

import captum.attr
import pytest
import torch
from small_modules import (
    ALIKE,
    Functional,
    Residual,
    Shared,
    answered_by,
    built,
    chain,
    dense,
    images,
    near,
    one_output,
    rectified_gradient,
    smooth,
)
from torch import nn

from interpret_captum import attr

OUTPUTS = {"Deconvolution": False, "GuidedBackprop": True}
NEURONS = {"NeuronDeconvolution": False, "NeuronGuidedBackprop": True}
LAYERS = {
    "chain": ["0", "1", "2", "3", "4", "5", "7"],
    "residual": ["conv", "norm", "relu", "branch", "last", "head"],
    "smooth": ["1", "2", "3", "5", "7", "8", "10"],
    "gated": ["relu", "squeeze.0", "squeeze.3", "head"],
    "normed": ["2", "3", "5", "7"],
    "linear": ["1", "2", "3"],
    "reused": ["0", "2", "5"],
}


@pytest.mark.parametrize("method", OUTPUTS)
@pytest.mark.parametrize("name", ALIKE)
def test_outputs_are_projected_as_captum_does(method, name):
    module, x = built(ALIKE[name]), images(3)
    for target in (1, (2,), torch.tensor(3), torch.tensor([0, 4, 2]), [4, 0, 1], [(1,), (0,), (3,)], -1):
        with answered_by("us"):
            found = getattr(attr, method)(module).attribute(x, target=target)
        with answered_by("us"):
            (in_tuple,) = getattr(attr, method)(module).attribute((x,), target)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            near(found, getattr(captum.attr, method)(module).attribute(x, target))
        assert torch.equal(found, in_tuple)
        assert not found.requires_grad
        assert not x.requires_grad
        assert x.grad is None


@pytest.mark.parametrize("method", OUTPUTS)
@pytest.mark.parametrize("build", [dense, one_output])
def test_outputs_of_other_shapes(method, build):
    module, x = built(build), images(2)
    for target in [None] if build is one_output else [(1, 2, 3), [(0, 1, 2), (4, 4, 0)]]:
        with answered_by("us"):
            found = getattr(attr, method)(module).attribute(x, target=target)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            near(found, getattr(captum.attr, method)(module).attribute(x, target))


@pytest.mark.parametrize("method", NEURONS)
@pytest.mark.parametrize("name", ALIKE)
def test_neurons_are_projected_as_captum_does(method, name):
    module, x, draw = built(ALIKE[name]), images(2), random.Random(name)
    for layer in LAYERS[name]:
        part = module.get_submodule(layer)
        shape = captum.attr.LayerActivation(module, part).attribute(x).shape[1:]
        index = tuple(draw.randrange(size) for size in shape)
        ends = tuple(slice(0, size - 1) if size > 1 else 0 for size in shape)
        selectors = [index, tuple(place - size for place, size in zip(index, shape, strict=True))]
        at = ([0, 1], *([place, draw.randrange(size)] for place, size in zip(index, shape, strict=True)))
        selectors += [
            lambda value, at=at: 3 * value[at],
            lambda value, at=at: -2 * value[at],
            ends,
            (slice(None), *index[1:]),
            lambda value: (value.flatten(1) ** 2).sum(1),
            torch.sum,
        ]
        for selector in [*selectors, *index[: 1 if len(shape) == 1 else 0]]:
            with answered_by("us"):
                found = getattr(attr, method)(module, part).attribute(x, selector)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                right = getattr(captum.attr, method)(module, part).attribute(x, selector)
            assert torch.allclose(found, right, rtol=0, atol=1e-9 * float(right.abs().max() + 1))


def test_the_whole_module_can_be_the_layer():
    module, x = built(chain), images()
    with answered_by("us"):
        found = attr.NeuronDeconvolution(module, module).attribute(x, 3)
        near(found, attr.Deconvolution(module).attribute(x, target=3))
        squared = attr.NeuronDeconvolution(module, module).attribute(x, lambda value: value[:, 3] ** 2)
    near(squared, rectified_gradient(lambda leaf: module(leaf)[:, 3] ** 2, x))


@pytest.mark.parametrize("method", OUTPUTS)
@pytest.mark.parametrize("build", [Functional, Shared])
def test_where_captum_is_wrong_ours_is_right(method, build):
    module, x = built(build), images(3)
    right = rectified_gradient(lambda leaf: module(leaf)[:, 2], x, guided=OUTPUTS[method])
    with answered_by("us"):
        near(getattr(attr, method)(module).attribute(x, target=2), right)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = getattr(captum.attr, method)(module).attribute(x, target=2)
    assert float((theirs - right).abs().max()) > 0.1 * float(right.abs().max())


def test_two_relus_in_a_row_are_one():
    """In Captum the second undoes what the first does to the signal."""

    def twice():
        relus = nn.ReLU(), nn.ReLU()
        return nn.Sequential(
            nn.Conv2d(3, 6, 3), *relus, nn.Conv2d(6, 6, 3), nn.Flatten(), nn.Linear(6 * 8 * 10, 4)
        )

    module, x = built(twice), images(2)
    right = rectified_gradient(lambda leaf: module(leaf)[:, 2], x)
    with answered_by("us"):
        near(attr.Deconvolution(module).attribute(x, target=2), right)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = captum.attr.Deconvolution(module).attribute(x, target=2)
    assert float((theirs - right).abs().max()) > 0.1 * float(right.abs().max())


@pytest.mark.parametrize("method", OUTPUTS)
def test_no_hook_is_left_on_the_users_tensor(method):
    """Captum leaves one where a ReLU reads the image itself; later gradients of it are then wrong."""
    module, left = built(lambda: nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(3 * 12 * 14, 4))), {}
    for library in (captum.attr, attr):
        x = images(2).requires_grad_()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            getattr(library, method)(module).attribute(x, target=2)
        (gradient,) = torch.autograd.grad(-x.sum(), x)
        left[library] = (len(x._backward_hooks or ()), bool((gradient == -1).all()))
    assert left == {captum.attr: (1, False), attr: (0, True)}


@pytest.mark.parametrize("method", NEURONS)
def test_so_it_is_with_neurons(method):
    module, x = built(Functional), images(3)
    with answered_by("us"):
        found = getattr(attr, method)(module, module.second).attribute(x, (2, 1, 3))

    def neuron(leaf):
        kept = []
        with module.second.register_forward_hook(lambda part, given, made: kept.append(made[:, 2, 1, 3])):
            module(leaf)
        return kept[0]

    near(found, rectified_gradient(neuron, x, guided=NEURONS[method]))


def warned(method, x):
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        found = method.attribute(x, target=0)
    assert not found.requires_grad
    return [(item.category, str(item.message)) for item in heard]


@pytest.mark.parametrize("name", OUTPUTS)
def test_captums_warnings_are_kept(name):
    module, x = built(chain), images()
    ours, theirs = getattr(attr, name)(module), getattr(captum.attr, name)(module)
    assert warned(ours, x) == warned(theirs, x)
    assert not x.requires_grad
    x.requires_grad_()
    assert warned(ours, x) == warned(theirs, x)
    assert len(warned(ours, x)) == 1
    assert x.requires_grad
    assert x.grad is None


def test_a_warning_made_an_error_leaves_the_input_as_it_was():
    module, x = built(chain), images()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="require gradients"):
            attr.Deconvolution(module).attribute(x, target=0)
    assert not x.requires_grad


def test_new_weights_and_new_parts_are_seen():
    module, x = built(smooth, seed=1), images()
    method = attr.GuidedBackprop(module)
    with answered_by("us"):
        first = method.attribute(x, target=0)
        with torch.no_grad():
            module[0].weight.mul_(-1.5)
        second = method.attribute(x, target=0)
        near(second, rectified_gradient(lambda leaf: module(leaf)[:, 0], x, guided=True))
        module[1] = nn.ReLU().eval()
        third = method.attribute(x, target=0)
        near(third, rectified_gradient(lambda leaf: module(leaf)[:, 0], x, guided=True))
    assert not torch.allclose(first, second)
    assert not torch.allclose(second, third)


def test_the_module_is_left_as_it_is():
    module, x = built(Residual), images()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    attributes = [dict(vars(part)) for part in module.modules()]
    with answered_by("us"):
        attr.Deconvolution(module).attribute(x, target=0)
        attr.NeuronGuidedBackprop(module, module.branch).attribute(x, (0, 1, 1))
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    for part, known in zip(module.modules(), attributes, strict=True):
        assert vars(part).keys() == known.keys()
        assert not part._forward_hooks
        assert not part._forward_pre_hooks
        assert not part._backward_hooks
