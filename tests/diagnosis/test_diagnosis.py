"""The whole diagnosis: healthy, untrained and deliberately broken networks, and every kind of network."""

from functools import cache

import pytest
import torch
from torch import nn

import interpret
from interpret.errors import UnknownNameError
from interpret.plugin import probe_inputs
from interpret.testing import check_probe, small_images, small_network
from interpret_diagnosis import Diagnose, Diagnosis, Thresholds, diagnose


@cache
def scenes():
    """100 pictures that are drawn once."""
    return [sample.image for sample in interpret.load_dataset("scenes", split="val", limit=100)]


@cache
def original():
    return interpret.load_model("zfnet", weights="scenes")


def trained():
    """A copy to break; all share what was traced."""
    return original().copy()


def names(found):
    return {finding.name for finding in found.findings}


def only(found, name):
    finding = [item for item in found.findings if item.name == name]
    assert len(finding) == 1, found.findings
    return finding[0]


def quick(network, images=None, **options):
    return diagnose(network, images or scenes(), **{"mined": 10, "moved": 1, "units": 4, **options})


@pytest.fixture(scope="module")
def healthy():
    return quick(trained(), mined=40, moved=8, units=32)


def test_a_healthy_network_has_next_to_nothing(healthy):
    assert names(healthy) <= {"dead units", "nearly dead units"}
    for finding in healthy.findings:
        assert len(finding.units) <= 0.05 * len(healthy.activity[finding.layer].images)
    assert healthy.label == "7 \N{MULTIPLICATION SIGN} 7 / 2"
    assert healthy.aliasing.layer == "layer2"
    assert healthy.aliasing.excess < 0.01
    assert (
        healthy.shifts["layer4"].reason == "A neuron sees 107 of 96 pixels: none stays clear of the borders."
    )
    assert (healthy.count, healthy.tried) == (100, (8, 40))


def test_an_untrained_network_is_caught():
    found = quick(interpret.load_model("zfnet", input_size=96, width=0.25, categories=4), layers=["layer1"])
    finding = only(found, "filters look like noise")
    assert finding.layer == "layer1.conv"
    assert finding.value == pytest.approx(1, abs=0.1)
    assert finding.threshold == Thresholds().noise
    assert "white noise of 7 x 7 pixels" in finding.evidence


def test_a_filter_that_dominates_is_named():
    network = trained()
    with torch.no_grad():
        network.module.layer1.conv.weight[3] *= 100
    finding = only(quick(network, layers=["layer1"]), "dominant filter")
    assert finding.units == (3,)
    assert finding.layer == "layer1.conv"
    assert finding.value > 50
    assert "1 of 32 filters" in finding.evidence
    assert "RMS" in finding.helps


def test_a_filter_that_is_as_good_as_missing_is_named():
    network = trained()
    with torch.no_grad():
        network.module.layer1.conv.weight[[5, 9]] *= 0.001
    assert set(only(quick(network, layers=["layer1"]), "faint filters").units) == {5, 9}


def signed_network():
    """Unit 1 of every layer is below zero: of a GELU, a layer norm, and what a ReLU follows."""
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.GELU(), nn.LayerNorm(30), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3)
    ).eval()
    with torch.no_grad():
        for conv in (module[0], module[3], module[5]):
            conv.weight[1], conv.bias[1] = 0.0, -1.0
        module[2].bias -= 100.0
    return interpret.wrap(module, input_size=32)


def test_units_of_layers_without_a_relu_are_not_called_dead():
    layers = list("012345")
    found = quick(signed_network(), scenes()[:5], layers=layers)
    assert [found.activity[layer].signed for layer in layers] == [True, True, True, False, False, True]
    said = {(item.name, item.layer) for item in found.findings if item.name.endswith("units")}
    assert said == {("never positive units", "1"), ("dead units", "3"), ("dead units", "4")}
    evidence = only(found, "never positive units").evidence
    assert evidence == "1 of 4 units are above zero in none of 5 images: 1."


