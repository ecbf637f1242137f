"""The page of an overlap: pairs beside each other, and the list."""

import re
from dataclasses import replace

import numpy as np
import torch
from hand_context import context_of, pixels_of
from squares import Squares

from interpret_datasets import Overlap
from interpret_datasets.pages import OverlapPage
from interpret_datasets.pages.overlap import MOST


def overlap(count: int, shown: int = 2, **more) -> Overlap:
    """Pair i is of the pictures i and i + 1 and correlates by 0.999 and less."""
    tones = torch.arange(2 * shown, dtype=torch.uint8).mul(20).reshape(shown, 2, 1, 1, 1)
    return Overlap(
        torch.arange(count), torch.arange(count) + 1, torch.linspace(0.999, 0.951, count),
        torch.zeros(count, dtype=torch.bool), tuple((f"a-{i}", f"b-{i}") for i in range(count)),
        (100, 200), 0.95, 16, tones.expand(shown, 2, 16, 16, 3).clone(), **more,
    )  # fmt: skip


def composed(result, context):
    (sheet,) = OverlapPage().compose(result, context)
    return sheet


def test_pairs_stand_beside_each_other_with_their_names(tmp_path):
    context = context_of(tmp_path, Squares(), "shared")
    sheet = composed(overlap(3), context)
    assert sheet.summary.startswith("3 pairs of 100 and 200 photographs")
    pictures = re.findall(r'<img src="([^"]*)"[^>]*alt="Photograph ([^"]*)"', sheet.body)
    assert [name for _, name in pictures] == ["a-0", "b-0", "a-1", "b-1"]
    for place, (url, _) in enumerate(pictures):
        assert np.allclose(pixels_of(context, url), 20 * place, atol=3)
    assert "0.999 · a-0 · b-0" in sheet.body
    assert "mirrored" not in sheet.body


def test_mirrored_pairs_are_told(tmp_path):
    result = replace(overlap(3), mirrored=torch.tensor([False, True, False]))
    sheet = composed(result, context_of(tmp_path, Squares(), "shared"))
    assert sheet.body.count("mirrored") == 3  # below the pictures, in the head, in one row


def test_without_pairs_the_page_says_so(tmp_path):
    sheet = composed(overlap(0, 0), context_of(tmp_path, Squares(), "shared"))
    assert "correlates with one of the other by 0.95 or more" in sheet.body
    assert sheet.cover == ""


def test_a_long_list_is_cut_and_says_so(tmp_path):
    sheet = composed(overlap(MOST + 1234, 1), context_of(tmp_path, Squares(), "shared"))
    assert sheet.body.count("<tr>") == MOST + 1
    assert "1,234 pairs that are less alike are not listed" in sheet.body


def test_names_of_strangers_stay_text_and_skipped_pictures_are_told(tmp_path):
    result = overlap(1, 1, skipped=(("<i>torn", "broken"),))
    result = replace(result, ids=(("<script>", '"><i>'),))
    sheet = composed(result, context_of(tmp_path, Squares(), "shared"))
    assert not re.search(r"<(script|i)>", sheet.body)
    assert "torn" in sheet.body
