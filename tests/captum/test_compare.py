"""The probe compare: the same question to several probes, and every number in its place."""

from math import isnan
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from pydantic import Field
from torch import nn

import interpret
from interpret.attributions import Attributions
from interpret.errors import PipelineError, PluginError, StepError
from interpret.images import Images, Sample
from interpret.pipeline import read_pipeline
from interpret.plugin import registry
from interpret.targets import Target
from interpret.testing import check_probe, small_images, small_network
from interpret_captum import Comparison, compare, metrics
from interpret_captum.compare import BUNDLED, Compare
from interpret_captum.quantities import quantity
from interpret_captum.study import Settings

GRADIENT = {"probe": "project", "rule": "gradient"}
SALIENCY = {"probe": "captum.saliency"}
DECONVOLUTION = {"probe": "captum.deconvolution"}
SMALL = {"probe": "captum.occlusion", "window": 6, "stride": 3}
FAST = {"steps": 4, "samples": 2, "stages": 2, "repeats": 2}


def run(*probes, network=None, images=None, **parameters):
    probe = interpret.load_probe("compare", probes=list(probes), **{**FAST, **parameters})
    return probe.run(network or small_network(), images or small_images(3))


class WithObjects(Images):
    """Noise with an object on the left half of every second picture."""

    def __init__(self):
        self.origin = small_images(4)

    @property
    def ids(self):
        return self.origin.ids

    def __getitem__(self, index):
        mask = np.zeros((20, 24), dtype=bool)
        mask[:, :12] = True
        return Sample(self.ids[index], self.origin[index].image, mask=None if index % 2 else mask)

    def fingerprint(self):
        return "objects"


def test_contract():
    check_probe(
        interpret.load_probe("compare", probes=[GRADIENT, SALIENCY], metrics=["agreement", "sanity"], **FAST)
    )


def test_equal_methods_agree():
    found = run(GRADIENT, SALIENCY, DECONVOLUTION)
    assert found.probes == ("project", "captum.saliency", "captum.deconvolution")
    assert found.reference == (0, 0, 0)
    assert all(isnan(found.value("project", name)) for name in ("largest_difference", "spearman"))
    assert found.value("captum.saliency", "largest_difference") < 1e-6
    assert found.value("captum.saliency", "relative_l2") < 1e-6
    assert found.value("captum.saliency", "spearman") > 1 - 1e-6
    assert found.value("captum.saliency", "ssim") > 1 - 1e-6
    for name in ("relative_l2", "largest_difference"):  # another quantity, in a unit of its own
        assert isnan(found.value("captum.deconvolution", name))
    assert 0 < found.value("captum.deconvolution", "spearman") < 1 - 1e-3
    assert 0 < found.value("captum.deconvolution", "ssim") < 1 - 1e-3


def test_the_numbers_are_those_of_the_functions():
    network, images = small_network(), small_images(3)
    found = run(SALIENCY, SMALL, network=network, images=images)
    maps = {name: item.maps for name, item in found.attributions.items()}
    a, b = metrics.pixel_maps(maps["captum.occlusion"]), metrics.pixel_maps(maps["captum.saliency"])
    each = dict(zip((metric.name for metric in found.metrics), found.each[1], strict=True))
    assert torch.equal(each["spearman"], metrics.rank_correlation(a, b))
    x = network.preprocess(images[2].image)[None]
    target = int(found.attributions["captum.occlusion"].target[2])
    removed = network.input.normalize(torch.full_like(x, 0.5))
    order = a[2].flatten().argsort(descending=True, stable=True)
    curve = []
    for count in (0, 64, 128, 192, 256):  # of 16 x 16 pixels
        picture = x.clone().flatten(2)
        picture[..., order[:count]] = removed.flatten(2)[..., order[:count]]
        curve.append(float(network(picture.reshape(x.shape)).softmax(1)[0, target]))
    assert found.deletion["captum.occlusion"][2].tolist() == pytest.approx(curve, abs=1e-6)
    area = (curve[0] / 2 + curve[1] + curve[2] + curve[3] + curve[4] / 2) / 4
    assert float(each["deletion"][2]) == pytest.approx(area, abs=1e-6)
    assert found.value("captum.occlusion", "deletion") == pytest.approx(float(each["deletion"].mean()))


