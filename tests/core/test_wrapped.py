"""Wrapped modules are unwrapped or refused by name; what modules return is understood or listed."""

import copy
import inspect
from collections import namedtuple
from dataclasses import dataclass
from importlib import import_module

import pytest
import torch
from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from torch.optim.swa_utils import AveragedModel

import interpret
from interpret import ModelError
from interpret_deconv import Neuron, project
from interpret_diagnosis import activity
from interpret_invariance import invariance
from interpret_occlusion import sweep
from interpret_topk import mine

X = torch.randn(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def plain():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5)).eval()


def wrapped(module, **arguments):
    return interpret.wrap(module, input_size=8, **arguments)


def compiled_inside():
    module = plain()
    module[0] = torch.compile(module[0])
    return nn.Sequential(torch.compile(module[:2]), module[2], nn.DataParallel(module[3])).eval()


def compiled_in_place():
    module = plain()
    module.compile()
    module[0].compile()
    return module


WRAPPERS = {
    "compile": lambda: torch.compile(plain()),
    "compile in place": compiled_in_place,
    "data parallel": lambda: nn.DataParallel(plain()),
    "averaged": lambda: AveragedModel(plain()),
    "checkpointed": lambda: checkpoint_wrapper(plain()),
    "both": lambda: torch.compile(nn.DataParallel(plain())),
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_wrappers_are_taken_off(wrapper):
    network, right = wrapped(WRAPPERS[wrapper]()), wrapped(plain())
    assert network.layers == right.layers == ("0", "1", "2", "3")
    assert torch.equal(network(X), right(X))
    assert torch.equal(mine(network, list(X))["0"].values, mine(right, list(X))["0"].values)
    assert torch.equal(sweep(network, X[0], 4, 4).logits, sweep(right, X[0], 4, 4).logits)
    assert torch.equal(
        project(network, X, [Neuron(0, "1", 1, 2, 2)]), project(right, X, [Neuron(0, "1", 1, 2, 2)])
    )


def test_wrappers_inside_are_no_part_of_names():
    network, right = wrapped(compiled_inside()), wrapped(plain())
    assert network.layers == ("0.0", "0.1", "0", "1", "2")
    assert torch.equal(network(X), right(X))
    assert torch.equal(mine(network, list(X))["0.0"].values, mine(right, list(X))["0"].values)
    neuron = [Neuron(0, "0.1", 1, 2, 2)], [Neuron(0, "1", 1, 2, 2)]
    assert torch.equal(project(network, X, neuron[0]), project(right, X, neuron[1]))
    assert interpret.load_probe("captum.saliency").run(network, list(X)).maps.shape == (3, 3, 8, 8)


def scripted():
    with pytest.warns(FutureWarning, match="deprecated"):
        return torch.jit.script(plain())


def traced():
    with pytest.warns(FutureWarning, match="deprecated"):
        return torch.jit.trace(plain(), X)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (scripted, "TorchScript.*Wrap the nn.Module it was made from"),
        (traced, "TorchScript.*Wrap the nn.Module it was made from"),
        (
            lambda: torch.export.export(plain(), (X,)).module(),
            "torch.export wrote.*Wrap the nn.Module that was",
        ),
        (
            lambda: nn.Sequential(nn.LazyConv2d(3, 3)),
            r"LazyConv2d\) wait for the first input.*Call the module once",
        ),
        (lambda: plain().to("meta"), r"'0' \(Conv2d\) are on the device 'meta'"),
    ],
    ids=["script", "trace", "export", "lazy", "meta"],
)
@pytest.mark.filterwarnings("ignore:Lazy modules")
def test_what_has_no_layers_is_refused_by_name(make, message):
    with pytest.raises(ModelError, match=message):
        wrapped(make())


@pytest.mark.parametrize("make", [torch.jit.script, lambda part: torch.jit.trace(part, X)])
@pytest.mark.filterwarnings("ignore:.*deprecated")
def test_a_part_that_is_torchscript_runs_and_is_no_layer(make):
    network, right = plain(), wrapped(plain())
    network[0] = make(network[0])
    network = wrapped(network)
    assert network.layers == ("1", "2", "3")
    torch.testing.assert_close(network(X), right(X))
    torch.testing.assert_close(sweep(network, X[0], 4, 4).logits, sweep(right, X[0], 4, 4).logits)


@pytest.mark.filterwarnings("ignore:Lazy modules")
def test_the_cure_for_lazy_modules_works():
    module = nn.Sequential(nn.LazyConv2d(3, 3)).eval()
    module(X)
    assert wrapped(module).layers == ("0",)


def test_a_symbolic_trace_keeps_its_layers():
    assert wrapped(torch.fx.symbolic_trace(plain())).layers == ("0", "1", "2", "3")


def test_without_submodules_the_output_works_and_layers_say_so():
    class Functional(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(5, 3))

        def forward(self, x):
            return x.mean((2, 3)) @ self.weight.T

    network = wrapped(Functional())
    assert network.layers == ()
    assert sweep(network, X[0], 4, 4).logits.shape == (2, 2, 5)
    for ask in (lambda: mine(network, list(X)), lambda: network.record(X, ["conv"])):
        with pytest.raises(ModelError, match="Functional has no"):
            ask()