def test_units_set_to_zero_are_dead_and_named():
    network = trained()
    with torch.no_grad():
        network.module.layer3.conv.weight[::2] = 0
        network.module.layer3.conv.bias[::2] = 0
    finding = only(quick(network, layers=["layer3"]), "dead units")
    assert finding.units == tuple(range(0, 96, 2))
    assert finding.value == 0.5
    assert "48 of 96 units are active in none of 100 images: 0, 2, 4, 6, 8 and 43 more." in finding.evidence


def test_a_layer_without_a_living_unit_passes_nothing():
    network = trained()
    with torch.no_grad():
        network.module.layer3.conv.weight.zero_()
        network.module.layer3.conv.bias.fill_(-1)
    finding = only(quick(network, layers=["layer3"]), "dead units")
    assert finding.value == 1
    assert finding.evidence.startswith("All 96 units are active in none of 100 images: nothing passes")


def test_a_copied_filter_is_a_duplicate():
    network = trained()
    with torch.no_grad():
        network.module.layer1.conv.weight[7] = 0.5 * network.module.layer1.conv.weight[20]
    finding = only(quick(network, layers=["layer1"]), "near-duplicate filters")
    assert finding.units == (7, 20)


def test_filters_of_low_and_high_frequencies_only():
    network = trained()
    y, x = torch.meshgrid(torch.arange(7), torch.arange(7), indexing="ij")
    fine, flat = ((y + x) % 2 * 2 - 1).float(), torch.ones(7, 7)
    with torch.no_grad():
        network.module.layer1.conv.weight[::2], network.module.layer1.conv.weight[1::2] = fine, flat
    found = quick(network, layers=["layer1"])
    assert only(found, "little mid-frequency").value < 0.2


def test_a_layer_that_does_not_move_along():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = nn.Sequential(nn.Conv2d(3, 8, 2, stride=8), nn.ReLU())
    images = [torch.randn(3, 64, 64, generator=torch.Generator().manual_seed(seed)) for seed in range(6)]
    network = interpret.wrap(module.eval(), input_size=64)
    assert only(diagnose(network, images), "not equivariant to shifts").value > 0.9


def test_a_grid_in_the_second_layer():
    """Equal taps of one pixel, 4 pixels apart, so that every projection is a grid."""
    first, second = nn.Conv2d(1, 2, 1, stride=4), nn.Conv2d(2, 4, 9, padding=4)
    third = nn.Conv2d(4, 4, 3)
    for conv in (first, second, third):
        nn.init.constant_(conv.weight, 0.1)
        nn.init.zeros_(conv.bias)  # its own are random: all units may be dead
    images = [torch.rand(1, 64, 64, generator=torch.Generator().manual_seed(seed)) for seed in range(4)]
    module = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), third, nn.ReLU()).eval()
    found = diagnose(interpret.wrap(module, input_size=64, mean=[0], std=[1]), images)
    assert found.aliasing.layer == "5"
    assert only(found, "aliasing").value > 0.5


def test_thresholds_decide():
    strict = quick(trained(), thresholds=Thresholds(dominant=1.5, mid=0.9, noise=0.1, shift=0.1, aliasing=0))
    assert names(strict) >= {
        "dominant filter",
        "little mid-frequency",
        "filters look like noise",
        "not equivariant to shifts",
        "aliasing",
    }


def test_two_networks_stand_side_by_side():
    network, images = small_network(), small_images()
    first = Diagnose(label="before").run(network, images)
    both = Diagnose(label="after").run(network, images, other=first)
    assert [one.label for one in both.networks] == ["before", "after"]
    assert len(both) == 2
    assert both[0] is first[0]
    assert not probe_inputs(Diagnose)["other"].required


@pytest.mark.parametrize(
    "options", [{}, {"layers": ["conv1", "fc"], "projected": "conv2", "moved": 2, "mined": 3}]
)
def test_contract(options):
    check_probe(Diagnose(**options))