def test_the_largest_difference_is_that_of_any_image():
    found = run(SMALL, SMALL | {"window": 4})
    names = [metric.name for metric in found.metrics]
    each = found.each[1, names.index("largest_difference")]
    assert found.value(found.probes[1], "largest_difference") == float(each.max()) > float(each.mean())


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (("project", {}), ("captum.deconvolution", {}), True),
        (("project", {"rule": "guided"}), ("captum.guided_backprop", {}), True),
        (("project", {"rule": "gradient"}), ("captum.saliency", {}), True),
        (("project", {"rule": "gradient"}), ("captum.saliency", {"abs": True}), False),
        (("project", {}), ("project", {"rule": "guided"}), False),
        (("project", {}), ("captum.layer_grad_cam", {}), False),
        (("occlusion", {}), ("captum.occlusion", {"window": 4, "stride": 2}), True),
        (("captum.integrated_gradients", {}), ("captum.saliency", {}), False),
        (("captum.layer_grad_cam", {}), ("captum.layer_grad_cam", {}), True),
    ],
)
def test_only_equal_quantities_differ_by_a_length(one, other, alike):
    probes = [interpret.load_probe(name, **parameters) for name, parameters in (one, other)]
    assert (quantity(probes[0]) == quantity(probes[1])) == alike


def test_unlike_methods_alone_have_ranks_and_no_lengths():
    found = run({"probe": "project"}, {"probe": "captum.integrated_gradients"}, metrics=["agreement"])
    assert [metric.name for metric in found.metrics] == ["spearman", "ssim"]


def test_a_network_with_one_output_is_asked_about_it():
    class One(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 1)

        def forward(self, x):
            return self.head(self.conv(x).relu().mean((2, 3)))

    network = interpret.wrap(One().eval(), input_size=16)
    found = run(GRADIENT, SMALL, target=0, metrics=["agreement"], network=network, images=small_images(2))
    for attributions in found.attributions.values():
        assert attributions.asked(0) == "the output"
        assert attributions.summary()["targets"] == "the output"


def test_all_families():
    every = ["agreement", "faithfulness", "sensitivity", "localisation", "sanity", "cost"]
    found = run(GRADIENT, SMALL, images=WithObjects(), metrics=every)
    assert [metric.family for metric in found.metrics] == sorted(
        [metric.family for metric in found.metrics], key=every.index
    )
    assert {metric.family for metric in found.metrics} == set(every)
    assert not found.table[1].isnan().any()
    assert found.stages == ("norm2", "conv1")
    assert found.randomised["project"].shape == (2, 4)
    assert found.value("project", "seconds") > 0


class OnlyRuns(interpret.Probe):
    """A probe that attributes as ours do, but has no method of tensors."""

    name: ClassVar[str] = "only_runs"
    target: Target = Field(None, description="The class.")

    def run(self, network: interpret.Network, images: Images) -> Attributions:
        return interpret.load_probe("captum.saliency", target=self.target).run(network, images)


def test_a_probe_without_a_method_of_tensors_is_asked_through_its_run():
    probes = [interpret.load_probe("captum.saliency"), OnlyRuns()]
    settings = Settings(frozenset(["sensitivity", "sanity"]), samples=2, stages=2)
    found = compare(small_network(), small_images(3), probes, settings=settings)
    assert not found.table.isnan().any()
    assert torch.equal(found.table[0], found.table[1])


def test_families_can_be_switched_off():
    found = run(GRADIENT, SALIENCY, metrics=["faithfulness"])
    assert {metric.family for metric in found.metrics} == {"faithfulness"}
    assert run(GRADIENT, metrics=[]).table.shape == (1, 0)


def test_only_images_with_an_object_count_for_localisation():
    found = run(GRADIENT, images=WithObjects(), metrics=["localisation"])
    energy = found.each[0, [metric.name for metric in found.metrics].index("energy")]
    assert energy.isnan().tolist() == [False, True, False, True]
    assert found.value("project", "energy") == pytest.approx(float(energy[[0, 2]].mean()))
    assert 0.4 < float(found.covered[0]) < 0.6
    assert isnan(found.covered[1])


def test_images_without_objects_have_no_localisation():
    assert run(GRADIENT, metrics=["localisation"]).metrics == ()


def test_randomised_networks_give_other_maps():
    found = run(GRADIENT, GRADIENT | {"rule": "guided"}, metrics=["sanity"])
    assert found.probes == ("project (rule=gradient)", "project (rule=guided)")
    assert (found.randomised["project (rule=gradient)"][-1] < 0.9).all()
    average = found.randomised["project (rule=gradient)"].mean()
    assert found.value("project (rule=gradient)", "randomised") == pytest.approx(float(average))