def test_submodules_that_are_never_called_are_no_empty_list():
    class Around(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 8)

        def forward(self, x):
            return self.conv.forward(x).flatten(1)

    network = wrapped(Around())
    assert network(X).shape == (3, 4)
    with pytest.raises(
        ModelError, match=r"calls no submodule.*self\.conv\(x\), not self\.conv\.forward\(x\)"
    ):
        _ = network.layers


@dataclass
class Answer:
    loss: torch.Tensor
    logits: torch.Tensor


@dataclass
class Scores:
    loss: torch.Tensor
    scores: torch.Tensor


Pair = namedtuple("Pair", ["loss", "scores"])


class Returns(nn.Module):
    def __init__(self, make):
        super().__init__()
        self.body, self.make = plain(), make

    def forward(self, x):
        logits = self.body(x)
        return self.make(logits.sum(), logits)


UNDERSTOOD = {
    "dict": lambda loss, logits: {"loss": loss, "logits": logits},
    "dataclass": Answer,
}
NAMED = {
    "tuple": (lambda loss, logits: (loss, logits), 1, "1"),
    "list": (lambda loss, logits: [loss, logits], -1, "1"),
    "dict": (lambda loss, logits: {"loss": loss, "scores": logits}, "scores", "'scores'"),
    "dataclass": (Scores, "scores", "'scores'"),
    "named tuple": (Pair, "scores", "'scores'"),
    "nested": (lambda loss, logits: {"a": (loss, {"b": logits})}, ["a", 1, "b"], r"\['a', 1, 'b'\]"),
    "function": (
        lambda loss, logits: [logits[:, :, None]],
        lambda returned: returned[0].flatten(1),
        None,
    ),
}


def assert_like_plain(network):
    right = wrapped(plain())
    neuron = [Neuron(0, "0", 1, 2, 2)]
    assert torch.equal(network(X), right(X))
    assert torch.equal(network.graph.run(X)[network.graph.output], right(X))
    for engine in ("full", "incremental"):
        assert torch.equal(
            sweep(network, X[0], 4, 4, engine=engine).logits, sweep(right, X[0], 4, 4, engine=engine).logits
        )
    inner = [Neuron(0, "body.0", 1, 2, 2)]
    assert torch.equal(project(network, X, inner), project(right, X, neuron))
    for probe, options in (
        ("captum.saliency", {}),
        ("captum.occlusion", {"window": 4, "stride": 4}),
        ("project", {}),
    ):
        maps = [
            interpret.load_probe(probe, target=1, **options).run(asked, list(X)).maps
            for asked in (network, right)
        ]
        assert torch.equal(*maps)
    curves = [
        invariance(asked, list(X), [layer], transforms={"horizontal_translation": [0, 1]}, target=1)
        for asked, layer in ((network, "body.0"), (right, "0"))
    ]
    assert torch.equal(*(item.curves["horizontal_translation"].probability for item in curves))


def test_logits_are_the_output_everywhere():
    assert_like_plain(wrapped(Returns(UNDERSTOOD["dict"]).eval()))


def test_an_attribute_called_logits_is_the_output():
    assert torch.equal(wrapped(Returns(Answer).eval())(X), wrapped(plain())(X))


@pytest.mark.parametrize("kind", ["tuple", "nested", "function"])
def test_a_named_output_is_the_output_everywhere(kind):
    make, output, _ = NAMED[kind]
    assert_like_plain(wrapped(Returns(make).eval(), output=output))


@pytest.mark.parametrize("kind", NAMED)
def test_any_other_output_has_layers_and_a_message_whose_cure_works(kind):
    make, output, shown = NAMED[kind]
    network = wrapped(Returns(make).eval())
    assert mine(network, list(X))["body.0"].values.shape == (4, 9)
    assert project(network, X, [Neuron(0, "body.0", 1, 2, 2)]).shape == (1, 3, 8, 8)
    asks = [
        lambda: network(X),
        lambda: sweep(network, X[0], 4, 4),
        lambda: invariance(network, list(X), ["body.0"]),
        lambda: interpret.load_probe("captum.saliency").run(network, list(X)),
        lambda: network.graph.output,
    ]
    for ask in asks:
        with pytest.raises(ModelError, match=r"The module returns .*output=" + (shown or "lambda")):
            ask()
    assert torch.equal(wrapped(Returns(make).eval(), output=output)(X), wrapped(plain())(X))


def test_an_output_that_is_not_there_lists_what_is():
    network = wrapped(Returns(UNDERSTOOD["dict"]).eval(), output="probs")
    with pytest.raises(
        ModelError, match=r"output='probs' is NoneType.*'loss': tensor \(\), 'logits': tensor \(3, 5\)"
    ):
        network(X)


def test_an_output_without_a_row_for_each_image_is_refused():
    network = wrapped(Returns(lambda loss, logits: loss).eval(), check=False)
    with pytest.raises(ModelError, match=r"shape \(\) for 3 images"):
        network(X)


