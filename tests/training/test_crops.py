"""Views of images against cases computed by hand."""

import pytest
import torch

from interpret_training.crops import Views, center, cut, draw_views, ten_views
from interpret_training.rng import generator, seed_for, seed_global


def test_the_ten_fixed_crops_of_a_4x4_image():
    image = torch.arange(16).reshape(1, 1, 4, 4)
    views = ten_views((4, 4), (2, 2))
    found = cut(image.expand(10, 1, 4, 4), views, (2, 2))[:, 0].tolist()
    expected = [
        [[0, 1], [4, 5]],
        [[2, 3], [6, 7]],
        [[8, 9], [12, 13]],
        [[10, 11], [14, 15]],
        [[5, 6], [9, 10]],
        [[1, 0], [5, 4]],
        [[3, 2], [7, 6]],
        [[9, 8], [13, 12]],
        [[11, 10], [15, 14]],
        [[6, 5], [10, 9]],
    ]
    assert found == expected


def test_the_paper_crops_224_of_256():
    views = ten_views((256, 256), (224, 224))
    assert views.top.tolist() == [0, 0, 32, 32, 16] * 2
    assert views.left.tolist() == [0, 32, 0, 32, 16] * 2
    assert views.flip.tolist() == [False] * 5 + [True] * 5


def test_random_crops_reach_every_place_equally_and_half_are_mirrored():
    views = draw_views(9000, (5, 7), (3, 5), generator("crops"))
    places = torch.bincount(views.top * 3 + views.left, minlength=9)
    assert places.min() > 900
    assert places.max() < 1100
    assert 0.47 < float(views.flip.float().mean()) < 0.53


def test_crops_can_be_fixed_or_central_and_unmirrored():
    fixed = draw_views(500, (8, 8), (6, 6), generator("ten"), crops="ten", flips=False)
    seen = {(int(t), int(x), bool(f)) for t, x, f in zip(*fixed, strict=True)}
    assert seen == {(int(t), int(x), bool(f)) for t, x, f in zip(*ten_views((8, 8), (6, 6)), strict=True)}
    middle = draw_views(20, (9, 8), (6, 6), generator("centre"), crops="center", flips=False)
    assert set(middle.top.tolist()) == {2}
    assert set(middle.left.tolist()) == {1}
    assert not middle.flip.any()


def test_an_image_that_is_no_larger_has_one_place():
    views = draw_views(10, (4, 4), (4, 4), generator("same"))
    assert not views.top.any()
    assert not views.left.any()


@pytest.mark.parametrize("whole", [(20, 20), (21, 20), (24, 17)])
def test_a_cut_is_the_slice_it_says(whole):
    images = torch.randn(6, 3, *whole)
    views = draw_views(6, whole, (16, 16), generator("cut"))
    found = cut(images, views, (16, 16))
    for image, top, left, flip, view in zip(images, *views, found, strict=True):
        part = image[:, top : top + 16, left : left + 16]
        assert torch.equal(view, part.flip(2) if flip else part)


def test_rows_are_the_views_of_some_images():
    views = Views(torch.arange(4), torch.arange(4) + 10, torch.tensor([True, False] * 2))
    assert [part.tolist() for part in views.rows(slice(1, 3))] == [[1, 2], [11, 12], [False, True]]


def test_the_centre_is_rounded_as_preprocessing_rounds():
    assert center((256, 256), (224, 224)) == (16, 16)
    assert center((73, 74), (64, 64)) == (round(4.5), 5)


def test_what_modules_draw_from_is_seeded_as_pytorch_does_it():
    torch.manual_seed(seed_for(3, "step", 7))
    expected = torch.rand(5)
    seed_global(torch.device("cpu"), 3, "step", 7)
    assert torch.equal(torch.rand(5), expected)
