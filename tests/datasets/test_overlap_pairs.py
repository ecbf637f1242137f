"""Near-duplicates side by side: what the page and the list show."""

from __future__ import annotations

import csv
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
import torch
from PIL import Image

import interpret
from interpret.testing import check_renderer, small_images
from interpret_datasets import overlaps
from interpret_datasets.overlap import PICTURES
from interpret_datasets.renderers.overlap_pairs import OverlapPairs, comma_separated, details


@pytest.fixture(scope="module")
def found():
    scenes = interpret.load_dataset("scenes", limit=40)
    return overlaps(scenes.subset(range(30)), scenes)


def test_the_contract(found):
    check_renderer(OverlapPairs(), replace(found, pictures=found.pictures[:4]), small_images(3))


def test_the_list_has_every_pair_with_its_places(found):
    rows = list(csv.DictReader(StringIO(comma_separated(found))))
    assert len(rows) == 30
    first = rows[0]
    assert (first["image"], first["id"]) == (first["other"], first["other_id"])
    assert {row["correlation"] for row in rows} == {"1.000000"}
    assert {row["mirrored"] for row in rows} == {"False"}


def test_the_page_shows_the_most_alike_and_says_how_many_there_are(found, tmp_path):
    assert len(found.pictures) == PICTURES
    assert "30 pairs of 30 and 40 photographs" in details(found)
    assert f"the {PICTURES} most alike are shown" in details(found)
    few = replace(found, pictures=found.pictures[:8])
    files = OverlapPairs(columns=4).render(few, small_images(3), tmp_path)
    assert [file.name for file in files] == ["overlap.csv", "overlap.png"]
    seen = np.asarray(Image.open(tmp_path / "overlap.png").convert("RGB"))
    assert (seen.reshape(-1, 3) != 255).any(1).mean() > 0.5


def test_without_pairs_there_is_a_list_alone(tmp_path):
    scenes = interpret.load_dataset("scenes", limit=4)
    nothing = overlaps(scenes.subset([0, 1]), scenes.subset([2, 3]))
    assert nothing.pictures.shape[0] == 0
    assert [file.name for file in OverlapPairs().render(nothing, scenes, tmp_path)] == ["overlap.csv"]


def test_pictures_of_tensors_and_of_one_tone_are_drawn(tmp_path):
    scene = interpret.load_dataset("scenes", limit=1)[0].image
    network = interpret.load_model("zfnet", weights="scenes")
    x = network.preprocess(scene)
    same = overlaps([x], [x])
    assert torch.equal(same.pictures[0, 0], same.pictures[0, 1])
    assert same.pictures.max() == 255
    assert len(OverlapPairs().render(same, small_images(1), tmp_path)) == 2
