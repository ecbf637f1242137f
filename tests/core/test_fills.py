"""What stands where pixels were taken away, against slow sums."""

from math import exp

import pytest
import torch
from torch import Tensor

from interpret.errors import InterpretError
from interpret.images import InputSpec, blurred, filled

SPEC = InputSpec((5, 8), mean=(0.2, 0.4, 0.6), std=(0.5, 0.25, 2.0))


def images(dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.rand(2, 3, 5, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)


def place(position: int, size: int, border: str) -> int:
    """The pixel of an axis that a position beyond its border shows."""
    if border == "repeat":
        return min(max(position, 0), size - 1)
    return -position if position < 0 else 2 * (size - 1) - position if position >= size else position


def by_sums(x: Tensor, sigma: tuple[float, float], border: str) -> Tensor:
    height, width = x.shape[2:]
    reach = [max(round(3 * one), 1) for one in sigma]
    if border == "mirror":
        reach = [min(reach[0], height - 1), min(reach[1], width - 1)]
    down = [exp(-(d**2) / (2 * sigma[0] ** 2)) for d in range(-reach[0], reach[0] + 1)]
    across = [exp(-(d**2) / (2 * sigma[1] ** 2)) for d in range(-reach[1], reach[1] + 1)]
    found = torch.zeros_like(x)
    for y in range(height):
        for column in range(width):
            for i, one in enumerate(down):
                for j, other in enumerate(across):
                    row = place(y + i - reach[0], height, border)
                    beside = place(column + j - reach[1], width, border)
                    found[:, :, y, column] += one * other * x[:, :, row, beside]
    return found / (sum(down) * sum(across))


@pytest.mark.parametrize("border", ["mirror", "repeat"])
@pytest.mark.parametrize("sigma", [(0.5, 1.2), (2.0, 0.3)])
def test_a_blur_is_the_weighted_mean_of_a_neighbourhood(sigma, border) -> None:
    expected = by_sums(images(), sigma, border)
    torch.testing.assert_close(blurred(images(), sigma, border), expected, rtol=1e-13, atol=1e-14)
    single = blurred(images(torch.float32), sigma, border)
    torch.testing.assert_close(single.double(), expected, rtol=0, atol=5e-7)


def test_a_fill_is_seen_through_the_preprocessing() -> None:
    x = SPEC.normalize(images()[0])
    colour = filled(SPEC, x, (0.2, 0.9, 0.6), (2, 2))
    assert colour[:, 3, 3].tolist() == pytest.approx([0, 2, 0])
    mean = filled(SPEC, x, "mean", (2, 2))
    torch.testing.assert_close(mean, x.mean((1, 2), keepdim=True).expand_as(x))
    blur = filled(SPEC, x, "blur", (3, 1))
    torch.testing.assert_close(blur, SPEC.normalize(by_sums(images()[:1], (1.5, 0.5), "mirror"))[0])
    noise = SPEC.denormalize(filled(SPEC, x, "noise", (2, 2), seed=4))
    assert 0 <= noise.min() < noise.max() <= 1
    assert torch.equal(filled(SPEC, x, "noise", (2, 2), seed=4), filled(SPEC, x, "noise", (9, 9), seed=4))


@pytest.mark.parametrize("fill", [(0.1, 0.2), 1.5, "grey", True, None])
def test_what_is_no_fill_is_refused(fill) -> None:
    with pytest.raises(InterpretError, match="fill "):
        filled(SPEC, images()[0], fill, (2, 2))
