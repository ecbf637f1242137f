"""What is assumed of a module is tested once, on first use; what fails is named by layer and operation."""

import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.ops import stochastic_depth

import interpret
from interpret import ModelError
from interpret.network.checks import examine
from interpret.network.passes import noise_images
from interpret_deconv import Neuron, project
from interpret_invariance import invariance
from interpret_occlusion import sweep
from interpret_topk import mine


class Net(nn.Module):
    """A convolution, something in between, a classifier."""

    def __init__(self, between, **parts):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.fc = nn.Conv2d(3, 6, 3), nn.Linear(6, 4)
        self.between = between
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x):
        return self.fc(self.between(self, self.conv(x)).mean((2, 3)))


X = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def wrapped(between, check=True, **parts):
    return interpret.wrap(Net(between, **parts).eval(), input_size=8, check=check)


def gaussian(_, x):
    return x + 0.01 * torch.randn_like(x)


def rare(_, x):
    """Drops one image of a million, and so nothing in any two passes."""
    return stochastic_depth(x, 1e-6, "row", training=True)


def mask(_, x):
    return x * torch.bernoulli(torch.full_like(x, 0.5))


class Counting(nn.Module):
    """Answers more each time."""

    def __init__(self):
        super().__init__()
        self.times = 0

    def forward(self, x):
        self.times += 1
        return x * self.times


STOCHASTIC = {
    "dropout": lambda _, x: F.dropout(x),
    "dropout2d": lambda _, x: F.dropout2d(x, 0.2, training=True),
    "alpha": lambda _, x: F.feature_alpha_dropout(x, 0.2, training=True),
    "rrelu": lambda _, x: F.rrelu(x, training=True),
    "gumbel": lambda _, x: F.gumbel_softmax(x, dim=1),
    "stochastic depth": lambda _, x: stochastic_depth(x, 0.5, "row", training=True),
    "rare": rare,
    "gaussian": gaussian,
    "mask": mask,
    "python": lambda _, x: x.flip(3) if random.random() < 1e-6 else x,
    "numpy": lambda _, x: x.flip(3) if np.random.rand() < 1e-6 else x,
}


@pytest.mark.parametrize("name", STOCHASTIC)
def test_chance_in_eval_mode_is_refused_by_layer_and_operation(name):
    with pytest.raises(
        ModelError, match=r"other numbers for the same image each time: the operation '\w+' in"
    ):
        wrapped(STOCHASTIC[name])(X)


def test_the_layer_that_draws_is_named():
    class Noise(nn.Module):
        def forward(self, x):
            return x + torch.rand_like(x)

    with pytest.raises(ModelError, match=r"operation 'rand_like' in layer 'noise' \(Noise\)"):
        mine(wrapped(lambda net, x: net.noise(x), noise=Noise()), list(X))


def test_the_layer_that_draws_from_python_is_named():
    class Flips(nn.Module):
        def forward(self, x):
            return x.flip(3) if random.random() < 1e-6 else x

    with pytest.raises(ModelError, match=r"operation 'random' in layer 'flip' \(Flips\)"):
        wrapped(lambda net, x: net.flip(x), flip=Flips())(X)


def test_a_module_that_remembers_earlier_passes_is_refused():
    with pytest.raises(
        ModelError, match=r"depends on earlier passes.*'count' \(Counting\)|'count' \(Counting\).*earlier"
    ):
        wrapped(lambda net, x: net.count(x), count=Counting())(X)


