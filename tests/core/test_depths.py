"""Deep pixels: one scale for a kind of file, so that equal values look equal in any picture."""

import numpy as np
import pytest
from PIL import Image

from interpret.errors import DatasetError
from interpret.images import open_image, upright
from interpret.images.depths import by_tiles


def stored(folder, values, name="deep.tif"):
    Image.fromarray(values).save(folder / name)
    return folder / name


@pytest.mark.parametrize("ending", ["png", "tif"])
@pytest.mark.parametrize("largest", [255, 256, 65535])
def test_a_value_of_16_bits_looks_the_same_beside_any_other(tmp_path, ending, largest):
    path = stored(tmp_path, np.array([[1000, 0, largest]], dtype=np.uint16)[:, ::-1], f"deep.{ending}")
    assert np.asarray(open_image(path)).tolist() == [[round(largest / 257), 0, 4]]


@pytest.mark.parametrize("largest", [255, 256, 65535])
def test_integers_of_32_bits_hold_16(tmp_path, largest):
    path = stored(tmp_path, np.array([[0, largest]], dtype=np.int32))
    assert np.asarray(open_image(path)).tolist() == [[0, round(largest / 257)]]


@pytest.mark.parametrize("largest", [0.25, 1.0])
def test_floats_go_from_0_to_1(tmp_path, largest):
    path = stored(tmp_path, np.array([[0.25, largest]], dtype=np.float32))
    assert np.asarray(open_image(path)).tolist() == [[64, round(255 * largest)]]


def test_floats_that_rounding_left_beyond_0_and_1_are_black_and_white():
    values = np.array([[-1e-7, 1 + 1e-7]], dtype=np.float32)
    assert np.asarray(upright(Image.fromarray(values))).tolist() == [[0, 255]]


@pytest.mark.parametrize(
    "values",
    [
        np.array([[0, -1]], dtype=np.int32),
        np.array([[0, 65536]], dtype=np.int32),
        np.array([[0, 1.0001]], dtype=np.float32),
        np.array([[0, -0.01]], dtype=np.float32),
        np.array([[0, np.nan]], dtype=np.float32),
        np.array([[np.inf, 0]], dtype=np.float32),
    ],
    ids=str,
)
def test_numbers_beyond_black_and_white_are_refused_with_a_cure_that_works(tmp_path, values):
    path = stored(tmp_path, values)
    with pytest.raises(DatasetError, match=r"deep\.tif cannot be used.*Save it with 8 bits"):
        open_image(path)
    with pytest.raises(DatasetError, match="black"):
        upright(Image.fromarray(values))
    seen = np.nan_to_num(values, nan=0, posinf=1).clip(0, 1) * 255
    assert open_image(stored(tmp_path, seen.astype(np.uint8))).mode == "L"


def test_a_tiff_s_white_is_what_its_bits_say(tmp_path):
    signed = np.array([[0, 16384, 32767]], dtype=np.uint16)
    path = tmp_path / "signed.tif"
    Image.fromarray(signed).save(path, tiffinfo={339: (2,)})
    assert np.asarray(open_image(path)).tolist() == [[0, 128, 255]]
    Image.fromarray(signed).save(path, tiffinfo={262: 0})  # white is zero
    assert np.asarray(open_image(path)).tolist() == [[255, 191, 128]]


def test_a_grey_that_is_transparent_is_white(tmp_path):
    Image.fromarray(np.array([[7, 65535, 0]], dtype=np.uint16)).save(tmp_path / "a.png", transparency=7)
    assert np.asarray(open_image(tmp_path / "a.png")).tolist() == [[255, 255, 0]]


@pytest.mark.parametrize("size", [(1100, 1000), (3, 2**20), (2**20 + 5, 2)])
def test_tiles_put_together_are_the_whole(size):
    image = Image.linear_gradient("L").resize(size)
    assert by_tiles(image, "L", lambda part: part.point(lambda v: 255 - v)) == image.point(lambda v: 255 - v)
