"""A model in one text: in Python, in a pipeline, on the command line."""

import sys
from typing import get_args

import click
import pytest
import torch
from click.testing import CliRunner

import interpret
from interpret.cli.options import Device as TypedDevice
from interpret.cli.options import model_options
from interpret.cli.shell import call
from interpret.errors import InterpretError, ModelError, PipelineError, PluginError, UnknownNameError
from interpret.pipeline import read_pipeline
from interpret.plugin import Device, Model, read_model_name, registry
from interpret.plugin.flaws import class_flaw

NETS = """
from torch import nn

class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3)

    def forward(self, x):
        return self.conv(x).mean((2, 3))

def make(width: int = 2) -> nn.Module:
    return Net(width)

def secret(width=2):
    open("called", "w").close()
"""


@pytest.fixture
def nets(tmp_path, monkeypatch):
    """A package that lies in the current folder, as somebody's project does; it is not on the path."""
    folder = tmp_path / "ownnets"
    folder.mkdir()
    (folder / "small.py").write_text(NETS)
    (folder / "__init__.py").write_text("from ownnets.small import Net, make\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("ownnets")]:
        del sys.modules[name]


@click.command()
@model_options
def inputs(model):
    network = model.load()
    click.echo(f"{network.input.size} {len(network.categories)} {network.device} {network.layers[0]}")


def typed(*arguments):
    result = CliRunner().invoke(inputs, arguments)
    if isinstance(result.exception, InterpretError):
        raise result.exception
    return result.output


@pytest.mark.parametrize(
    ("text", "name", "parameters"),
    [
        ("zfnet", "zfnet", {}),
        ("zfnet:scenes", "zfnet", {"weights": "scenes"}),
        ("torchvision:resnet18", "torchvision", {"arch": "resnet18"}),
        ("zfnet:C:\\nets\\a.pth", "zfnet", {"weights": "C:\\nets\\a.pth"}),
        ("module:package.nets:Net", "module", {"target": "package.nets:Net"}),
        ("torchvision.models.resnet:ResNet", "module", {"target": "torchvision.models.resnet:ResNet"}),
        ("torchvision.models:ResNet", "module", {"target": "torchvision.models.resnet:ResNet"}),
    ],
)
def test_the_text_after_the_colon_is_the_parameter_that_the_model_declares(text, name, parameters):
    found = read_model_name(text, registry().models)
    assert (found.name, found.parameters) == (name, parameters)


def test_a_text_loads_what_the_long_form_loads():
    short = interpret.load_model("zfnet:scenes", device="cpu")
    long = interpret.load_model("zfnet", weights="scenes", device="cpu")
    assert short.fingerprint() == long.fingerprint()
    net = interpret.load_model("torchvision:squeezenet1_1", categories=3, input_size=64, device="cpu")
    assert net(torch.zeros(1, 3, 64, 64)).shape == (1, 3)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("zfnett:scenes", UnknownNameError, "Did you mean 'zfnet'.*Nor is a module 'zfnett' installed"),
        ("zfnett", UnknownNameError, "Did you mean 'zfnet'"),
        ("ZFNet", UnknownNameError, "Did you mean 'zfnet'"),
        ("resnet18", UnknownNameError, "Write .*timm:resnet18 or torchvision:resnet18"),
        ("microsoft/resnet-18", UnknownNameError, "Write huggingface:microsoft/resnet-18 or"),
        ("torchvision:ResNet18", PluginError, "Did you mean 'resnet18'"),
        (5, ModelError, "takes a name, .* and got int"),
        (torch.nn.Identity(), ModelError, r"interpret\.wrap\(module\)"),
        ("no such: thing", UnknownNameError, "There is no model 'no such'"),
        ("zfnet:", PluginError, "Nothing stands after the colon of 'zfnet:'. Write zfnet:WEIGHTS"),
        ("torchvision:resnet19", PluginError, "Did you mean 'resnet1"),
        ("torchvision.models:ResNet19", PluginError, "has no 'ResNet19'"),
        ("os:system", PluginError, "belongs to Python itself"),
        ("torch.nn:Linear", PluginError, "torch's own classes are not taken"),
    ],
)
def test_what_is_wrong_is_said(text, error, message):
    with pytest.raises(error, match=message):
        interpret.load_model(text)


