"""Transformations of pixels: exact where they can be, equal to SciPy's where they cannot."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from interpret import InterpretError, UnknownNameError
from interpret_invariance import TRANSFORMATIONS, amounts_in, transform
from interpret_invariance.transforms import amounts_of
from interpret_invariance.warping import Border, rotate, scale, translate, warp

SCIPY: dict[Border, str] = {"edge": "nearest", "reflect": "reflect", "black": "grid-constant"}


def pictures(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Noise, a fifth of it black."""
    noise = torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return noise.masked_fill(noise < 0.2, 0).to(dtype)


def amount(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("kind", TRANSFORMATIONS)
@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_identity_gives_the_image_back_to_the_bit(kind, channels, dtype) -> None:
    pixels = 3 * pictures(2, channels, 9, 12, dtype=dtype) - 1  # also where it is no photograph
    known = TRANSFORMATIONS[kind]
    same = torch.tensor([known.identity, known.identity + 1])
    assert torch.equal(transform(pixels, kind, same, "mean")[0], pixels[0])
    assert not torch.equal(transform(pixels, kind, same, "mean")[1], pixels[1])


@pytest.mark.parametrize(("down", "right"), [(0, 2), (3, 0), (-2, 1), (-8, -11), (4, -30)])
@pytest.mark.parametrize(
    ("border", "numpy"), [("edge", "edge"), ("reflect", "symmetric"), ("black", "constant"), ("mean", "")]
)
def test_whole_pixels_move_to_the_bit(down, right, border, numpy) -> None:
    pixels = pictures(1, 3, 9, 12)
    moved = translate(pixels, amount(down), amount(right), border)[0]
    for channel, found in zip(pixels[0].numpy(), moved.numpy(), strict=True):
        rule: dict[str, Any] = {"mode": numpy}
        if border == "mean":
            rule = {"mode": "constant", "constant_values": np.float32(channel.astype("f8").mean())}
        padded = np.pad(channel, 40, **rule)
        np.testing.assert_array_equal(found, padded[40 - down : 49 - down, 40 - right : 52 - right])


def test_half_a_pixel_is_the_mean_of_two() -> None:
    pixels = amount(0.0, 0.2, 1.0, 0.4).reshape(1, 1, 1, 4).float()
    moved = translate(pixels, amount(0), amount(0.5), "edge")
    torch.testing.assert_close(moved.flatten(), torch.tensor([0.0, 0.1, 0.6, 0.7]))
    moved = translate(pixels, amount(0), amount(0.5), "black")
    torch.testing.assert_close(moved.flatten(), torch.tensor([0.0, 0.1, 0.6, 0.7]))


@pytest.mark.parametrize("border", ["mean", "edge", "reflect", "black"])
@pytest.mark.parametrize("turns", [0, 1, 2, 3, 4, -1])
def test_quarter_turns_of_a_square_are_counter_clockwise_to_the_bit(border, turns) -> None:
    pixels = pictures(1, 3, 7, 7)
    assert torch.equal(rotate(pixels, amount(90 * turns), border), torch.rot90(pixels, turns, (2, 3)))


def test_half_a_turn_of_a_rectangle_is_exact() -> None:
    pixels = pictures(1, 2, 6, 9)
    assert torch.equal(rotate(pixels, amount(180), "mean"), pixels.flip(2, 3))


def test_twice_as_large_by_hand() -> None:
    """Positions of the result are -0.75, -0.25, 0.25, 0.75 pixels from the centre of the image."""
    pixels = torch.tensor([0.0, 0.4, 0.8, 1.0]).reshape(1, 1, 1, 4).expand(1, 1, 4, 4)
    expected = torch.tensor([0.3, 0.5, 0.7, 0.85])
    torch.testing.assert_close(scale(pixels, amount(2), "edge")[0, 0, 1], expected)


def by_scipy(pixels: Tensor, matrix: np.ndarray[Any, Any], border: Border) -> np.ndarray[Any, Any]:
    """The same through SciPy: the matrix takes (y, x) from the centre of the result to that of the image."""
    found = []
    centre = (np.array(pixels.shape[1:]) - 1) / 2
    for channel in pixels.double().numpy():
        fill = channel.mean() if border == "mean" else 0.0
        mode = SCIPY.get(border, "grid-constant")
        offset = centre - matrix @ centre
        found.append(ndimage.affine_transform(channel, matrix, offset, order=1, mode=mode, cval=fill))
    return np.stack(found)


@pytest.mark.parametrize("border", ["mean", "edge", "reflect", "black"])
@pytest.mark.parametrize("size", [(9, 12), (16, 7)])
def test_any_angle_and_scale_equal_scipy(border, size) -> None:
    pixels = pictures(1, 2, *size, dtype=torch.float64)
    for degrees in (1, 37, 135, 271.5, 350):
        cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        expected = by_scipy(pixels[0], np.array([[cos, sin], [-sin, cos]]), border)
        np.testing.assert_allclose(rotate(pixels, amount(degrees), border)[0], expected, atol=1e-12)
    for factor in (0.6, 1.01, 1.8):
        expected = by_scipy(pixels[0], np.eye(2) / factor, border)
        np.testing.assert_allclose(scale(pixels, amount(factor), border)[0], expected, atol=1e-12)


def test_each_image_has_its_own_amount() -> None:
    pixels, degrees = pictures(3, 1, 8, 8), amount(10, 200, 33)
    together = rotate(pixels, degrees, "reflect")
    for place in range(3):
        alone = rotate(pixels[place : place + 1], degrees[place : place + 1], "reflect")
        assert torch.equal(together[place : place + 1], alone)


def test_any_affine_map() -> None:
    """A shear, by hand: the row one pixel below the centre comes from one pixel to the right."""
    pixels = pictures(1, 1, 3, 5)
    shear = torch.tensor([[[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]]])
    found = warp(pixels, shear, "edge")[0, 0]
    assert torch.equal(found[1], pixels[0, 0, 1])
    assert torch.equal(found[2, :4], pixels[0, 0, 2, 1:])
    assert torch.equal(found[0, 1:], pixels[0, 0, 0, :4])


def test_brightness_and_contrast_by_hand() -> None:
    pixels = torch.tensor([0.0, 0.2, 0.6, 0.8]).reshape(1, 1, 2, 2)
    bright = transform(pixels, "brightness", amount(1.5)).flatten()
    torch.testing.assert_close(bright, torch.tensor([0.0, 0.3, 0.9, 1.0]))  # 1.2 is cut off
    strong = transform(pixels, "contrast", amount(2)).flatten()
    torch.testing.assert_close(strong, torch.tensor([0.0, 0.0, 0.8, 1.0]))  # around 0.4
    assert transform(pixels, "contrast", amount(0)).unique().tolist() == pytest.approx([0.4])
    beyond = transform(10 * pixels - 4, "brightness", amount(0.5)).flatten()
    torch.testing.assert_close(beyond, torch.tensor([-2.0, -1.0, 1.0, 2.0]))  # no photograph: nothing is cut


@pytest.mark.parametrize("sigma", [0.5, 2.0])
def test_blur_equals_scipy(sigma) -> None:
    pixels = pictures(1, 2, 20, 24, dtype=torch.float64)
    found = transform(pixels, "blur", amount(sigma))[0]
    for channel, blurred in zip(pixels[0].numpy(), found.numpy(), strict=True):
        radius = max(round(3 * sigma), 1)
        expected = ndimage.gaussian_filter(channel, sigma, mode="mirror", radius=radius)
        np.testing.assert_allclose(blurred, expected, atol=1e-7)


def test_a_blur_larger_than_the_image() -> None:
    pixels = pictures(1, 1, 3, 4)
    assert transform(pixels, "blur", amount(50)).std() < pixels.std() / 4


def test_amounts_over_a_range() -> None:
    assert amounts_in("vertical_translation", (224, 100)).tolist()[:3] == [-60, -58, -57]
    assert amounts_in("vertical_translation", (224, 100))[[0, -1]].tolist() == [-60, 60]
    assert amounts_in("horizontal_translation", (224, 112), steps=5).tolist() == [-30, -15, 0, 15, 30]
    assert amounts_in("rotation", (50, 50)).tolist() == list(range(0, 355, 5))
    assert amounts_in("scale", (50, 50), steps=3).tolist() == pytest.approx([1, 1.4, 1.8])
    assert amounts_in("blur", (112, 80), steps=3).tolist() == [0, 1, 2]
    assert amounts_in("brightness", (50, 50), (0.5, 0.9), steps=2).tolist() == [0.5, 0.9, 1]  # the identity
    assert amounts_of("rotation", [90, 10, 10]).tolist() == [0, 10, 90]
    few = amounts_in("vertical_translation", (16, 16))
    assert few.tolist() == list(range(-4, 5))  # 60 / 14 pixels, each whole pixel once


@pytest.mark.parametrize(
    ("kind", "ends", "steps", "message"),
    [
        ("scale", None, 0, "steps must be at least 2"),
        ("scale", None, 1, "steps must be at least 2"),
        ("rotation", (90, 90), 5, "range of rotation is empty: 90 to 90"),
        ("rotation", (90, 20), 5, "is empty: 90 to 20. Give the lower end first"),
        ("rotation", (0, math.nan), 5, "is empty"),
        ("rotation", (0, math.inf), 5, "rotation by inf degrees: it must be finite|nan degrees"),
        ("scale", (0, 2), 5, "scale by 0 times: it must be more than 0"),
        ("blur", (-1, 2), 5, "blur by -1 pixels: it must be at least 0"),
        ("vertical_translation", (-0.4, 0.4), 5, "nothing but the identity"),
    ],
)
def test_ranges_that_make_no_sense(kind, ends, steps, message) -> None:
    with pytest.raises(InterpretError, match=message):
        amounts_in(kind, (64, 64), ends, steps)


def test_names_that_do_not_exist() -> None:
    with pytest.raises(UnknownNameError, match=r"no transformation 'rotate'. Did you mean 'rotation'"):
        transform(pictures(1, 1, 4, 4), "rotate", amount(3))
    with pytest.raises(InterpretError, match="border is 'wrap'; it must be one of 'mean', 'edge'"):
        transform(pictures(1, 1, 4, 4), "rotation", amount(3), "wrap")  # type: ignore[arg-type]