BAD = {
    "input_size": ["224", -1, 0, 2.5, (8, 8, 8), (8, -8), True, None],
    "mean": [(123, 117, 104), (float("nan"),) * 3, "0.5", 0.5, (), (0.5, "x", 0.5), (-1, 0, 0)],
    "std": [(0.2, 0.2), (0, 0.2, 0.2), (-0.1, 0.2, 0.2), (float("nan"),) * 3, (58.4, 57.1, 57.4)],
    "categories": [5, "cat", [1, 2, 3, 4, 5], {0: "cat"}],
    "aliases": ["conv", {"a": 1}, 3],
    "resize": [0, -1, "256", 1.5],
    "output": [1.5, [], [1.5], ["a", True], True, interpret.modules.MeanOverImage],
}


@pytest.mark.parametrize(
    ("argument", "value"), [(name, value) for name, values in BAD.items() for value in values]
)
def test_an_argument_that_makes_no_sense_is_named(argument, value):
    arguments = {"input_size": 8} | {argument: value}
    with pytest.raises(ModelError, match=rf"\b{argument}\b"):
        interpret.wrap(plain(), **arguments)


def test_the_cure_for_a_mean_in_other_units_is_printed_and_works():
    with pytest.raises(ModelError, match=r"divide by 255: mean=\(0\.4824, 0\.4588, 0\.4078\)"):
        wrapped(plain(), mean=(123, 117, 104))
    assert wrapped(plain(), mean=(0.4824, 0.4588, 0.4078)).input.mean == (0.4824, 0.4588, 0.4078)


def test_as_many_names_as_outputs():
    for names in (["a", "b"], list("abcdef")):
        with pytest.raises(
            ModelError, match=rf"There are {len(names)} categories, but the network has 5 outputs"
        ):
            mine(wrapped(plain(), categories=names), list(X))
    assert wrapped(plain(), categories=list("abcde")).layers


ENTRIES = {
    "mine": lambda given: mine(given, list(X)),
    "project": lambda given: project(given, X, [Neuron(0, "0", 0, 0, 0)]),
    "sweep": lambda given: sweep(given, X[0]),
    "invariance": lambda given: invariance(given, list(X)),
    "activity": lambda given: activity(given, list(X)),
    "run": lambda given: interpret.load_probe("captum.saliency").run(given, list(X)),
    "run_shard": lambda given: interpret.load_probe("topk").run_shard(network=given, images=interpret.Images),
    "receptive_field": lambda given: interpret.graph.receptive_field(given, "0"),
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_module_instead_of_a_network_is_told_how_to_be_one(entry):
    with pytest.raises(
        ModelError, match=rf"{entry}\(\) takes a Network.*interpret\.wrap\(module, input_size=…\)"
    ):
        ENTRIES[entry](plain())
    assert ENTRIES["mine"](interpret.wrap(plain(), input_size=8)).count == 3


PLUGINS = ["captum", "correspondence", "deconv", "diagnosis", "figures", "invariance", "occlusion", "topk"]


@pytest.mark.parametrize("name", [*PLUGINS, "training", "transfer"])
def test_every_public_function_of_a_plugin_that_takes_a_network_checks_it(name):
    plugin = import_module(f"interpret_{name}")
    public = [vars(plugin)[key] for key in plugin.__all__]
    for item in public:
        if inspect.isfunction(item) and "network" in inspect.signature(item).parameters:
            with pytest.raises(ModelError, match=rf"{item.__name__}\(\) takes a Network"):
                item(network=plain())


def test_a_batch_of_another_form_is_named():
    with pytest.raises(ModelError, match=r"takes a batch .* Got \(3, 8, 8\).*x\[None\]"):
        wrapped(plain())(X[0])
    assert wrapped(plain())(X[0][None]).shape == (1, 5)


def test_the_module_itself_is_the_users():
    module = plain()
    assert wrapped(module).module is module
    assert wrapped(torch.compile(module)).module is module
    assert copy.deepcopy(wrapped(module)).module is not module


def test_a_detector_is_told_at_once_why_it_has_no_graph():
    class Detector(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 1, 3)

        def forward(self, x):
            return [{"boxes": torch.nonzero(scores > 0)} for scores in self.conv(x)]

    network = wrapped(Detector())
    assert mine(network, list(X)).count == 3
    with pytest.raises(
        ModelError, match="'nonzero' in the forward of Detector itself makes a tensor whose size"
    ):
        _ = network.graph
    with pytest.raises(ModelError, match=r"returns list \(0: dict \('boxes': tensor"):
        sweep(network, X[0], 4, 4)


def test_a_forward_that_ends_in_squeeze_is_told_the_cure():
    network = wrapped(nn.Sequential(nn.Conv2d(3, 4, 8), Squeezed()).eval())
    with pytest.raises(ModelError, match=r"squeeze\(\) loses the row of a single image.*flatten\(1\)"):
        sweep(network, X[0], 4, 4)


class Squeezed(nn.Module):
    def forward(self, x):
        return x.squeeze()