def test_a_parameter_is_not_given_twice():
    with pytest.raises(PluginError, match=r"'arch' is given twice: 'alexnet' after the colon.*'vgg11'"):
        interpret.load_model("torchvision:alexnet", arch="vgg11")


@pytest.mark.parametrize("target", ["ownnets.small:Net", "ownnets:Net", "ownnets:make"])
def test_who_types_or_writes_an_import_path_has_chosen_it(nets, target, monkeypatch):
    assert "conv" in typed("--model", target, "--device", "cpu", "--model-option", "input_size=32")
    sys.path.insert(0, str(nets))
    width = 2 if "make" in target else 4
    network = interpret.load_model(target, input_size=32, device="cpu")
    assert network.module.conv.out_channels == width


def test_a_function_that_promises_no_network_is_not_called(nets):
    sys.path.insert(0, str(nets))
    with pytest.raises(InterpretError, match=r"nn\.Module"):
        interpret.load_model("ownnets.small:secret")
    assert not (nets / "called").exists()


def test_the_current_folder_counts_for_import_paths_alone(nets):
    before = list(sys.path)
    (nets / "zfnet.py").write_text("raise SystemExit('imported')")
    assert "(96, 96) 10 cpu" in typed("--model", "zfnet:scenes", "--device", "cpu")
    assert sys.path == before


def test_the_options_of_a_command_reach_the_model(tmp_path):
    weights = tmp_path / "net.pth"
    torch.save(interpret.load_model("torchvision:squeezenet1_1", categories=3).module.state_dict(), weights)
    given = ["--weights", weights, "--device", "cpu", "--model-option", "categories=[a, b, c]"]
    assert "(224, 224) 3 cpu features.0" in typed("--model", "torchvision:squeezenet1_1", *map(str, given))
    with pytest.raises(PluginError, match="'weights' is given twice"):
        typed("--model", "zfnet:scenes", "--weights", "other.pth")
    assert get_args(TypedDevice) == get_args(Device)


PIPELINE = """\
version: 1
models:
  net: {model}
datasets: {{val: {{name: scenes, split: val, limit: 4}}}}
steps: {{first: {{probe: topk, layers: [layer1]}}}}
"""


def pipeline(folder, model):
    (folder / "p.yaml").write_text(PIPELINE.format(model=model))
    return read_pipeline(folder / "p.yaml", registry())


def test_a_pipeline_takes_the_short_form(tmp_path):
    short = pipeline(tmp_path, '"zfnet:scenes"').resolved()
    assert short == pipeline(tmp_path, "{name: zfnet, weights: scenes}").resolved()
    assert pipeline(tmp_path, "zfnet:scenes").resolved() == short  # YAML sees no mapping without a space


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("zfnett:scenes", "p.yaml:3:8: There is no model 'zfnett'. Did you mean 'zfnet'"),
        ('"zfnet:"', "p.yaml:3:8: Nothing stands after the colon"),
        ("torchvision:resnet19", "p.yaml:3:3: torchvision: 'arch' must be.*Did you mean 'resnet1"),
        ("ownnets.small:make", "is a function of ownnets.small.*--allow ownnets"),
        ("{}", "'name' must say which model"),
        ("3", "models.net must be a mapping"),
    ],
)
def test_a_mistake_in_the_short_form_has_its_place(nets, model, message):
    sys.path.insert(0, str(nets))
    with pytest.raises(PipelineError, match=message):
        pipeline(nets, model)


def test_a_model_declares_a_parameter_that_it_has():
    class Bad(Model):
        """Bad."""

        name = "bad"
        after_colon = "arch"

        def build(self):
            return None

    assert class_flaw("model", Bad) == "Bad.after_colon is 'arch', which is none of its parameters."


def test_the_command_line_knows_the_options(capsys):
    assert call(["run", "--help"]) == 0
    assert "Such as zfnet:scenes" in CliRunner().invoke(inputs, ["--help"]).output
