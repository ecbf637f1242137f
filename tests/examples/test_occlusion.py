"""docs/examples/occlusion.yaml as it stands, and on real photographs: covering a dog's face hides the dog."""

import shutil
from pathlib import Path

import pytest
import torch
import yaml

from interpret.run import run_pipeline

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
EXAMPLE = ROOT / "docs" / "examples" / "occlusion.yaml"
PHOTOGRAPHS = DATA / "imagenet-sample"

with_photographs = pytest.mark.skipif(
    not DATA.exists(), reason="the photographs and weights are not beside the repository"
)

FACES = {
    "151_n02085620_Chihuahua.jpg": (22, 153, 90, 214),
    "187_n02094433_Yorkshire_terrier.jpg": (55, 60, 140, 130),
    "229_n02105641_Old_English_sheepdog.jpg": (21, 10, 104, 70),
}
"""Where each dog's face is in the 227 x 227 pixels the network sees (top, left, bottom, right), by eye."""

DOGS = range(151, 269)
"""The dogs among ImageNet's classes."""


def test_the_example_as_it_stands(tmp_path):
    pipeline = yaml.safe_load(EXAMPLE.read_text())
    pipeline["datasets"]["val"]["limit"] = 40
    pipeline["steps"]["covered"] |= {"stride": 12, "images": [18, 38]}
    path = tmp_path / "occlusion.yaml"
    path.write_text(yaml.safe_dump(pipeline, sort_keys=False))
    found = run_pipeline(path, tmp_path / "run")["covered"]
    assert [found.categories[maps.target] for maps in found.maps] == ["cat", "face"]
    assert all(len(projections["layer5"].unit) > 1 for projections in found.features)
    files = sorted(file.name for file in (tmp_path / "run" / "covered").glob("*.png"))
    assert files == ["occlusion-1.png", "overlay-1.png"]


@pytest.mark.slow
def test_the_whole_example(tmp_path):
    found = run_pipeline(EXAMPLE, tmp_path)["covered"]
    assert all(bool(maps.probability.min() < 0.1 < maps.unoccluded.softmax(0).max()) for maps in found.maps)
    assert all(len(projections["layer5"].unit) == 4 for projections in found.features)


def run_on(folder, tmp_path, stride, faces=FACES):
    """The example with SqueezeNet 1.1 and the photographs in a folder; those with dogs are covered."""
    pipeline = yaml.safe_load(EXAMPLE.read_text())
    weights = str(DATA / "weights" / "squeezenet1_1-imagenet.safetensors")
    pipeline["models"]["net"] = {"name": "torchvision", "arch": "squeezenet1_1", "weights": weights}
    pipeline["datasets"]["val"] = {"name": "folder", "path": str(folder)}
    pipeline["steps"]["strongest"]["layers"] = ["features.12"]
    names = sorted(path.name for path in folder.glob("*.jpg"))
    images = [names.index(name) for name in faces]
    question = {"layers": ["features.12"], "window": 48, "stride": stride, "images": images}
    pipeline["steps"]["covered"] |= question
    path = tmp_path / "photographs.yaml"
    path.write_text(yaml.safe_dump(pipeline, sort_keys=False))
    return run_pipeline(path, tmp_path / "run")["covered"]


def on_face(maps, face):
    """Places whose occluder has its centre in the face, and places whose occluder touches none of it."""
    rows, columns = maps.rows[:, None].float(), maps.columns[None].float()
    (height, width), (top, left, bottom, right) = maps.window, face
    y, x = rows + height / 2, columns + width / 2
    inside = (top <= y) & (y < bottom) & (left <= x) & (x < right)
    apart = (rows + height <= top) | (rows >= bottom) | (columns + width <= left) | (columns >= right)
    return inside, apart


def check_dogs(found, tmp_path, faces=FACES):
    ids = [found.ids[str(place)] for place in found.image.tolist()]
    assert [Path(name).name for name in ids] == list(faces)
    for maps, face, name in zip(found.maps, faces.values(), ids, strict=True):
        inside, apart = on_face(maps, face)
        assert maps.target in DOGS
        assert maps.probability[apart].mean() > 0.7 * float(maps.unoccluded.softmax(0)[maps.target]), name
        assert maps.probability[inside].mean() < 0.7 * maps.probability[apart].mean(), name
        assert bool(inside.flatten()[maps.probability.argmin()]), name
        instead = set(maps.label[inside].tolist()) - {maps.target}
        assert instead, name
        assert maps.response["features.12"][inside].mean() < maps.response["features.12"][apart].mean(), name
    sheepdog = found.maps[-1]
    inside, _ = on_face(sheepdog, FACES["229_n02105641_Old_English_sheepdog.jpg"])
    assert found.categories[int(torch.mode(sheepdog.label[inside]).values)] == "fur coat"
    assert (tmp_path / "run" / "covered" / "occlusion-1.png").exists()


@pytest.mark.data
@with_photographs
def test_covering_a_dogs_face_hides_the_dog(tmp_path):
    folder = tmp_path / "photographs"
    folder.mkdir()
    for name in [*FACES, "161_n02088238_basset.jpg"]:
        shutil.copy(PHOTOGRAPHS / name, folder)
    two = {name: FACES[name] for name in (min(FACES), max(FACES))}
    found = run_on(folder, tmp_path, stride=16, faces=two)
    check_dogs(found, tmp_path, two)
    assert all(len(projections["features.12"].unit) > 1 for projections in found.features)


@pytest.mark.slow
@pytest.mark.data
@with_photographs
def test_dogs_among_all_photographs(tmp_path):
    found = run_on(PHOTOGRAPHS, tmp_path, stride=8)
    check_dogs(found, tmp_path)
    assert all(len(projections["features.12"].unit) == 4 for projections in found.features)
