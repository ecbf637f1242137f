"""Forward passes in fewer bits: near those of float32, as wide as the weights, and told of in every key."""

import pytest
import torch
from torch import nn

import interpret
from interpret.errors import ModelError, PipelineError
from interpret.run import read_json, run_pipeline
from interpret_deconv import Neuron, project
from interpret_topk import mine

BITS = {"bfloat16": 8, "float16": 11}
"""Binary digits of a number, with the leading one."""


def convolutions() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5),
    )  # fmt: skip


@pytest.fixture
def x():
    return torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("precision", BITS)
def test_values_are_within_what_fewer_bits_can_do(precision, x):
    """Each product is off by at most two roundings (weight and input) relative to its size; sums add them up.

    The bound is that of the sum of magnitudes, which float64 gives: a layer of absolute weights on absolute
    inputs, times three roundings (the third is that of what comes out).
    """
    module = convolutions()
    network = interpret.wrap(module, input_size=32, mean=[0] * 3, std=[1] * 3)
    reduced = network.in_precision(precision)
    exact, found = network.record(x, ["0"])["0"], reduced.record(x, ["0"])["0"]
    with torch.no_grad():
        first = module[0]
        most = nn.functional.conv2d(
            x.double().abs(), first.weight.double().abs(), first.bias.double().abs(), padding=1
        )
    assert found.dtype == torch.float32
    assert not torch.equal(found, exact)
    assert ((found - exact).abs() <= 3 * 2.0 ** -BITS[precision] * most).all()
    assert network.in_precision("float32").record(x, ["0"])["0"].equal(exact)


@pytest.mark.parametrize("precision", BITS)
def test_outputs_are_as_wide_as_the_weights_and_the_network_is_left_alone(precision, x):
    module = convolutions()
    network = interpret.wrap(module, input_size=32, precision=precision)
    outputs, layers = network.forward(x, {"3": torch.clone})
    assert outputs.dtype == layers["3"].dtype == torch.float32
    assert {weight.dtype for weight in module.parameters()} == {torch.float32}
    assert network.precision == network.copy().precision == network.of(module).precision == precision


def test_projections_keep_the_type_of_the_weights(x):
    network = interpret.wrap(convolutions(), input_size=32)
    neurons = [Neuron(image=0, layer="3", channel=2, y=5, x=6)]
    assert torch.equal(project(network.in_precision("bfloat16"), x, neurons), project(network, x, neurons))


def test_what_is_mined_says_what_it_was_mined_with(x):
    network = interpret.wrap(convolutions(), input_size=32)
    wide, narrow = (mine(one, list(x), ["3"], k=2) for one in (network, network.in_precision("bfloat16")))
    assert not torch.equal(wide["3"].values, narrow["3"].values)
    assert torch.allclose(wide["3"].values, narrow["3"].values, rtol=0.05, atol=0.01)
    assert network.fingerprint() != network.in_precision("bfloat16").fingerprint()
    assert network.fingerprint() == network.in_precision("float32").fingerprint()


def test_a_pipeline_says_it_and_another_precision_runs_anew(tmp_path):
    text = {
        "version": 1,
        "models": {"net": {"name": "zfnet", "width": 0.0625, "input_size": 64, "categories": 10}},
        "datasets": {"drawn": {"name": "scenes", "split": "val", "limit": 4, "size": 64}},
        "steps": {"mined": {"probe": "topk", "layers": ["layer2"], "k": 2}},
    }
    first = run_pipeline(text, tmp_path)
    text["models"]["net"]["precision"] = "bfloat16"
    second = run_pipeline(text, tmp_path)
    assert [run.steps["mined"].status for run in (first, second)] == ["done", "done"]
    manifest = read_json(tmp_path / "manifest.json")
    assert manifest["pipeline"]["models"]["net"]["precision"] == "bfloat16"
    text["models"]["net"]["precision"] = "float8"
    with pytest.raises(
        PipelineError, match=r"precision must be one of float32, bfloat16, float16\. Got 'float8'"
    ):
        run_pipeline(text, tmp_path)


def test_a_precision_that_does_not_exist_is_refused():
    with pytest.raises(ModelError, match=r"precision is float32, bfloat16 or float16\. Got 'half'"):
        interpret.wrap(convolutions(), input_size=32, precision="half")
