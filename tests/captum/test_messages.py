"""What probes say of a slip: what to write instead, which works; and in figures, what Captum's rules miss."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import interpret
from interpret.errors import PipelineError, PluginError, UnknownNameError
from interpret.images import as_images
from interpret.pipeline import read_pipeline
from interpret.plugin import registry
from interpret_captum.projections import NeuronDeconvolution
from interpret_topk import mine


@pytest.mark.parametrize(
    ("probe", "given", "message", "cure"),
    [
        ("deep_lift_shap", {"baselines": []},
         "'baselines' must have at least 2 items", {"baselines": [0, 1]}),
        ("deep_lift_shap", {"baselines": [0.5]}, "at least 2 items", {"baselines": [0.0, 0.5]}),
        ("gradient_shap", {"baseline": 0.5}, "'baselines', such as", {"baselines": [0.0, 0.5, 1.0]}),
        ("layer_lrp", {"position": [0, 1]}, "It asks about a class.*captum.lrp", {}),
        ("layer_lrp", {"unit": 1}, "have 'unit' and 'position'", {}),
        ("layer_conductance", {"unit": 1}, "have 'unit' and 'position'", {}),
        ("layer_conductance", {"fill": 1}, "its 'baseline'", {"baseline": 1}),
        ("lrp", {"positon": [0, 1]}, "Did you mean 'position'", {"position": [0, 1], "layer": "conv"}),
        ("occlusion", {"baseline": 0.5}, "is its 'fill'", {"fill": 0.5}),
        ("occlusion", {"baselines": 0.5}, "is its 'fill'", {"fill": 0.5}),
        ("occlusion", {"sliding_window_shapes": (3, 8, 8)}, "is its 'window'", {"window": 8}),
        ("occlusion", {"strides": 4}, "is its 'stride'", {"stride": 4}),
        ("kernel_shap", {"feature_mask": 1}, "'patch' says", {"patch": 8}),
        ("kernel_shap", {"baselines": 1}, "is its 'fill'", {"fill": 1}),
        ("integrated_gradients", {"fill": 0.5}, "its 'baseline'", {"baseline": 0.5}),
        ("noise_tunnel", {"nt_type": "vargrad"}, "is its 'kind'", {"kind": "vargrad"}),
        ("noise_tunnel", {"stdevs": 0.1}, "is its 'noise'", {"noise": 0.1}),
        ("noise_tunnel", {"method": "captum.lrp"},
         r"\{probe: captum.lrp\}", {"method": {"probe": "captum.lrp"}}),
        ("noise_tunnel", {"method": 5},
         r"\{probe: captum.saliency\}", {"method": {"probe": "captum.saliency"}}),
    ],
)  # fmt: skip
def test_a_slip_is_told_with_what_to_write(probe, given, message, cure):
    with pytest.raises(PluginError, match=message):
        interpret.load_probe(f"captum.{probe}", **given)
    assert interpret.load_probe(f"captum.{probe}", **cure)


@pytest.mark.parametrize("name", ["captum.smoothgrad", "smoothgrad", "vargrad", "captum.smoothgrad_sq"])
def test_smoothgrad_is_the_noise_tunnel(name):
    kind = name.removeprefix("captum.")
    said = f"There is no probe '{name}'. It is captum.noise_tunnel .* kind: {kind}"
    with pytest.raises(UnknownNameError, match=said):
        interpret.load_probe(name)
    assert interpret.load_probe("captum.noise_tunnel", kind=kind, method={"probe": "captum.saliency"})


def test_pipelines_and_probes_inside_others_say_the_same(tmp_path):
    path = tmp_path / "pipeline.yaml"
    path.write_text(
        "version: 1\nmodels: {net: {name: zfnet}}\ndatasets: {val: {name: scenes}}\nsteps:\n"
        "  one: {probe: captum.occlusion, baseline: 0.5}\n"
        "  two: {probe: compare, probes: [{probe: captum.smoothgrad}]}\n"
        "  three: {probe: compare, probes: [{probe: captum.occlusion, baseline: 0.5}]}\n"
        "  four: {probe: captum.noise_tunnel, method: captum.lrp}\n"
    )
    with pytest.raises(PipelineError) as caught:
        read_pipeline(path, registry())
    one, two, three, four = (problem.message for problem in caught.value.problems)
    assert "is its 'fill'" in one
    assert "it is captum.noise_tunnel over another probe" in two
    assert "is its 'fill'" in three
    assert "{probe: captum.lrp}" in four


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.relu, self.second = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        x = F.silu(self.second(self.relu(self.first(x))))
        return self.head(F.relu(x).mean((2, 3)))


NETWORK = interpret.wrap(Functional().eval(), input_size=12)
IMAGES = as_images([torch.randn(3, 12, 12, generator=torch.Generator().manual_seed(i)) for i in range(2)])


@pytest.mark.parametrize(
    ("probe", "given", "note"),
    [
        ("deconvolution", {}, "the plain gradient of 1 x relu, 1 x silu, which are no nn.ReLU"),
        ("guided_backprop", {"layer": "second"}, "plain gradient of 1 x relu, 1 x silu"),
        ("guided_grad_cam", {}, "plain gradient of 1 x relu, 1 x silu"),
        ("deep_lift", {}, "plain gradient of 1 x relu, 1 x silu, for which it has no rule."),
        ("layer_lrp", {}, "Relevance is not kept at 1 x mean, 1 x silu"),
        ("noise_tunnel", {"method": {"probe": "captum.deconvolution"}, "samples": 2}, "1 x relu, 1 x silu"),
    ],
)  # fmt: skip
def test_results_say_where_captum_has_no_rule(probe, given, note):
    target = {} if "layer" in given else {"target": 0}
    found = interpret.load_probe(f"captum.{probe}", **target, **given).run(NETWORK, IMAGES)
    assert note in found.note
    assert interpret.load_probe("captum.saliency", target=0).run(NETWORK, IMAGES).note == ""


def test_projections_of_neurons_say_it_of_what_is_below_them():
    layers = ["first", "second", "head"]
    found = NeuronDeconvolution().run(NETWORK, IMAGES, mine(NETWORK, IMAGES, layers, k=1))
    assert found.nonlinearities == {"first": {}, "second": {}, "head": {"gradient": ("relu x 1", "silu x 1")}}
