"""What the drop-in leaves to Captum's own code, with its answers and its errors; classes and signatures."""

from __future__ import annotations

import copy
import gc
import inspect
import pickle
import warnings
import weakref

import captum.attr
import pytest
import torch
from small_modules import Two, answered_by, built, chain, images, near
from torch import nn

from interpret_captum import attr
from interpret_captum.attr import asking

OURS = attr.__all__


@pytest.mark.parametrize("name", OURS)
def test_classes_and_signatures_are_captums(name):
    ours, theirs = getattr(attr, name), getattr(captum.attr, name)
    assert issubclass(ours, theirs)
    assert ours.get_name() == theirs.get_name()
    assert ours.__name__ == theirs.__name__
    for method in ("__init__", "attribute"):
        found, right = (inspect.signature(getattr(cls, method)).parameters for cls in (ours, theirs))
        assert list(found) == list(right)
        for parameter, known in zip(found.values(), right.values(), strict=True):
            assert (parameter.kind, parameter.default) == (known.kind, known.default)


@pytest.mark.parametrize("name", OURS)
def test_properties_are_captums(name):
    module = built(chain)
    layer = [] if name in {"Deconvolution", "GuidedBackprop", "Occlusion"} else [module[0]]
    ours, theirs = (getattr(source, name)(module, *layer) for source in (attr, captum.attr))
    assert ours.multiplies_by_inputs == theirs.multiplies_by_inputs
    assert ours.has_convergence_delta() == theirs.has_convergence_delta()


def test_every_other_name_is_captums():
    assert attr.IntegratedGradients is captum.attr.IntegratedGradients
    assert set(dir(attr)) >= set(captum.attr.__all__)
    with pytest.raises(AttributeError):
        attr.Occlussion  # noqa: B018
    with pytest.raises(AttributeError):
        attr._core_of_nothing  # noqa: B018


def occlusions():
    module, two, x = built(chain), built(Two), images(2)
    wide = {"sliding_window_shapes": (3, 6, 6), "strides": 4, "target": 1}
    yield "function", lambda x: module(x) * 2, x, wide
    yield (
        "two inputs",
        two,
        (x, x + 1),
        {**wide, "sliding_window_shapes": ((3, 6, 6),) * 2, "strides": (4, 4)},
    )
    yield "further arguments", two, x, {**wide, "additional_forward_args": (None, 2.0)}
    yield "some channels", module, x, {**wide, "sliding_window_shapes": (2, 6, 6), "strides": (1, 4, 4)}
    yield (
        "no images",
        nn.Linear(6, 3).double().eval(),
        x[:, 0, 0, :6],
        {"sliding_window_shapes": (2,), "target": 1},
    )
    yield "train mode", copy.deepcopy(module).train(), x, wide
    yield "hooks", hooked(), x, wide
    yield "TorchScript", traced(module, x), x, wide
    yield "a wrapper", nn.DataParallel(module).eval(), x, wide
    yield "random numbers", nn.Sequential(module, Unsure()).eval(), x, wide
    yield "one number for all", nn.Sequential(module, Summed()).eval(), x, {**wide, "target": None}


def traced(module, x):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is going away
        return torch.jit.trace(module, x)


def hooked():
    """A module whose hooks take the values away, as a trace has none."""
    module = chain().double().eval()
    module[0].register_forward_hook(lambda part, given, made: torch.from_numpy(made.numpy() * 2))
    return module


class Unsure(nn.Module):
    def forward(self, x):
        return x + 0 * torch.rand_like(x)


class Decided(nn.Module):
    """The class, which has no gradient."""

    def forward(self, x):
        return x.argmax(1)


class Summed(nn.Module):
    def forward(self, x):
        return x.sum()[None]


@pytest.mark.parametrize("case", [pytest.param(case[1:], id=case[0]) for case in occlusions()])
def test_other_questions_are_captums(case):
    model, x, arguments = case
    with answered_by("captum"):
        found = attr.Occlusion(model).attribute(x, **arguments)
    right = captum.attr.Occlusion(model).attribute(x, **arguments)
    for mine, theirs in zip(
        *((item if isinstance(x, tuple) else (item,)) for item in (found, right)), strict=True
    ):
        assert torch.equal(mine, theirs)


