"""Photographs that several steps show, beside each other: each leads to its page in its step."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from hand_context import context_of
from occlusion_fixtures import maps_of, occlusions
from PIL import Image
from squares import SPEC, Squares
from test_attributions_page import attributions

from interpret_gallery import Glance, photographs_beside
from interpret_gallery.attributions import AttributionsPage
from interpret_gallery.beside import MOST
from interpret_occlusion.pages import OcclusionPage

CHANCES = [[0.9, 0.05], [0.7, 0.6]]


def links(sheet):
    """Where the thumbnails lead, and their pictures, as files below the folder of such pages."""
    return re.findall(r'<a href="([^"]*)"><img src="([^"]*)"', sheet.body)


def test_photographs_of_two_sweeps_stand_beside_each_other(tmp_path):
    maps = maps_of(CHANCES, starts=((0, 8), (0, 8)))
    first, second = occlusions(maps, maps, spec=SPEC), occlusions(maps, spec=SPEC)
    (tmp_path / "compare").mkdir()
    contexts = context_of(tmp_path, Squares(), "one"), context_of(tmp_path, Squares(), "other")
    (sheet,) = OcclusionPage().compare(list(zip((first, second), contexts, strict=True)))
    assert sheet.summary == "one, other"
    found = links(sheet)
    assert [url for url, _ in found] == ["../steps/one/photograph-1.html", "../steps/other/index.html"]
    for _, picture in found:
        assert np.asarray(Image.open(tmp_path / "compare" / picture)).ndim == 3
    assert sheet.body.count("0.90 → 0.05") == 2
    assert "square-2" not in sheet.body  # only one of them covered it


def test_attributions_by_two_methods_stand_beside_each_other(tmp_path):
    results = attributions(4, 2), replace(attributions(2, 4), method="<i>")
    contexts = [context_of(tmp_path, Squares(), name) for name in ("a", "b")]
    (sheet,) = AttributionsPage().compare(list(zip(results, contexts, strict=True)))
    assert [url for url, _ in links(sheet)] == [
        "../steps/a/photograph-1.html", "../steps/b/photograph-2.html",
        "../steps/a/photograph-2.html", "../steps/b/photograph-1.html",
    ]  # fmt: skip
    assert "<i>" not in sheet.body


def test_without_a_photograph_in_common_there_is_no_page(tmp_path):
    contexts = [context_of(tmp_path, Squares(), name) for name in ("a", "b")]
    pairs = list(zip((attributions(4), attributions(2)), contexts, strict=True))
    assert list(AttributionsPage().compare(pairs)) == []


def test_the_same_photograph_twice_in_one_step_is_nothing_in_common(tmp_path):
    context = context_of(tmp_path, Squares(), "a")
    twice = replace(attributions(4, 2), image=torch.tensor([4, 4]))
    assert list(AttributionsPage().compare([(twice, context)])) == []


@pytest.mark.parametrize("more", [0, 3])
def test_a_page_holds_so_many_photographs_and_says_how_many_are_left(tmp_path, more):
    contexts = [context_of(tmp_path, Squares(), name) for name in ("a", "b")]
    found = [
        Glance(context, f"p{i}", f"photograph-{i}", lambda: np.zeros((2, 2, 3), np.uint8), "", "")
        for context in contexts
        for i in range(MOST + more)
    ]
    (sheet,) = photographs_beside("Beside", contexts, found)
    assert sheet.body.count("<h2>") == MOST
    assert ("3 more photographs" in sheet.body) == bool(more)