ENTRIES = {
    "call": lambda n: n(X),
    "record": lambda n: n.record(X, ["conv"]),
    "layers": lambda n: n.layers,
    "graph": lambda n: n.graph,
    "mine": lambda n: mine(n, list(X)),
    "sweep": lambda n: sweep(n, X[0], 4, 4),
    "project": lambda n: project(n, X, [Neuron(0, "conv", 0, 0, 0)]),
    "invariance": lambda n: invariance(n, list(X), ["conv"], transforms={"horizontal_translation": [0, 1]}),
    "as_module": lambda n: n.as_module(),
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_way_in_is_guarded(entry):
    with pytest.raises(ModelError, match=r"F\.dropout"):
        ENTRIES[entry](wrapped(STOCHASTIC["dropout"]))


def test_the_cure_that_is_named_works():
    network = wrapped(lambda net, x: F.dropout(x, training=net.training))
    assert torch.equal(network(X), network(X))
    assert torch.equal(mine(network, list(X))["conv"].values, mine(network, list(X))["conv"].values)
    assert wrapped(STOCHASTIC["dropout"], check=False)(X).shape == (4, 4)


@pytest.mark.parametrize(
    ("norm", "operation"),
    [
        (nn.BatchNorm2d(6, track_running_stats=False), r"'\w*batch_norm\w*' in layer 'norm' \(BatchNorm2d\)"),
        (lambda x: x - x.mean(0, keepdim=True), "'mean' in the forward of Net itself"),
        (lambda x: x / x.amax(), "'amax' in the forward of Net itself"),
        (lambda x: x.softmax(0), r"'\w*softmax' in the forward of Net itself"),
        (lambda x: x + x.roll(1, 0), "'roll' in the forward of Net itself"),
        (lambda x: x - x.amax(0) if len(x) > 1 else x, "'amax' in the forward of Net itself"),
    ],
    ids=["batch norm", "mean", "max", "softmax", "roll", "of several"],
)
def test_images_that_influence_each_other_are_refused_by_layer_and_operation(norm, operation):
    parts = {"norm": norm} if isinstance(norm, nn.Module) else {}
    network = wrapped(lambda _, x: norm(x) if not parts else _.norm(x), **parts)
    with pytest.raises(ModelError, match=f"another one is beside it: the operation {operation}"):
        network(X)


def test_statistics_fixed_in_eval_mode_are_the_cure():
    norm = nn.BatchNorm2d(6, track_running_stats=True)
    network = wrapped(lambda net, x: net.norm(x), norm=norm)
    torch.testing.assert_close(network(X)[:1], network(X[:1]))
    per_image = wrapped(lambda net, x: net.norm(x), norm=nn.GroupNorm(2, 6))
    torch.testing.assert_close(per_image(X)[:1], per_image(X[:1]))


@pytest.mark.parametrize(
    "between",
    [
        lambda _, x: x * float("nan"),
        lambda _, x: x / 0,
        lambda _, x: x * 0 + 1,
        lambda _, x: (x > 0).to(x.dtype),
        lambda _, x: x - x.mean((2, 3), keepdim=True).expand_as(x) * 0,
        lambda _, x: F.instance_norm(x * 1e-9 + 5),  # nothing but rounding, made large
        lambda _, x: F.dropout(x, 0.0, training=True),
        lambda _, x: x + torch.rand(6, 1, 1, generator=torch.Generator().manual_seed(3)),
        lambda _, x: x * x.new_ones(x.shape[0], 6, 1, 1),
        lambda _, x: x / x.shape[0] * x.shape[0],
        lambda _, x: torch.cond(x.sum() > 1e9, lambda x: x * 2, lambda x: x.clone(), (x,)),
    ],
    ids=[
        "nan",
        "inf",
        "constant",
        "step",
        "expand",
        "rounding",
        "p=0",
        "own generator",
        "ones",
        "count",
        "cond",
    ],
)
def test_what_is_repeatable_and_of_one_image_is_not_misjudged(between):
    assert wrapped(between)(X).shape == (4, 4)


def test_layers_of_complex_numbers_are_compared():
    class Spectrum(nn.Module):
        def forward(self, x):
            return torch.fft.rfft2(x)

    network = wrapped(lambda net, x: net.spectrum(x).abs(), spectrum=Spectrum())
    assert network.layers == ("conv", "spectrum", "fc")
    mixing = wrapped(lambda net, x: (net.spectrum(x) * x.mean()).abs(), spectrum=Spectrum())
    with pytest.raises(ModelError, match="'mean' in"):
        mixing(X)


def test_a_forward_that_seeds_its_own_chance_is_repeatable():
    def seeded(_, x):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            return x + torch.rand(6, 1, 1)

    network = wrapped(seeded)
    assert torch.equal(network(X), network(X))


def test_a_forward_that_seeds_pythons_chance_is_repeatable():
    def seeded(_, x):
        random.seed(3)
        return x * random.random()

    assert wrapped(seeded)(X).shape == (4, 4)


def test_the_random_state_is_left_alone():
    state = torch.get_rng_state()
    assert wrapped(lambda _, x: x).layers == ("conv", "fc")
    assert torch.equal(state, torch.get_rng_state())


def test_the_test_takes_less_than_five_passes_of_two_images():
    rows = []
    net = Net(lambda _, x: x)
    net.conv.register_forward_hook(lambda _m, given, _o: rows.append(len(given[0])))
    examine(net.eval(), noise_images((3, 8, 8)))
    assert sorted(rows) == [1, 2, 2]


def test_it_is_made_once_and_again_when_the_module_changes():
    rows = []
    net = Net(lambda _, x: x).eval()
    net.conv.register_forward_hook(lambda *_: rows.append(1))
    network = interpret.wrap(net, input_size=8)
    for _ in range(3):
        network(X)
    assert len(rows) == 3 + 3
    net.between = STOCHASTIC["dropout"]
    with pytest.raises(ModelError, match=r"F\.dropout"):
        network(X)


def test_a_forward_for_one_batch_size_is_refused_with_a_cure():
    network = wrapped(lambda _, x: x.reshape(1, 6, 6, 6))
    with pytest.raises(
        ModelError, match=r"cannot run on 2 images together.*any number of images.*check=False"
    ):
        network(X[:1])
    assert wrapped(lambda _, x: x.reshape(1, 6, 6, 6), check=False)(X[:1]).shape == (1, 4)