WRONG = {
    "window too large": {"sliding_window_shapes": (3, 13, 5)},
    "gaps": {"sliding_window_shapes": (3, 5, 5), "strides": 6},
    "two numbers": {"sliding_window_shapes": (5, 5)},
    "two strides": {"sliding_window_shapes": (3, 5, 5), "strides": (2, 2)},
    "two windows": {"sliding_window_shapes": ((3, 5, 5), (3, 5, 5))},
    "no places at once": {"sliding_window_shapes": (3, 5, 5), "strides": 5, "perturbations_per_eval": 0},
    "a text": {"sliding_window_shapes": (3, 5, 5), "strides": 5, "baselines": "grey"},
    "a class too far": {"sliding_window_shapes": (3, 5, 5), "strides": 5, "target": 9},
    "a target too deep": {"sliding_window_shapes": (3, 5, 5), "strides": 5, "target": (1, 2)},
    "too few targets": {"sliding_window_shapes": (3, 5, 5), "strides": 5, "target": [1]},
    "too many targets": {"sliding_window_shapes": (3, 5, 5), "strides": 5, "target": torch.tensor([1, 0, 1])},
    "targets from the end": {"sliding_window_shapes": (3, 5, 5), "strides": 5, "target": [-1, 0]},
    "True places at once": {"sliding_window_shapes": (3, 5, 5), "strides": 5, "perturbations_per_eval": True},
    "a list of two kinds": {"sliding_window_shapes": (3, 5, 5), "strides": 5, "target": [1, (2,)]},
    "a target of a kind": {"sliding_window_shapes": (3, 5, 5), "strides": 5, "target": 1.5},
    "other images": {"inputs": images(2, torch.float32), "sliding_window_shapes": (3, 5, 5), "strides": 5},
}