def test_sensitivity_asks_about_the_same_class_again():
    network, images = small_network(), small_images(1)
    found = run({**SALIENCY, "target": "predicted"}, network=network, images=images, metrics=["sensitivity"])
    target = int(found.attributions["captum.saliency"].target[0])
    fixed = interpret.load_probe("captum.saliency", target=target)
    x = network.preprocess(images[0].image)[None]

    def explain(pictures):
        return fixed.run(network, list(pictures)).maps

    slow = metrics.sensitivity(explain, x, torch.tensor([0.02 / 0.25] * 3), samples=2, seed=0)
    assert found.value("captum.saliency", "sensitivity") == pytest.approx(slow.item(), rel=1e-4)
    assert slow.item() > 0


@pytest.mark.parametrize("target", [2, "star", "predicted"])
def test_one_target_for_all(target):
    found = run(GRADIENT, SALIENCY, target=target, metrics=[])
    a, b = found.attributions.values()
    assert torch.equal(a.target, b.target)
    if target != "predicted":
        assert set(a.target.tolist()) == {2 if target == 2 else 3}


def test_neurons_are_compared_by_their_activation():
    neuron = {"layer": "relu2", "unit": 3}
    found = run(
        GRADIENT | neuron, SALIENCY | neuron, target="star", metrics=["agreement", "faithfulness", "sanity"]
    )
    assert found.value("captum.saliency", "relative_l2") < 1e-6
    first = found.deletion["project"][:, 0]
    assert torch.allclose(first, found.attributions["project"].score.double(), atol=1e-5)


def test_different_questions_are_refused():
    with pytest.raises(
        StepError, match=r"answer different questions: the classes 1, 1, 1 and the classes 0, 0, 0"
    ):
        run(GRADIENT | {"target": 0}, SALIENCY | {"target": 1})


def test_pairs_are_measured_against_their_partner():
    found = run(
        GRADIENT, SALIENCY, {"probe": "project"}, DECONVOLUTION, reference="pairs", metrics=["agreement"]
    )
    assert found.reference == (0, 0, 2, 2)
    assert found.value("captum.saliency", "relative_l2") < 1e-6
    assert found.value("captum.deconvolution", "relative_l2") < 1e-6
    assert found.table[:, 0].isnan().tolist() == [True, False, True, False]


def test_the_bundled_pairs_agree():
    probe = interpret.load_probe("compare", probes="bundled", metrics=["agreement"])
    assert probe.reference == "pairs"
    found = probe.run(small_network(), small_images(4))
    assert len(found.probes) == len(BUNDLED)
    for place, name in enumerate(found.probes):
        if place % 2:
            assert found.value(name, "largest_difference") < 1e-5, name


def test_without_probes_it_is_the_bundled_pairs():
    assert Compare() == Compare(probes="bundled") == Compare(probes=list(BUNDLED), reference="pairs")
    assert Compare(probes=[SALIENCY]).reference == 0


def test_editors_take_a_list_or_the_word():
    schema = Compare.model_json_schema()["properties"]["probes"]
    word, given = schema["anyOf"]
    assert word == {"const": "bundled"} == {"const": schema["default"]}
    assert given["items"]["type"] == "object"


def test_mining_is_compared_by_its_neurons():
    layers = {"layers": ["conv1", "relu2"]}
    found = run({"probe": "topk", "k": 3} | layers, {"probe": "captum.layer_activation", "k": 3} | layers)
    assert [metric.name for metric in found.metrics] == ["largest_difference", "overlap"]
    assert found.value("captum.layer_activation", "overlap") == 1
    assert found.value("captum.layer_activation", "largest_difference") < 1e-6
    other = run({"probe": "topk", "k": 2} | layers, {"probe": "topk", "k": 1} | layers)
    assert other.value("topk (k=1, layers=['conv1', 'relu2'])", "overlap") == 0.5


def test_features_are_compared_by_their_values():
    layers = {"layers": ["conv1", "norm2", "fc"]}  # norm2 is changed in place by the ReLU after it
    found = run({"probe": "layer_features"} | layers, {"probe": "captum.layer_features"} | layers)
    assert [metric.name for metric in found.metrics] == ["largest_difference"]
    assert found.value("captum.layer_features", "largest_difference") < 1e-6


def test_other_layers_are_refused():
    with pytest.raises(StepError, match="look at different layers: fc and conv1"):
        run({"probe": "layer_features", "layers": ["conv1"]}, {"probe": "layer_features", "layers": ["fc"]})


def test_as_a_function():
    probes = [interpret.load_probe("project", rule="gradient"), interpret.load_probe("captum.saliency")]
    settings = Settings(frozenset(["agreement"]))
    found = compare(small_network(), small_images(2), probes, settings=settings)
    assert isinstance(found, Comparison)
    assert found.value("captum.saliency", "relative_l2") < 1e-6
    assert isnan(found.value("captum.saliency", "deletion"))


