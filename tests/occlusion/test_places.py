"""Cells of a map around their occluders' centres, against the definition point by point."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from interpret_figures.display import OUTSIDE
from interpret_occlusion import Sweep
from interpret_occlusion.occluder import places
from interpret_occlusion.renderers.places import cell_edges, cells_at, occluder_box, spread
from interpret_occlusion.renderers.text import shown


def nearest(starts, window, extent, point):
    """The cell of one point: the nearest centre, unless it is further than half the way to its neighbour."""
    centres = [start + window / 2 for start in starts]
    if len(centres) == 1:
        return 0 if starts[0] <= point < starts[0] + window else -1
    cell = min(range(len(centres)), key=lambda i: abs(point - centres[i]))
    neighbour = centres[1] if cell == 0 else centres[-2] if cell == len(centres) - 1 else None
    if neighbour is not None and abs(point - centres[cell]) > abs(neighbour - centres[cell]) / 2:
        return -1
    return cell


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 25), st.sampled_from([1, 3]))
def test_every_pixel_belongs_to_the_nearest_centre(extent, window, stride, factor):
    window = min(window, extent)
    starts = list(places(extent, window, stride).starts)
    found = cells_at(cell_edges(np.array(starts), window, extent), extent, extent * factor)
    for pixel, cell in enumerate(found.tolist()):
        point = (pixel + 0.5) / factor
        expected = nearest(starts, window, extent, point)
        if cell != expected:  # on the border of two cells either is right
            sides = {nearest(starts, window, extent, point + step) for step in (-1e-6, 1e-6)}
            assert cell in sides
    for place, start in enumerate(starts):
        fine = cells_at(cell_edges(np.array(starts), window, extent), extent, extent * 16)
        assert fine[round((start + window / 2) * 16) - 1] == place


def test_a_single_place_is_as_large_as_its_occluder():
    assert cell_edges(np.array([0]), 9, 9).tolist() == [0, 9]


def test_a_stride_of_the_window_fills_the_image():
    assert cell_edges(np.array([0, 4, 8]), 4, 12).tolist() == [0, 4, 8, 12]


@pytest.fixture
def maps():
    zeros = torch.zeros(2, 3, 2)
    return Sweep(zeros, torch.zeros(2), 0, torch.tensor([0, 4]), torch.tensor([0, 6, 7]), (4, 5), (8, 12), 3)


def test_colours_are_spread_and_the_rest_is_pale(maps):
    cells = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    picture = spread(cells, maps, (16, 24))
    # rows: centres 2 and 6; columns: centres 2.5, 8.5, 9.5; cells end at 5.5 and 9, the last one at 10
    assert (picture[:8, 0:11] == cells[0, 0]).all()
    assert (picture[8:, 11:18] == cells[1, 1]).all()
    assert (picture[:8, 18:20] == cells[0, 2]).all()
    assert (picture[:, 20:] == OUTSIDE).all()


def test_the_box_of_an_occluder(maps):
    assert occluder_box(maps, (1, 2), (16, 24)) == (slice(8, 16), slice(14, 24))


@pytest.mark.parametrize(
    ("fill", "words"),
    [
        (0.25, "grey 0.25"),
        ((0.1, 0.5, 1.0), "colour (0.1, 0.5, 1.0)"),
        ("mean", "the image's mean colour"),
        ("blur", "a blur"),
        ("noise", "noise"),
    ],
)
def test_what_an_occluder_shows_in_words(fill, words):
    assert shown(fill) == words
