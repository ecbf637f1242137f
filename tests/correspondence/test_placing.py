"""Where masks stand: parts through scaling and cropping, squares, random positions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from correspondence_fixtures import Given, noise, pixels, tensors
from PIL import Image

from interpret.errors import DatasetError, InterpretError, UnknownNameError
from interpret.images import InputSpec, Sample
from interpret_correspondence.masks import cover, square
from interpret_correspondence.parts import BEYOND, CROPPED, Position, find, positions, read
from interpret_correspondence.placing import Draws, corners, part_boxes


def photograph(width: int, height: int, x: int, y: int, side: int = 9) -> Image.Image:
    """A black picture with a white square around (x, y)."""
    canvas = np.zeros((height, width, 3), np.uint8)
    half = side // 2
    canvas[max(y - half, 0) : y + half + 1, max(x - half, 0) : x + half + 1] = 255
    return Image.fromarray(canvas)


@pytest.mark.parametrize("size", [(64, 64), (48, 80), (80, 48)])
@pytest.mark.parametrize("shape", [(200, 120), (120, 200), (150, 150), (61, 47), (400, 130)])
def test_a_marked_pixel_of_a_photograph_lies_in_the_middle_of_its_mask(size, shape) -> None:
    (width, height), spec = shape, InputSpec(size, (0.0,) * 3, (1.0,) * 3)
    marked = [(width // 2 + 3, height // 2 - 5), (width // 2 - 7, height // 2 + 6)]
    for x, y in marked:
        picture = photograph(width, height, x, y)
        (place,) = positions(spec, Sample("a", picture, parts={"nose": [(x, y)]}))["nose"]
        seen = spec.preprocess(picture).sum(0).double()
        rows, columns = torch.arange(size[0]).double(), torch.arange(size[1]).double()
        middle = (
            float((seen.sum(0) * columns).sum() / seen.sum()),
            float((seen.sum(1) * rows).sum() / seen.sum()),
        )
        assert (place.x, place.y) == pytest.approx(middle, abs=0.1)
        assert not place.problem
        covered = cover(seen[None], [square(place.x, place.y, (24, 24), size)], torch.zeros(1, *size))
        assert float(covered.sum()) < 1e-6 * float(seen.sum())


def test_positions_are_those_of_a_hand_computed_crop() -> None:
    spec = InputSpec((8, 8), (0.0,) * 3, (1.0,) * 3, resize=10)
    sample = Sample("a", Image.new("RGB", (40, 20)), parts={"p": [(19.5, 9.5), (0, 0), (40, 3), (12, 4)]})
    # 40 x 20 becomes 20 x 10, of which columns 6 to 13 and rows 1 to 8 are seen
    assert positions(spec, sample)["p"] == [
        Position(3.5, 3.5),
        Position(-6.25, -1.25, CROPPED),
        Position(40, 3, BEYOND),
        Position(12.5 / 2 - 0.5 - 6, 4.5 / 2 - 0.5 - 1),
    ]


def test_positions_follow_a_picture_that_is_turned_upright() -> None:
    picture = Image.new("RGB", (30, 20))
    picture.getexif()[274] = 6  # a quarter turn: 20 wide, 30 high; (15, 9) of the file becomes (10, 15)
    spec = InputSpec((20, 20), (0.0,) * 3, (1.0,) * 3, resize=20)
    assert positions(spec, Sample("a", picture, parts={"p": [(15, 9)]}))["p"] == [Position(10, 10)]


def test_positions_in_tensors_are_those_of_the_network() -> None:
    sample = Sample("a", torch.zeros(3, 8, 12), parts={"p": [(11, 2.5), (12, 0)]})
    assert positions(InputSpec((8, 12)), sample)["p"] == [Position(11, 2.5), Position(12, 0, BEYOND)]


def test_squares_are_centred_and_cut_off_at_the_borders() -> None:
    assert square(5, 4, (3, 3), (10, 10)) == (3, 4, 6, 7)
    assert square(5.4, 3.6, (3, 3), (10, 10)) == (3, 4, 6, 7)
    assert square(4.5, 4.5, (4, 2), (10, 10)) == (3, 4, 7, 6)
    assert square(0, 9, (5, 5), (10, 10)) == (7, 0, 10, 3)


def test_cover_shows_the_fill_inside_and_the_image_outside() -> None:
    x, fill = torch.zeros(2, 4, 4), torch.arange(32.0).view(2, 4, 4) + 1
    covered = cover(x, [(0, 0, 1, 2), (3, 3, 4, 4)], fill)
    assert covered.nonzero().tolist() == [[c, y, at] for c in (0, 1) for y, at in ((0, 0), (0, 1), (3, 3))]
    assert covered[1, 3, 3] == 32
    assert not x.any()


@pytest.mark.parametrize("avoid", [(), ((2, 3, 5, 7),), ((0, 0, 3, 3), (6, 6, 9, 11))])
def test_corners_are_those_of_a_loop(avoid) -> None:
    size, window = (9, 11), (3, 2)
    expected = []
    for top in range(size[0] - 2):
        for left in range(size[1] - 1):
            canvas = np.zeros(size, bool)
            for box in avoid:
                canvas[box[0] : box[2], box[1] : box[3]] = True
            if not canvas[top : top + 3, left : left + 2].any():
                expected.append([top, left])
    assert corners(size, window, avoid).tolist() == expected


def test_random_masks_lie_inside_reach_every_border_and_depend_on_the_image_alone() -> None:
    draws = Draws(300, "each", avoid=False, seed=0)
    boxes = draws.boxes([4, 9], [], (3, 4), (8, 10))
    flat = torch.tensor([box for mask in boxes for image in mask for box in image])
    assert flat.amin(0).tolist() == [0, 0, 3, 4]
    assert flat.amax(0).tolist() == [5, 6, 8, 10]
    assert [mask[0] for mask in boxes] != [mask[1] for mask in boxes]
    alone = draws.boxes([9], [], (3, 4), (8, 10))
    assert [mask[0] for mask in alone] == [mask[1] for mask in boxes]
    assert Draws(300, "each", avoid=False, seed=1).boxes([4, 9], [], (3, 4), (8, 10)) != boxes


def test_all_corners_are_equally_likely() -> None:
    boxes = Draws(6000, "each", avoid=False, seed=3).boxes([0], [], (2, 2), (4, 3))
    counts = torch.zeros(3, 2)
    for ((box,),) in boxes:
        counts[box[0], box[1]] += 1
    assert float((counts - 1000).square().sum() / 1000) < 20.5  # chi-squared with 5 degrees, p = 0.001


def test_shared_masks_are_the_same_in_all_images() -> None:
    boxes = Draws(5, "shared", avoid=False, seed=0).boxes([1, 2, 3], [], (2, 2), (9, 9))
    assert all(mask[0] == mask[1] == mask[2] for mask in boxes)
    assert len({mask[0] for mask in boxes}) > 1


@pytest.mark.parametrize("rule", ["each", "shared"])
def test_random_masks_keep_off_the_parts(rule) -> None:
    parts = [[((0, 0, 4, 4),), ((4, 4, 8, 8), (0, 6, 2, 8))]]
    boxes = Draws(200, rule, avoid=True, seed=0).boxes([0, 1], parts, (2, 2), (8, 8))
    for mask in boxes:
        for image, drawn in enumerate(mask):
            others = range(2) if rule == "shared" else [image]
            for top, left, bottom, right in (box for other in others for box in parts[0][other]):
                ((t, a, b, r),) = drawn
                assert b <= top or t >= bottom or r <= left or a >= right
    with pytest.raises(InterpretError, match="No mask of 5 x 5 pixels fits beside the parts"):
        Draws(1, rule, avoid=True, seed=0).boxes([0, 1], parts, (5, 5), (8, 8))


def test_all_positions_of_a_part_or_the_numbered_one_are_masked() -> None:
    parts = [{"eye": [(2, 2), (6, 2)], "nose": [(4, 4)]}, {"eye": [(3, 3), (7, 3)]}, {"eye": [(5, 5)]}]
    subjects, skipped = read(pixels(size=8), Given(tensors(3, (3, 8, 8)), parts))
    assert not skipped
    assert find("eye", subjects)[0] == [Position(2, 2), Position(6, 2)]
    assert find("eye:2", subjects) == [
        [Position(6, 2)],
        [Position(7, 3)],
        "'eye:2' cannot be told: 1 of 2 are visible",
    ]
    assert find("nose", subjects)[1] == "'nose' is not visible"
    found = {"eye": find("eye", subjects), "nose": find("nose", subjects)}
    assert part_boxes(found, (1, 1), (8, 8)) == [
        [((2, 2, 3, 3), (2, 6, 3, 7)), ((3, 3, 4, 4), (3, 7, 4, 8)), ((5, 5, 6, 6),)],
        [((4, 4, 5, 5),), (), ()],
    ]


@pytest.mark.parametrize(
    ("part", "near"), [("noes", "nose"), ("eye:3", "eye:2"), ("eye:x", "eye:1"), ("eye:0", "eye")]
)
def test_an_unknown_part_names_the_nearest(part: str, near: str) -> None:
    subjects, _ = read(
        pixels(size=8), Given(tensors(1, (3, 8, 8)), [{"eye": [(2, 2), (6, 2)], "nose": [(4, 4)]}])
    )
    with pytest.raises(UnknownNameError, match=f"no part '{part}'. Did you mean .*'{near}'"):
        find(part, subjects)


def test_images_without_parts() -> None:
    subjects, _ = read(pixels(size=8), Given(tensors(2, (3, 8, 8)), [{}, {}]))
    with pytest.raises(DatasetError, match=r"None of the 2 images has parts .* animal_pose or scenes"):
        find("nose", subjects)


def test_a_part_that_cannot_be_seen_says_why() -> None:
    network = pixels(size=10)
    parts = [{"nose": [(1, 5)]}, {"nose": [(30, 5)]}, {"nose": [(10, 5)]}]
    subjects, _ = read(network, Given(noise(3, (10, 20)), parts))
    found = find("nose", subjects)
    assert found[:2] == [
        f"'nose' cannot be masked: {CROPPED}",
        f"'nose' cannot be masked: {BEYOND}",
    ]
    assert found[2] == [Position(5, 5)]
