"""docs/examples/photos.yaml on real photographs: three networks with their ImageNet weights."""

from pathlib import Path

import pytest
import yaml

from interpret.run import run_pipeline

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
EXAMPLE = ROOT / "docs" / "examples" / "photos.yaml"
WEIGHTS = SHARED / "data" / "weights"

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(
        not WEIGHTS.exists(), reason="the photographs and weights are not beside the repository"
    ),
]

SQUEEZENET = ["features.0", "features.3", "features.6", "features.9", "features.12"]
NETWORKS = {
    "squeezenet1_0": (
        {"name": "torchvision", "arch": "squeezenet1_0"},
        ["features.0", "features.3", "features.7", "features.10", "features.12"],
    ),
    "squeezenet1_1": ({"name": "torchvision", "arch": "squeezenet1_1"}, SQUEEZENET),
    "googlenet": (
        {
            "name": "module",
            "target": "bvlc_googlenet:GoogLeNet",
            "input_size": 224,
            "mean": [123 / 255, 117 / 255, 104 / 255],
            "std": [1 / 255] * 3,
        },
        ["conv1", "conv2", "inception_3b", "inception_4c", "inception_5a"],
    ),
}


def write_pipeline(name, folder, photographs=None, units=12):
    """The example with another network, the photographs beside the repository, and fewer of them."""
    model, layers = NETWORKS[name]
    pipeline = yaml.safe_load(EXAMPLE.read_text())
    pipeline["models"]["net"] = model | {"weights": str(WEIGHTS / f"{name}-imagenet.safetensors")}
    pipeline["datasets"]["photos"]["path"] = str(SHARED / "data" / "imagenet-sample")
    pipeline["steps"]["strongest"]["layers"] = layers
    pipeline["steps"]["features"]["units"] = units
    if photographs:
        pipeline["datasets"]["photos"]["limit"] = photographs
    path = folder / "photos.yaml"
    path.write_text(yaml.safe_dump(pipeline, sort_keys=False))
    return path, layers


def check_run(name, folder, monkeypatch, **less):
    monkeypatch.syspath_prepend(SHARED / "reference")
    path, layers = write_pipeline(name, folder, **less)
    run = run_pipeline(path, folder / "run")
    projections = run["features"]
    assert list(run["strongest"].layers) == layers
    for layer in layers:
        found = projections[layer]
        magnitude = found.patches.float().flatten(1).abs().amax(1) * found.scale
        assert bool((magnitude > 0).all())
        assert bool(magnitude.isfinite().all())
        assert list((folder / "run" / "features").glob(f"{layer}-*.png"))


@pytest.mark.parametrize("name", ["squeezenet1_1", pytest.param("googlenet", marks=pytest.mark.slow)])
def test_a_few_photographs(name, tmp_path, monkeypatch):
    check_run(name, tmp_path, monkeypatch, photographs=9, units=1)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_all_photographs(name, tmp_path, monkeypatch):
    check_run(name, tmp_path, monkeypatch)
