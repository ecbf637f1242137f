"""Mutated pictures, weights, annotations and names: read, or refused as the user's mistake."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save
from torch import nn

from interpret.images import InputSpec
from interpret.weights import load_into, read_weights
from interpret_datasets import AnimalPose, Voc2012
from interpret_zoo.image_model import read_categories, read_stated

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "datasets"))
from fuzzing import MANY, SAMPLE, edited, edited_json, read_or_refused
from labelled_fixtures import VOC, animal_labels, make_animals, make_voc


class Target(NamedTuple):
    """A kind of file: what hostile ones look like, and how one that lies in an empty folder is read."""

    files: st.SearchStrategy[bytes]
    read: Callable[[bytes, Path], object]


def encoded(mode: str, kind: str, **options: Any) -> bytes:
    """A small picture as a file."""
    file = io.BytesIO()
    pixels = Image.linear_gradient("L").resize((9, 7)).convert("RGB").convert(mode if mode != "I;16" else "L")
    picture = Image.new("I;16", (9, 7), 40_000) if mode == "I;16" else pixels
    picture.save(file, kind, **options)
    return file.getvalue()


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


PICTURES = [
    *(
        encoded("RGB", "PNG"),
        encoded("I;16", "PNG"),
        encoded("P", "PNG", transparency=0),
        encoded("LA", "PNG"),
    ),
    *(
        encoded("RGB", "JPEG", exif=exif(6)),
        encoded("CMYK", "JPEG"),
        encoded("L", "BMP"),
        encoded("P", "GIF"),
    ),
    *(encoded("I;16", "TIFF"), encoded("F", "TIFF"), encoded("RGB", "WEBP"), encoded("RGB", "PPM")),
]


def read_picture(data: bytes, folder: Path) -> None:
    (folder / "x.png").write_bytes(data)
    x = InputSpec((8, 8)).preprocess(folder / "x.png")
    assert x.isfinite().all()


@cache
def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2), nn.ReLU())


def torch_file(content: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


WEIGHTS = [
    save(net().state_dict(), {"input_size": "8,8", "mean": "0,0,0", "categories": '["a", "b"]'}),
    torch_file({"state_dict": net().state_dict(), "epoch": 3}),
    torch_file(net().state_dict(), _use_new_zipfile_serialization=False),
]


def read_weight_file(data: bytes, folder: Path) -> None:
    (folder / "x.pth").write_bytes(data)
    before = {name: tensor.clone() for name, tensor in net().state_dict().items()}
    try:
        read_stated(folder / "x.pth")
        load_into(net(), read_weights(folder / "x.pth"))
    finally:
        net().load_state_dict(before)


def read_voc(data: bytes, folder: Path) -> None:
    make_voc(folder)
    next(folder.rglob(f"{next(iter(VOC))}.xml")).write_bytes(data)
    list(Voc2012(path=folder, split="trainval").open())


@cache
def voc_annotation() -> bytes:
    with TemporaryDirectory() as folder:
        return next(make_voc(Path(folder)).rglob(f"{next(iter(VOC))}.xml")).read_bytes()


def read_animals(data: bytes, folder: Path) -> None:
    make_animals(folder)
    (folder / "keypoints.json").write_bytes(data)
    list(AnimalPose(path=folder).open())


def read_names(data: bytes, folder: Path) -> None:
    for name in ("x.json", "x.txt"):
        (folder / name).write_bytes(data)
        read_categories(folder / name)


TARGETS = {
    "picture": Target(st.sampled_from(PICTURES).flatmap(edited), read_picture),
    "weights": Target(st.sampled_from(WEIGHTS).flatmap(edited), read_weight_file),
    "VOC annotation": Target(st.deferred(lambda: edited(voc_annotation())), read_voc),
    "Animal-Pose bytes": Target(edited(json.dumps(animal_labels()).encode()), read_animals),
    "Animal-Pose values": Target(edited_json(animal_labels()), read_animals),
    "categories": Target(edited(b'{"0": "tench", "1": ["n01", "shark"]}'), read_names),
}


def fuzz(target: Target, folder: Path, trials: settings) -> None:
    """Read hostile files, each from a folder of its own."""
    numbers = count()

    @trials
    @given(target.files)
    def trial(data: bytes) -> None:
        place = folder / str(next(numbers))
        place.mkdir()
        read_or_refused(lambda: target.read(data, place))

    trial()


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", TARGETS)
def test_hostile_files_are_read_or_refused(name, tmp_path):
    fuzz(TARGETS[name], tmp_path, settings(SAMPLE, max_examples=25))


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", TARGETS)
def test_many_hostile_files_are_read_or_refused(name, tmp_path):
    fuzz(TARGETS[name], tmp_path, settings(MANY, max_examples=1500))
