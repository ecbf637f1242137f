"""Annotations turn with the picture: what a box, a mask and a part cover stays the same."""

import numpy as np
import pytest
from PIL import Image, ImageOps

from interpret.images import Object, Sample, open_image, open_turned
from interpret.images.turns import Turn

BOX = (2, 1, 7, 4)


def marked():
    """A stored picture of 11 x 6 that is white in BOX, red in one pixel of it."""
    pixels = np.zeros((6, 11, 3), dtype=np.uint8)
    pixels[1:4, 2:7] = 255
    pixels[3, 2] = (255, 0, 0)
    return pixels


def oriented(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def covers_what_it_covered(sample):
    """Whether box, objects, mask and part lie where the marks are in the picture."""
    pixels = np.asarray(sample.image.convert("RGB"))
    white = pixels[..., 0] == 255
    rows, columns = np.flatnonzero(white.any(1)), np.flatnonzero(white.any(0))
    box = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    ((x, y),) = sample.parts["beak"]
    red = (pixels == (255, 0, 0)).all(-1)
    return (
        sample.box == sample.objects[0].box == box
        and np.array_equal(sample.mask, white)
        and red[round(y), round(x)]
    )


def annotated(picture):
    mask = marked()[..., 0] == 255
    return Sample("a", picture, 0, BOX, mask, {"beak": [(2, 3)]}, (Object(0, BOX),))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_that_asks_to_be_turned_turns_its_sample(orientation):
    stored = Image.fromarray(marked())
    stored.getexif()[0x0112] = orientation
    sample = annotated(stored)
    assert covers_what_it_covered(sample)
    assert np.array_equal(np.asarray(sample.image), np.asarray(ImageOps.exif_transpose(stored)))


@pytest.mark.parametrize("ending", ["png", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_annotations_of_a_file_turn_with_it(tmp_path, orientation, ending):
    path = tmp_path / f"a.{ending}"
    Image.fromarray(marked()).save(path, exif=oriented(orientation), lossless=True)
    picture, turn = open_turned(path)
    assert turn == Turn(orientation, (11, 6))
    assert turn.size == picture.size == open_image(path).size
    assert covers_what_it_covered(annotated(picture).turned(turn))
    with Image.open(path) as lazy:  # as a caller may have opened it
        assert covers_what_it_covered(annotated(lazy))


def test_annotations_count_stored_pixels_unless_they_state_the_upright_size():
    turn = Turn(6, (11, 6))
    for size in (None, (11, 6), (100, 50)):
        assert turn.undone_for(size) == turn
    assert turn.undone_for((6, 11)) == Turn(1, (6, 11))
    assert Turn(6, (9, 9)).undone_for((9, 9)).orientation == 6  # a square says nothing
