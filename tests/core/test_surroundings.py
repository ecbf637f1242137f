"""Nothing is process-wide: threads, pickles, contexts, the caller's tensors, modules in train mode."""

import copy
import functools
import multiprocessing
import pickle
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import interpret
from interpret.graph import receptive_field
from interpret_deconv import Neuron, project
from interpret_occlusion import sweep
from interpret_topk import mine

X = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Small(nn.Module):
    """Batch norm, a dropout, a value that is kept on the module between two steps of one forward."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm, self.relu = nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(inplace=True)
        self.drop, self.fc = nn.Dropout(0.5), nn.Linear(6, 4)
        self.norm.running_mean.normal_()

    def forward(self, x):
        self.kept = self.norm(self.conv(x))
        x = self.drop(self.relu(self.kept.clone()))
        return self.fc((x + self.kept).mean((2, 3)))


def by_hand(module, x):
    with torch.no_grad():
        return copy.deepcopy(module).eval()(x)


def small(module=None):
    return interpret.wrap((module or Small()).eval(), input_size=8)


def rankings(network):
    found = mine(network, list(X), ["conv", "norm", "relu"], 2, batch_size=2)
    return torch.cat([found[name].values for name in ("conv", "norm", "relu")])


def test_threads_on_one_module_in_train_mode_neither_see_nor_disturb_each_other():
    module = Small().train()
    state = copy.deepcopy(module.state_dict())
    right, network = rankings(small(copy.deepcopy(module))), interpret.wrap(module, input_size=8)
    other, barrier = interpret.wrap(module, input_size=8), Barrier(4)
    # while torch.export traces, oneDNN is off in the whole process: what others compute has other last bits
    assert all(traced.graph for traced in (network, other))

    def work(number):
        barrier.wait()
        return [rankings(network if number % 2 else other) for _ in range(5)]

    with ThreadPoolExecutor(4) as pool:
        found = [item for part in pool.map(work, range(4)) for item in part]
    assert all(torch.equal(item, right) for item in found)
    assert all(part.training for part in module.modules())
    assert all(torch.equal(value, state[name]) for name, value in module.state_dict().items())
    assert not any(part._forward_hooks for part in module.modules())


def test_a_first_projection_from_two_threads_while_a_third_passes_images():
    network, neuron, barrier = small(), Neuron(0, "relu", 1, 2, 2), Barrier(3)
    right = project(small(), X, [neuron])
    outputs = by_hand(network.module, X)

    def work(number):
        barrier.wait()
        return project(network, X, [neuron]) if number else [network(X) for _ in range(40)]

    with ThreadPoolExecutor(3) as pool:
        passed, *found = pool.map(work, range(3))
    assert all(type(item) is torch.Tensor and torch.equal(item, right) for item in found)
    assert all(torch.equal(item, outputs) for item in passed)


def test_a_pass_inside_a_pass():
    network = small()
    found = network.record(X, ["relu"], lambda value: (value.sum(), network.record(X[:1], ["relu"])["relu"]))
    total, inner = found["relu"]
    assert torch.equal(total, network.record(X, ["relu"])["relu"].sum())
    torch.testing.assert_close(inner, network.record(X, ["relu"])["relu"][:1])


def test_a_pickle_and_a_copy_answer_alike_also_after_the_graph():
    network = small()
    assert network.graph
    for other in (pickle.loads(pickle.dumps(network)), copy.deepcopy(network), network.copy()):
        assert torch.equal(other(X), network(X))
        assert other.layers == network.layers
        assert other.module is not network.module
    assert rankings(pickle.loads(pickle.dumps(network))).equal(rankings(network))


def answer_of(network):
    return network(X)


@pytest.mark.slow
def test_a_spawned_process_gets_a_network():
    network = small(nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(72, 2)))
    assert network.graph
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert torch.equal(pool.apply(interpret.Network.__call__, (network, X)), network(X))


class Writes(nn.Module):
    """Normalises in place, and begins with a ReLU in place."""

    def __init__(self, first):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.relu = first, nn.ReLU(inplace=True)
        self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4, 3)

    def forward(self, x):
        return self.fc(self.relu(self.conv(self.first(x))).mean((2, 3)))


class InPlace(nn.Module):
    def forward(self, x):
        return x.sub_(0.5).div_(2)


class InPlaceView(nn.Module):
    def forward(self, x):
        x[:, :, ::2].clamp_(-4, 4)  # nothing to clamp in any usual image
        return x


class InPlaceData(nn.Module):
    def forward(self, x):
        x.data.sub_(0.5)
        return x


class InPlaceNumpy(nn.Module):
    def forward(self, x):
        x.numpy()[:] -= 0.5
        return x


WRITERS = {"sub": InPlace(), "relu": nn.ReLU(inplace=True), "view": InPlaceView()}


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("first", WRITERS)
def test_the_callers_tensor_is_left_alone_and_the_numbers_are_right(first, check):
    network = interpret.wrap(Writes(WRITERS[first]).eval(), input_size=8, check=check)
    x = X * 2 if first == "view" else X.clone()
    before, right = x.clone(), by_hand(network.module, x.clone())
    hand = torch.stack(
        [by_hand(network.module, occluded(x[0], row, column))[0] for row in (0, 4) for column in (0, 4)]
    )
    assert torch.equal(network(x), right)
    found = {
        engine: sweep(network, x[0], 4, 4, fill=0.5, engine=engine).logits
        for engine in ("full", "incremental")
    }
    for logits in found.values():
        torch.testing.assert_close(logits.flatten(0, 1), hand, rtol=1e-4, atol=1e-4)
    network.record(x, ["conv"])
    mine(network, list(x), ["conv"], 1)
    if first != "view":
        project(network, x, [Neuron(0, "conv", 0, 1, 1)])
    interpret.load_probe("captum.saliency").run(network, list(x))
    assert torch.equal(x, before)


@pytest.mark.parametrize("first", [InPlaceData(), InPlaceNumpy()], ids=["data", "numpy"])
def test_what_writes_past_pytorch_is_noticed_too(first):
    network, x = interpret.wrap(Writes(first).eval(), input_size=8), X.clone()
    right = by_hand(network.module, X.clone())
    assert torch.equal(network(x), right)
    assert torch.equal(x, X)


def occluded(x, row, column):
    x, grey = x[None].clone(), interpret.InputSpec((8, 8)).normalize(torch.full((3, 8, 8), 0.5))
    x[:, :, row : row + 4, column : column + 4] = grey[:, :4, :4]
    return x


def test_buffers_that_a_forward_writes_into_stay():
    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("seen", torch.zeros(()))
            self.conv = nn.Conv2d(3, 2, 8)

        def forward(self, x):
            self.seen += 1
            return self.conv(x).flatten(1)

    network = small(Counts())
    network(X), network.record(X, ["conv"]), mine(network, list(X)), sweep(network, X[0], 4, 4)
    assert network.module.seen == 0
    torch.testing.assert_close(network.graph.run(X)[network.graph.output], by_hand(network.module, X))


class Clamps(nn.Conv2d):
    """Keeps its weights small, as EEGNet does, and counts its calls past PyTorch."""

    def __init__(self, data):
        super().__init__(3, 2, 8)
        self.data = data
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x):
        self.seen.data += 1
        with torch.no_grad():
            (self.weight.data if self.data else self.weight).clamp_(-0.01, 0.01)
        return super().forward(x).flatten(1)


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("data", [True, False])
def test_weights_and_buffers_that_a_forward_writes_into_stay(data, check):
    network = interpret.wrap(nn.Sequential(Clamps(data)).eval(), input_size=8, check=check)
    before, right = copy.deepcopy(network.module.state_dict()), by_hand(network.module, X)
    assert torch.equal(network(X), right)
    assert torch.equal(network.as_module()(X), right)
    mine(network, list(X), ["0"], 1), sweep(network, X[0], 4, 4)
    assert all(map(torch.equal, before.values(), network.module.state_dict().values()))


CONTEXTS = {
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "inference mode": torch.inference_mode,
    "meta": lambda: torch.device("meta"),
    "anomalies": torch.autograd.detect_anomaly,
}


@pytest.mark.filterwarnings("ignore:Anomaly Detection")
@pytest.mark.parametrize("context", CONTEXTS)
def test_what_a_context_computes_is_right_and_kept_for_later(context):
    right, network = small(), small()
    neuron = [Neuron(0, "relu", 1, 2, 2)]
    expected = rankings(right), project(right, X, neuron, rule="gradient"), sweep(right, X[0], 4, 4).logits
    with CONTEXTS[context]():
        inside = (
            rankings(network),
            project(network, X, neuron, rule="gradient"),
            sweep(network, X[0], 4, 4).logits,
        )
        saliency = interpret.load_probe("captum.saliency").run(network, list(X)).maps
        layers, field = network.layers, receptive_field(network, "relu").size
    after = rankings(network), project(network, X, neuron, rule="gradient"), sweep(network, X[0], 4, 4).logits
    for item, again, wanted in zip(inside, after, expected, strict=True):
        assert item.device.type == "cpu"
        assert torch.equal(item, wanted)
        assert torch.equal(again, wanted)
    assert torch.equal(saliency, interpret.load_probe("captum.saliency").run(right, list(X)).maps)
    assert (layers, field) == (right.layers, receptive_field(right, "relu").size)


def test_gradients_of_images_and_weights_that_were_made_in_inference_mode():
    with torch.inference_mode():
        module, x = Small().eval(), X.clone()
        network = interpret.wrap(module, input_size=8)
        found = interpret.load_probe("captum.saliency").run(network, list(x)).maps
        mapped = project(network, x, [Neuron(0, "conv", 1, 2, 2)], rule="gradient")
    assert torch.equal(found, interpret.load_probe("captum.saliency").run(small(), list(X)).maps)
    assert torch.equal(mapped, project(small(), X, [Neuron(0, "conv", 1, 2, 2)], rule="gradient"))


def test_another_default_dtype_has_its_own_graph():
    module = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(72, 2)).eval()
    network = small(module)
    torch.set_default_dtype(torch.float64)
    try:
        assert network.graph.run(X)[network.graph.output].dtype == torch.float32
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(network.graph.run(X)[network.graph.output], network(X))


def test_as_module_is_differentiable_and_gives_the_weights_no_gradient():
    network, x = small(), X.clone().requires_grad_()
    network.as_module()(x)[:, 1].sum().backward()
    y = X.clone().requires_grad_()
    copy.deepcopy(network.module)(y)[:, 1].sum().backward()
    torch.testing.assert_close(x.grad, y.grad)
    assert all(item.grad is None and item.requires_grad for item in network.module.parameters())


CHANGES = {
    "submodule": lambda m: setattr(m, "drop", nn.Softmax(1)),
    "attribute": lambda m: setattr(m.conv, "stride", (2, 2)),
    "slope": lambda m: setattr(m.norm, "eps", 0.5),
    "weight": lambda m: setattr(m.conv, "weight", nn.Parameter(m.conv.weight.detach() * 2)),
    "data": lambda m: setattr(m.conv.weight, "data", m.conv.weight.data * 2),
    "values": lambda m: m.conv.weight.data.mul_(2),
    "buffer": lambda m: setattr(m.norm, "running_mean", torch.ones(6)),
    "hook": lambda m: m.conv.register_forward_hook(lambda *given: given[2] * 2),
    "forward": lambda m: setattr(m.relu, "forward", lambda x: F.relu(x - 0.1)),
    "dtype": lambda m: m.double(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_module_that_changed_is_noticed(change):
    network = small()
    network(X), rankings(network)
    CHANGES[change](network.module)
    fresh = small(copy.deepcopy(network.module))
    x = X.to(network.dtype)
    assert torch.equal(network(X), by_hand(network.module, x))
    assert network.layers == fresh.layers
    assert torch.equal(rankings(network), rankings(fresh))


@pytest.mark.parametrize("change", ["submodule", "attribute", "dtype"])
def test_a_graph_of_a_module_that_changed_is_traced_anew(change):
    network = small()
    assert network.graph
    CHANGES[change](network.module)
    x = X.to(network.dtype)
    torch.testing.assert_close(network.graph.run(x)[network.graph.output], by_hand(network.module, x))


def test_lists_and_settings_inside_a_module_are_looked_at_too():
    class Listed(nn.Module):
        def __init__(self):
            super().__init__()
            self.scales, self.settings, self.shift = [1.0, 2.0], {"power": {"of": 1}}, torch.ones(3, 1, 1)
            self.pool = nn.MaxPool2d(2)

        def forward(self, x):
            x = self.pool(x * self.scales[1] + self.shift)
            return (x ** self.settings["power"]["of"]).flatten(1)

    network = small(Listed())
    changes = [
        lambda m: m.scales.__setitem__(1, 5.0),
        lambda m: m.settings["power"].__setitem__("of", 3),
        lambda m: m.shift.mul_(4),
    ]
    for change in changes:
        network(X)
        change(network.module)
        assert not network._current.snapshot.holds(network.module)
        torch.testing.assert_close(network(X), by_hand(network.module, X))


def test_closures_and_lists_of_parts_belong_to_the_copy():
    class Held(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.conv, self.drop = nn.Conv2d(3, 4, 8), nn.Dropout()
            self.steps = [self.conv, self.drop.__call__]

        def forward(self, x):
            for step in self.steps:
                x = step(x)
            return F.relu(x).flatten(1)

    network = interpret.wrap(Held().train(), input_size=8)
    assert network.layers == ("conv", "drop")
    assert torch.equal(network(X), by_hand(Held(), X))
    assert network.module.drop.training


def passing_on(function):
    @functools.wraps(function)
    def passes(*arguments, kept=function):
        return kept(*arguments)

    return passes


FORWARDS = {
    "closure": lambda m: passing_on(passing_on(m.forward)),
    "no_grad": lambda m: torch.no_grad()(m.forward),
    "compile": lambda m: torch.compile(m.forward),
    "partial": lambda m: functools.partial(type(m).forward, m),
    "list": lambda m: lambda x, steps=[m.conv, m.flat]: steps[1](steps[0](x)),
}


@pytest.mark.parametrize("forward", FORWARDS)
def test_a_forward_that_was_replaced_runs_on_the_copy(forward):
    class Given(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.conv, self.flat = nn.Conv2d(3, 4, 8), nn.Flatten()

        def forward(self, x):
            return self.flat(self.conv(x))

    module = Given().eval()
    module.forward = FORWARDS[forward](module)
    network = interpret.wrap(module, input_size=8)
    assert network.layers == ("conv", "flat")
    assert torch.equal(network(X), by_hand(Given(), X))
    assert mine(network, list(X), k=1)["conv"].values.shape == (4, 1)
