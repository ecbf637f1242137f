"""A user's own network by its import path, and what is refused as such."""

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import interpret
from interpret.code import import_target
from interpret.errors import InterpretError, ModelError, PluginError

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared"

NETS = """
import os
from torch import nn

class Net(nn.Module):
    def __init__(self, width: int = 4, outputs: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3)
        self.head = nn.Linear(width, outputs)

    def forward(self, x):
        return self.head(self.conv(x).mean((2, 3)))

class Zoo:
    class Inner(Net):
        pass

def make(width: int) -> Net:
    return Net(width)

def late(width: int) -> "nn.Module":
    return Net(width)

def liar() -> nn.Module:
    return 3

def silent(width):
    open("called", "w").close()

def unreadable() -> "Nowhere":
    open("called", "w").close()

network = Net()
"""


@pytest.fixture(autouse=True)
def nets(tmp_path, monkeypatch):
    """An installed package of nets that no other test has seen."""
    folder = tmp_path / "mynets"
    folder.mkdir()
    (folder / "__init__.py").write_text(NETS)
    (folder / "broken.py").write_text(NETS + "raise RuntimeError('no such driver')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield
    for name in [name for name in sys.modules if name.startswith("mynets")]:
        del sys.modules[name]


def load(target, **parameters):
    return interpret.load_model("module", target=target, device="cpu", **parameters)


@pytest.mark.parametrize("target", ["mynets:Net", "mynets:Zoo.Inner"])
def test_classes_make_networks(target):
    network = load(target, arguments={"width": 6}, input_size=32)
    assert network.layers == ("conv", "head")
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 3)
    assert network.module.conv.out_channels == 6


@pytest.mark.parametrize("target", ["mynets:make", "mynets:late"])
def test_annotated_functions_make_networks_where_their_package_is_allowed(target, monkeypatch):
    with pytest.raises(PluginError, match=r"is a function of mynets.*INTERPRET_ALLOW=mynets"):
        load(target, arguments={"width": 6})
    assert "mynets" not in sys.modules
    monkeypatch.setenv("INTERPRET_ALLOW", "mynets")
    assert load(target, arguments={"width": 6}).module.conv.out_channels == 6


def test_weights_input_and_categories(tmp_path):
    trained = import_target("mynets:Net")(width=5)
    torch.save(trained.state_dict(), tmp_path / "net.pth")
    network = load(
        "mynets:Net",
        arguments={"width": 5},
        weights=str(tmp_path / "net.pth"),
        input_size=[20, 30],
        mean=[0, 0, 0],
        std=[1, 1, 1],
        categories=["a", "b", "c"],
    )
    assert torch.equal(network.module.conv.weight, trained.conv.weight)
    assert network.input == interpret.InputSpec((20, 30), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    assert network.categories == ("a", "b", "c")


@pytest.mark.parametrize(
    "target",
    [
        "mynets:silent",
        "mynets:unreadable",
        "mynets:network",
        "mynets:Zoo",
        "os:system",
        "builtins:exec",
        "torch:load",
        "torch.nn:Linear",
        "torch.fx.graph_module:reduce_graph_module",
    ],
)
def test_anything_that_is_no_network_is_refused_and_not_called(target, tmp_path, monkeypatch):
    with pytest.raises(PluginError, match="'target' is wrong"):
        load(target, arguments={})
    assert "mynets" not in sys.modules
    monkeypatch.setenv("INTERPRET_ALLOW", "mynets, os, builtins, torch")
    with pytest.raises((ModelError, PluginError)):
        load(target, arguments={})
    assert not (tmp_path / "called").exists()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("mynets:Nett", "mynets has no class 'Nett'. Did you mean 'Net'"),
        ("mynets.Net", r"must be a module, a colon and a class, such as .mynets:Net"),
        ("mynets:nn.Linear", "mynets has no class 'nn.Linear'"),
    ],
)
def test_targets_that_cannot_be_found_are_explained(target, message):
    with pytest.raises(PluginError, match=message):
        load(target)