def test_contract_with_an_earlier_diagnosis():
    check_probe(Diagnose(), other=Diagnose().run(small_network(), small_images()))


def test_a_diagnosis_survives_saving(tmp_path, healthy):
    Diagnosis((healthy,)).save(tmp_path)
    loaded = interpret.load_result(tmp_path)
    assert loaded[0].findings == healthy.findings
    assert loaded[0].first.bands == healthy.first.bands
    assert torch.equal(loaded[0].aliasing.projections.patches, healthy.aliasing.projections.patches)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 7, 2, 3), nn.Conv2d(8, 8, 3, padding=1)
        self.relu, self.end = nn.ReLU(), nn.Linear(8, 3)

    def forward(self, x):
        x = self.relu(self.first(x))
        x = self.relu(x + self.second(x))
        return self.end(x.mean((2, 3)))


def stack(*layers):
    return lambda: nn.Sequential(*[layer() for layer in layers])


def conv(*sizes, **options):
    return lambda: nn.Conv2d(*sizes, **options)


KINDS = {
    "residual": (Residual, 3),
    "one channel": (stack(conv(1, 4, 5, 2), nn.ReLU, conv(4, 4, 3), nn.ReLU), 1),
    "four channels": (stack(conv(4, 4, 5, 2), nn.ReLU), 4),
    "first filters of one pixel": (stack(conv(3, 4, 1), nn.ReLU, conv(4, 2, 3)), 3),
    "no second convolution": (stack(conv(3, 4, 3, 2), nn.ReLU, nn.Flatten, lambda: nn.Linear(900, 2)), 3),
    "groups": (stack(conv(4, 8, 3, 2, groups=2), nn.ReLU), 4),
    "another nonlinearity": (stack(conv(3, 4, 7, 2), nn.GELU, conv(4, 4, 3), nn.GELU), 3),
    "no convolution": (stack(nn.Flatten, lambda: nn.Linear(3072, 4), nn.ReLU), 3),
    "one filter": (stack(conv(3, 1, 3), nn.ReLU), 3),
    "all zero": (lambda: zeroed(stack(conv(3, 4, 3, 2), nn.ReLU, conv(4, 4, 9), nn.ReLU)()), 3),
    "one position": (stack(conv(3, 4, 3, 2), nn.ReLU, lambda: nn.AdaptiveAvgPool2d(1), nn.ReLU), 3),
}


def zeroed(module):
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


@pytest.mark.parametrize("kind", KINDS)
def test_any_network_has_an_answer(kind):
    build, channels = KINDS[kind]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = build().eval()
    images = [torch.randn(channels, 32, 32, generator=torch.Generator().manual_seed(i)) for i in range(3)]
    network = interpret.wrap(module, input_size=32, mean=[0] * channels, std=[1] * channels)
    found = diagnose(network, images)
    assert found.layers
    assert all(one.error is not None or one.reason for one in found.shifts.values())
    assert found.aliasing is not None or found.notes["aliasing"]
    assert found.first is not None or "no nn.Conv2d" in found.notes["filters"]
    check_probe(Diagnose(), network, images)


def test_what_cannot_be_had_says_why():
    assert quick(small_network(), small_images()).notes == {
        "aliasing": "The first convolution has no stride that could alias."
    }
    one = interpret.wrap(nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU()), input_size=16)
    assert quick(one, small_images()).first.bands is None


def test_images_that_cannot_be_read_are_listed(tmp_path):
    small_images(1)[0].image.save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    images = [tmp_path / "good.png", tmp_path / "bad.png"]
    found = diagnose(small_network(), images, on_error="skip")
    assert found.count == 1
    assert [name.endswith("bad.png") for name, _ in found.skipped] == [True]


def test_unknown_layers_are_refused():
    with pytest.raises(UnknownNameError, match="conv1"):
        diagnose(small_network(), small_images(), ["conv"])
    with pytest.raises(UnknownNameError, match="conv1"):
        diagnose(small_network(), small_images(), projected="conv")
