"""docs/examples/correspondence-dogs.yaml on real dogs, with the ImageNet weights of SqueezeNet 1.1."""

from pathlib import Path

import pytest
import torch
import yaml

from interpret.run import run_pipeline

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
EXAMPLE = ROOT / "docs" / "examples" / "correspondence-dogs.yaml"

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not DATA.exists(), reason="the photographs and weights are not beside the repository"),
]


def run(folder, **steps):
    """Steps of the example with what is given instead, and the data beside the repository."""
    pipeline = yaml.safe_load(EXAMPLE.read_text())
    pipeline["models"]["net"]["weights"] = str(DATA / "weights" / "squeezenet1_1-imagenet.safetensors")
    for dataset in pipeline["datasets"].values():
        dataset["path"] = str(DATA / "animal-pose")
    pipeline["steps"] = {name: pipeline["steps"][name] | given for name, given in steps.items()}
    path = folder / "dogs.yaml"
    path.write_text(yaml.safe_dump(pipeline, sort_keys=False))
    return run_pipeline(path, folder / "run")


def test_some_faces_and_photographs(tmp_path):
    some, few = list(range(0, 90, 15)), [0, 15, 30]
    less = {"random": 3, "permutations": 50}
    found = run(tmp_path, faces={"images": some, **less}, photographs={"images": few, **less})
    faces, photographs = found["faces"], found["photographs"]
    assert faces.counts == [6, 6, 6, 6]
    assert min(photographs.counts) >= 2
    mean = faces.mean("features.8", "ignore")
    assert (mean[:3] < mean[3] - 0.05).all()
    assert (tmp_path / "run" / "faces" / "masked.png").is_file()


@pytest.mark.slow
def test_the_numbers_of_the_page(tmp_path):
    """The first rows of two tables of docs/results/correspondence.md."""
    found = run(tmp_path, faces={})["faces"]
    published = {
        ("features.8", "ignore"): [0.391, 0.386, 0.417, 0.476],
        ("features.12", "ignore"): [0.347, 0.358, 0.383, 0.478],
        ("features.8", "agree"): [0.113, 0.111, 0.126, 0.184],
    }
    for (layer, zeros), means in published.items():
        torch.testing.assert_close(
            found.mean(layer, zeros), torch.tensor(means, dtype=torch.float64), rtol=0, atol=6e-4
        )
