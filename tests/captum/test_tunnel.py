"""The noise tunnel over any probe: Captum's, called by hand, and what it means."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from captum import attr

import interpret
from interpret import load_probe
from interpret.errors import PipelineError, PluginError
from interpret.pipeline import read_pipeline
from interpret.plugin import registry
from interpret_captum import NoiseTunnel
from interpret_deconv import Project

sys.path.insert(0, str(Path(__file__).parent))
from small_probes import NETWORK, Small, X, ask, equal

KINDS = ["smoothgrad", "smoothgrad_sq", "vargrad"]
CLASSES = torch.tensor([2, 0, 1])
STD = torch.tensor([0.2, 0.3], dtype=torch.float64)[:, None, None]


@pytest.mark.parametrize("kind", KINDS)
def test_equal_to_captum_called_by_hand(kind: str) -> None:
    """Captum's noise is the same in all channels: it is added before the image is divided by ``std``."""
    module = Small(inplace=False).double().eval()
    tunnel = attr.NoiseTunnel(attr.IntegratedGradients(lambda pixels: module(pixels / STD)))
    right = []
    for i in range(3):
        torch.manual_seed(4)
        grey = (torch.tensor([0.5, 0.5]) - torch.tensor([0.4, 0.6])).double()[None, :, None, None]
        options = {"nt_samples": 7, "nt_samples_batch_size": 3, "stdevs": 0.1, "n_steps": 5}
        given = {"baselines": grey.expand(1, 2, 13, 11), "target": CLASSES[i : i + 1], **options}
        right.append(tunnel.attribute(X[i : i + 1] * STD, nt_type=kind, **given))
    method = {"probe": "captum.integrated_gradients", "steps": 5}
    probe = NoiseTunnel(method=method, kind=kind, samples=7, internal_batch_size=3, noise=0.1, seed=4)
    equal(probe.attribute(NETWORK, X, CLASSES), torch.cat(right).detach(), 1e-6)  # weights are in float32


@pytest.mark.parametrize(
    ("method", "question"),
    [
        ({"probe": "captum.saliency"}, {"target": 1}),
        ({"probe": "project", "rule": "guided"}, {"layer": "conv2", "unit": 2, "position": [2, 1]}),
        ({"probe": "captum.layer_grad_cam", "layer": "conv2"}, {"target": 1}),
        ({"probe": "captum.lime", "patch": 5, "samples": 30, "alpha": 0.0001}, {"target": 1}),
        ({"probe": "grad_cam_plus_plus"}, {"target": 1}),
    ],
)
def test_without_noise_it_is_the_method(method: dict[str, Any], question: dict[str, Any]) -> None:
    given = {**{key: value for key, value in method.items() if key != "probe"}, **question}
    right = ask(method["probe"], **given).maps.double()
    found = ask("captum.noise_tunnel", method=method, samples=3, noise=0, **question).maps.double()
    equal(found, right, 1e-6)
    squares = ask("captum.noise_tunnel", method=method, samples=3, noise=0, kind="smoothgrad_sq", **question)
    equal(squares.maps.double(), right**2, 1e-5)


def test_smoothgrad_of_a_linear_network_is_its_gradient_and_its_variance_is_none() -> None:
    """Up to the bits: the gradient is the same at every noisy copy; at the top there is no ReLU."""
    question = {"layer": "conv1", "unit": 1, "position": [4, 5]}
    equal(ask("captum.noise_tunnel", **question).maps, ask("captum.saliency", **question).maps)
    assert ask("captum.noise_tunnel", kind="vargrad", **question).maps.abs().max() < 1e-12


def test_what_it_is_made_of_counts_for_its_content() -> None:
    assert NoiseTunnel(method={"probe": "project", "rule": "guided"}).nested() == [Project(rule="guided")]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"method": {"probe": "captum.salience"}}, "captum.saliency"),
        ({"method": {"probe": "topk"}}, "must be a probe that attributes by itself"),
        ({"method": {"probe": "captum.saliency", "target": 3}}, "must be said one level up"),
        ({"method": {"probe": "captum.saliency", "layer": "conv1"}}, "must be said one level up"),
        ({"method": {"probe": "captum.saliency", "steps": 3}}, "must be a parameter of captum.saliency"),
        ({"method": {"probe": "captum.layer_grad_cam"}, "layer": "conv1"}, "answers for classes only"),
        ({"kind": "smooth"}, "smoothgrad"),
    ],
)
def test_mistakes_are_told(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(PluginError, match=message):
        load_probe("captum.noise_tunnel", **parameters)


PIPELINE = """
version: 1
models: {net: {name: zfnet, width: 0.125, input_size: 64, categories: 4}}
datasets: {val: {name: scenes, limit: 2}}
steps:
  plain: {probe: captum.noise_tunnel, samples: 2}
  smooth:
    probe: captum.noise_tunnel
    method: {probe: captum.integrated_gradients, steps: 3}
    kind: vargrad
    samples: 3
    layer: layer4
    unit: 1
    render: [{name: attribution_grid}]
  side_by_side:
    probe: compare
    metrics: [agreement, faithfulness]
    steps: 4
    samples: 2
    probes:
    - {probe: captum.noise_tunnel, method: {probe: captum.deep_lift}, samples: 2}
    - {probe: rise, masks: 12}
    - {probe: grad_cam_plus_plus}
    - {probe: captum.layer_conductance, steps: 3}
"""


def test_in_a_pipeline_and_in_a_comparison(tmp_path: Path) -> None:
    path, again = tmp_path / "pipeline.yaml", tmp_path / "again.yaml"
    path.write_text(PIPELINE)
    again.write_text(yaml.safe_dump(read_pipeline(path, registry()).resolved()))
    assert read_pipeline(again, registry()).resolved() == read_pipeline(path, registry()).resolved()
    found = interpret.run_pipeline(path, tmp_path / "run")
    assert list((tmp_path / "run").rglob("*.png"))
    table = found["side_by_side"]
    for name in ("captum.noise_tunnel", "rise", "grad_cam_plus_plus", "captum.layer_conductance"):
        assert 0 <= table.value(name, "deletion") <= 1


def test_a_mistake_inside_the_method_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.yaml"
    path.write_text(PIPELINE.replace("{probe: captum.integrated_gradients, steps: 3}", "{probe: topk}"))
    with pytest.raises(PipelineError, match=r":9:.*must be a probe that attributes by itself"):
        read_pipeline(path, registry())