def test_a_module_that_is_not_installed_is_missed_when_it_is_needed():
    with pytest.raises(ModelError, match="no Python file of a module 'mynet' among what is installed"):
        load("mynet:Net")


def test_a_module_that_fails_and_a_function_that_lies_are_explained(monkeypatch):
    with pytest.raises(
        ModelError, match=r"'mynets\.broken' cannot be imported: RuntimeError: no such driver"
    ):
        load("mynets.broken:Net")
    monkeypatch.setenv("INTERPRET_ALLOW", "mynets")
    with pytest.raises(ModelError, match="returned a int"):
        load("mynets:liar")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"width": 10**7}, "whole numbers go to 1,000,000"),
        ({"width": [[1] * 200] * 60}, "more than 10,000 values"),
        ({"width": float("nan")}, "must be a finite number"),
        ({"width": 10**30}, "at most 63 bits"),
        ({"width": "x" * 20_000}, "at most 10,000 characters"),
    ],
)
def test_arguments_are_few_and_small(arguments, message):
    with pytest.raises(PluginError, match=message):
        load("mynets:Net", arguments=arguments)


def test_a_network_that_takes_the_memory_is_refused_before_it_is_taken():
    with pytest.raises(ModelError, match="module is not built: it takes more than 4 GB"):
        load("mynets:Net", arguments={"width": 10**6, "outputs": 10**6})


@pytest.mark.parametrize("target", ["mynets", "mynets:", ":Net", "../nets.py:Net", "mynets:Net()", "a b:c"])
def test_targets_of_another_form_are_refused(target):
    with pytest.raises(PluginError, match="target"):
        load(target)


def test_wrong_arguments_show_the_signature():
    with pytest.raises(ModelError, match=r"mynets:Net\(width: int = 4, outputs: int = 3\).*'depth'"):
        load("mynets:Net", arguments={"depth": 3})


def test_weights_of_another_network_name_the_tensors(tmp_path):
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "net.pth")
    with pytest.raises(ModelError, match=r"missing \(4\): conv\.weight, conv\.bias"):
        load("mynets:Net", weights=str(tmp_path / "net.pth"))


def test_categories_must_be_as_many_as_outputs():
    with pytest.raises(ModelError, match="2 categories, but the network has 3 outputs"):
        load("mynets:Net", categories=["cat", "dog"])
    assert load("mynets:Net", categories=3).categories == ()


@pytest.mark.parametrize("module", ["transformers", "transformers.models.vit.modeling_vit"])
def test_a_class_of_transformers_names_what_loads_its_networks(module):
    with pytest.raises(InterpretError, match=r"Of transformers, .* is loaded as huggingface:FOLDER"):
        interpret.load_model(f"{module}:ViTForImageClassification")
    with pytest.raises(InterpretError, match="huggingface:FOLDER"):
        interpret.load_model("transformers:Nothing")


@pytest.mark.data
@pytest.mark.skipif(not SHARED.is_dir(), reason="the real weights and photographs of ../shared are not here")
@pytest.mark.parametrize(
    "target", ["bvlc_googlenet:GoogLeNet", pytest.param("bvlc_googlenet:googlenet", marks=pytest.mark.slow)]
)
def test_a_network_that_no_one_wrote_for_this_project(monkeypatch, target):
    monkeypatch.setenv("INTERPRET_ALLOW", "bvlc_googlenet" if target.endswith("googlenet") else "")
    monkeypatch.syspath_prepend(SHARED / "reference")
    data = SHARED / "data"
    network = load(target, weights=str(data / "weights" / "googlenet-imagenet.safetensors"))
    assert network.input.size == (224, 224)
    assert network.input.std == pytest.approx((1 / 255, 1 / 255, 1 / 255), rel=1e-4)
    photographs = sorted((data / "imagenet-sample").glob("*.jpg"))[::20]
    found = network(torch.stack([network.preprocess(path) for path in photographs])).argmax(1)
    truth = torch.tensor([int(path.name[:3]) for path in photographs])
    assert (found == truth).float().mean() > 0.5  # chance: 0.001, the data's README: 0.68
