"""Networks that ImageNet trained, on photographs: what our thresholds were chosen by."""

from pathlib import Path

import pytest

import interpret
from interpret_diagnosis import diagnose
from interpret_diagnosis.diagnosing import first_layer

DATA = Path(__file__).parents[3] / "shared" / "data"

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not DATA.exists(), reason="the photographs and weights are not beside the repository"),
]


def squeezenet(version):
    weights = str(DATA / "weights" / f"{version}-imagenet.safetensors")
    return interpret.load_model("torchvision", arch=version, weights=weights)


@pytest.mark.parametrize("version", ["squeezenet1_0", "squeezenet1_1"])
def test_trained_filters_pass(version):
    first = first_layer(squeezenet(version))
    assert first.noise < 0.4
    assert first.relative.min() > 0.3
    assert first.relative.max() < 2
    assert first.bands[1] > 0.35
    assert not len(first.duplicates.units)


@pytest.mark.slow
def test_a_trained_network_has_few_findings():
    images = interpret.load_dataset("folder", path=str(DATA / "imagenet-sample")).subset(range(0, 500, 8))
    found = diagnose(squeezenet("squeezenet1_1"), images, moved=4, mined=32, units=32)
    assert {finding.name for finding in found.findings} <= {"dead units"}
    assert sum(int(counted.dead.sum()) for counted in found.activity.values()) < 10
    assert max(one.error for one in found.shifts.values() if one.error is not None) < 0.5
    assert found.aliasing.layer == "features.3.expand3x3_activation"