def test_probes_of_one_name_are_told_apart():
    found = run(SALIENCY, SALIENCY, SALIENCY | {"abs": True}, GRADIENT, metrics=[])
    assert found.probes == (
        "captum.saliency #1",
        "captum.saliency #2",
        "captum.saliency (abs=True)",
        "project",
    )


PIPELINE = """\
version: 1
models: {{net: {{name: zfnet}}}}
datasets: {{val: {{name: scenes, limit: 4}}}}
steps:
  baselines:
    probe: compare
    probes:
      - {{probe: project}}
      - {0}
"""


@pytest.mark.parametrize(
    ("spec", "column", "message"),
    [
        ("{probe: captum.salency}", 17, r"must be a probe \(did you mean 'captum.saliency'"),
        (
            "{probe: captum.occlusion, windw: 24}",
            42,
            r"captum.occlusion \(did you mean 'window'\?\). Got 24.",
        ),
        (
            "{probe: captum.occlusion, window: 0}",
            43,
            "'probes.1.window' must be greater than or equal to 1. Got 0.",
        ),
        ("{probe: deconv}", 17, r"needs the result of another step \(exemplars\)"),
        ("{probe: filters}", 17, "gives Filters, not attributions, exemplars or features"),
        ("{probe: compare, probes: bundled}", 17, "gives Comparison, not attributions"),
        ("{window: 24}", 9, "'probes.1.probe' must say which probe"),
        (
            "{probe: captum.saliency, images: [1]}",
            42,
            "'probes.1.images' must be a parameter of captum.saliency.",
        ),
        (
            "captum.lrp",
            9,
            r"'probes.1' must be a probe with its parameters, .*: \{probe: captum.lrp\}",
        ),
        (
            "{probe: occlusion, tolerance: 1}",
            39,
            "It belonged to engine: approximate, which is gone. Leave it out",
        ),
    ],
)
def test_mistakes_in_a_nested_probe_are_found_at_their_place(spec, column, message, tmp_path):
    path = tmp_path / "pipeline.yaml"
    path.write_text(PIPELINE.format(spec))
    with pytest.raises(PipelineError, match=message) as caught:
        read_pipeline(path, registry())
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (9, column)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"probes": [SALIENCY], "reference": 1}, "'reference' must be a probe from 0 to 0. Got 1"),
        ({"probes": [SALIENCY], "reference": -1}, "'reference' must be a probe from 0 to 0. Got -1"),
        ({"probes": [SALIENCY], "reference": "pairs"}, "one has no partner"),
        (
            {"probes": [SALIENCY, {"probe": "topk"}]},
            "topk gives exemplars, but its reference captum.saliency gives",
        ),
        ({"probes": [SALIENCY], "metrics": ["speed"]}, "'metrics.0' must be 'agreement'"),
    ],
)
def test_what_cannot_be_compared_is_refused(parameters, message):
    with pytest.raises(PluginError, match=message):
        interpret.load_probe("compare", **parameters)


def test_preprocessed_tensors_can_be_compared():
    tensors = [torch.randn(3, 16, 16, generator=torch.Generator().manual_seed(seed)) for seed in range(2)]
    found = run(GRADIENT, SALIENCY, images=interpret.images.dataset.as_images(tensors))
    assert found.value("captum.saliency", "relative_l2") < 1e-6


SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.mark.data
@pytest.mark.skipif(not SHARED.exists(), reason="the photographs and weights are not beside the repository")
def test_a_photograph_through_a_network_with_its_weights():
    weights = str(SHARED / "weights" / "squeezenet1_1-imagenet.safetensors")
    network = interpret.load_model("torchvision", arch="squeezenet1_1", weights=weights)
    photographs = interpret.load_dataset("folder", path=str(SHARED / "imagenet-sample"), limit=1)
    found = run({"probe": "project"}, DECONVOLUTION, network=network, images=photographs)
    assert found.value("captum.deconvolution", "relative_l2") < 1e-5
    assert found.insertion["project"][0, -1] == pytest.approx(
        float(found.deletion["project"][0, 0]), rel=1e-4
    )


@pytest.mark.slow
def test_the_example(tmp_path):
    example = Path(__file__).parents[2] / "docs" / "examples" / "compare.yaml"
    found = interpret.run_pipeline(example, tmp_path / "run")
    baselines, pairs = found["baselines"], found["pairs"]
    assert baselines.value("captum.occlusion", "relative_l2") < 1e-5
    for place in range(1, len(pairs.probes), 2):
        assert pairs.value(pairs.probes[place], "largest_difference") < 1e-4
    drawn = {file.name for file in (tmp_path / "run" / "baselines").iterdir()}
    assert {"comparison-1.png", "comparison.md", "comparison.csv", "comparison.tex"} <= drawn