def said(call):
    """The type and the text of the error that a call ends in."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(Exception) as caught:  # noqa: PT011 - any, but the same one
            call()
    return type(caught.value), str(caught.value)


@pytest.mark.parametrize("case", WRONG)
def test_errors_of_occlusion_are_captums(case):
    module, arguments = built(chain), {"inputs": images(2), "target": 1, **WRONG[case]}
    errors = [
        said(lambda source=source: source.Occlusion(module).attribute(**arguments))
        for source in (attr, captum.attr)
    ]
    assert errors[0] == errors[1]


def test_errors_of_the_others_are_captums():
    module, x = built(chain), images(2)
    for source in (attr, captum.attr):
        with pytest.raises(NotImplementedError, match="not implemented for Occlusion"):
            source.Occlusion(module).attribute_future()
    asked = [
        lambda source: source.Deconvolution(lambda x: x),
        lambda source: source.Deconvolution(module).attribute(x),
        lambda source: source.Deconvolution(module).attribute(x, target=9),
        lambda source: source.Deconvolution(module).attribute(x, target=torch.tensor([0, -1])),
        lambda source: source.GuidedBackprop(module).attribute(x, target=[-1, -2]),
        lambda source: source.Deconvolution(nn.Sequential(module, Decided())).attribute(x),
        lambda source: source.GuidedBackprop(module).attribute([x], target=1),
        lambda source: source.NeuronDeconvolution(module, module[0]).attribute(x, 1),
        lambda source: source.NeuronDeconvolution(module, module[0]).attribute(x, (1, 2)),
        lambda source: source.NeuronDeconvolution(module, module[0]).attribute(x, (9, 1, 1)),
        lambda source: source.NeuronDeconvolution(module, module[0]).attribute(x, (1, 1, 1, 1)),
        lambda source: source.NeuronGuidedBackprop(module, module[0]).attribute(x, lambda value: value),
        lambda source: source.NeuronGuidedBackprop(module, nn.ReLU()).attribute(x, (1, 1, 1)),
    ]
    for call in asked:
        assert said(lambda call=call: call(attr)) == said(lambda call=call: call(captum.attr))


def test_images_made_in_inference_mode_are_captums_case_with_each_warning_once():
    module = built(chain)
    with torch.inference_mode():
        x = images(2).clone()
    told = []
    for source in (captum.attr, attr):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with pytest.raises(RuntimeError, match="inference"):
                source.Deconvolution(module).attribute(x, target=1)
        told.append([str(warning.message) for warning in caught])
    assert told[0] == told[1]


@pytest.mark.parametrize("name", ["Deconvolution", "GuidedBackprop"])
def test_other_questions_of_outputs_are_captums(name):
    two, x = built(Two), images(2)
    asked = [((x, x + 1), None), ((x,), (None, 2.0))]
    for inputs, more in asked:
        with answered_by("captum"):
            found = getattr(attr, name)(two).attribute(inputs, 1, more)
            right = getattr(captum.attr, name)(two).attribute(inputs, 1, more)
        assert len(found) == len(inputs)
        assert all(torch.equal(mine, theirs) for mine, theirs in zip(found, right, strict=True))


@pytest.mark.parametrize("name", ["NeuronDeconvolution", "NeuronGuidedBackprop"])
def test_other_questions_of_neurons_are_captums(name):
    module, two, x = built(chain), built(Two), images(2)
    with answered_by("captum"):
        found = getattr(attr, name)(module, module[3]).attribute(x, (1, 2, 2), attribute_to_neuron_input=True)
        right = getattr(captum.attr, name)(module, module[3]).attribute(
            x, (1, 2, 2), attribute_to_neuron_input=True
        )
    near(found, right)
    with answered_by("captum"):
        found = getattr(attr, name)(two, two.head).attribute((x, x + 1), (1,))
        right = getattr(captum.attr, name)(two, two.head).attribute((x, x + 1), (1,))
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(found, right, strict=True))


class HalfReLU(nn.ReLU):
    """Captum has its rule here too; it is no operation that an engine knows as ReLU."""

    def forward(self, x):
        return torch.where(x > 0.1, x, 0.5 * x)


def test_a_relu_of_the_users_own_is_captums():
    module, x = (
        nn.Sequential(nn.Conv2d(3, 4, 3), HalfReLU(), nn.Flatten(), nn.Linear(480, 3)).double().eval(),
        images(),
    )
    with answered_by("captum"):
        found = attr.Deconvolution(module).attribute(x, target=1)
        assert torch.equal(found, captum.attr.Deconvolution(module).attribute(x, target=1))


class Answer(nn.Module):
    """Returns its logits by name, as the models of Hugging Face do."""

    def __init__(self):
        super().__init__()
        self.inner = built(chain)

    def forward(self, x):
        return {"logits": self.inner(x)}


def test_logits_by_name_are_understood():
    named, plain, x = Answer().eval(), built(chain), images(2)
    with answered_by("us"):
        near(
            attr.Deconvolution(named).attribute(x, target=1), attr.Deconvolution(plain).attribute(x, target=1)
        )
        found, right = (attr.Occlusion(it).attribute(x, (3, 6, 6), 4, target=1) for it in (named, plain))
    near(found, right, 1e-6)


def test_many_sizes_of_images_do_not_pile_up():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    with answered_by("us"):
        for size in range(6, 7 + asking.SHAPES):
            attr.Occlusion(module).attribute(torch.randn(1, 3, size, 6), (3, 6, 6), 6, target=0)
    assert len(asking._networks[module]) == asking.SHAPES


def test_methods_that_contain_ours_work():
    module, x = built(chain), images(2)
    with answered_by("us"):
        found = attr.NoiseTunnel(attr.Deconvolution(module)).attribute(x, nt_samples=2, stdevs=0.0, target=1)
        near(found, attr.Deconvolution(module).attribute(x, target=1))


@pytest.mark.parametrize("to_input", [False, True])
def test_layer_activation(to_input):
    module, x = built(chain), images(2)
    for layer in (module[0], [module[0], module[3]], module):
        ours, theirs = (
            source.LayerActivation(module, layer).attribute(x, None, to_input)
            for source in (attr, captum.attr)
        )
        pairs = zip(ours, theirs, strict=True) if isinstance(layer, list) else [(ours, theirs)]
        assert all(torch.equal(mine, other) for mine, other in pairs)


def test_a_module_can_go_once_nobody_has_it():
    module, x = chain().eval(), images(1, torch.float32)
    with answered_by("us"):
        attr.Occlusion(module).attribute(x, (3, 6, 6), 6, target=0)
        attr.Deconvolution(module).attribute(x, target=0)
    gone = weakref.ref(module)
    pickle.loads(pickle.dumps(module))
    del module
    gc.collect()
    assert gone() is None


def test_a_module_of_another_class_or_state_is_another_module():
    module, x = nn.Sequential(*built(chain)).eval(), images(1)

    class Negative(nn.Sequential):
        def forward(self, x):
            return -super().forward(x)

    with answered_by("us"):
        first = attr.GuidedBackprop(module).attribute(x, (1,))
        module.__class__ = Negative
        negative = attr.GuidedBackprop(module).attribute(x, (1,))
        module.__class__, module.__dict__ = nn.Sequential, dict(vars(module))
        near(attr.GuidedBackprop(module).attribute(x, (1,)), first)
    assert not torch.allclose(first, negative)


def test_a_deep_copy_is_another_module():
    module, x = built(chain), images(1)
    with answered_by("us"):
        first = attr.Deconvolution(module).attribute(x, target=0)
        other = copy.deepcopy(module)
        with torch.no_grad():
            other[-1].weight.neg_()
        near(attr.Deconvolution(module).attribute(x, target=0), first)
        second = attr.Deconvolution(other).attribute(x, target=0)
    assert not torch.allclose(first, second)
