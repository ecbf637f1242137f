"""Do two probes say the same? Differences of numbers, and likeness of order and of pictures."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from interpret_captum.metrics.windows import gaussian_window


def pixel_maps(maps: Float[Tensor, "image channel height width"]) -> Float[Tensor, "image height width"]:
    """One value for each pixel, in float64: the sum over its channels."""
    return maps.double().sum(1)


def unit_scale(maps: Float[Tensor, "image height width"]) -> Float[Tensor, "image height width"]:
    """Every map divided by its largest magnitude, as the figures show it; a map of zeros stays."""
    largest = maps.abs().amax((1, 2), keepdim=True)
    return maps / torch.where(largest > 0, largest, 1.0)


def largest_difference(
    a: Float[Tensor, "image ..."], b: Float[Tensor, "image ..."]
) -> Float[Tensor, " image"]:
    """The largest absolute difference of two values that should be equal, in their own unit."""
    return (a.double() - b.double()).abs().flatten(1).amax(1)


def relative_l2(a: Float[Tensor, "image ..."], b: Float[Tensor, "image ..."]) -> Float[Tensor, " image"]:
    """The length of ``a - b`` over the length of ``b``: 0 where they are equal; NaN where only ``b`` is 0."""
    difference = (a.double() - b.double()).flatten(1).norm(dim=1)
    length = b.double().flatten(1).norm(dim=1)
    ratio = difference / torch.where(length > 0, length, math.nan)
    return torch.where(difference == 0, 0.0, ratio)


def rank_correlation(a: Float[Tensor, "image ..."], b: Float[Tensor, "image ..."]) -> Float[Tensor, " image"]:
    """Spearman's correlation of the ranks (1904), ties at their mean rank; NaN where a map is constant."""
    from scipy.stats import spearmanr  # type: ignore[import-untyped,unused-ignore]  # noqa: PLC0415 - slow

    def one(left: Tensor, right: Tensor) -> float:
        if left.min() == left.max() or right.min() == right.max():
            return math.nan
        return float(spearmanr(left.numpy(), right.numpy()).statistic)

    pairs = zip(a.double().cpu().flatten(1), b.double().cpu().flatten(1), strict=True)
    return torch.tensor([one(left, right) for left, right in pairs], dtype=torch.float64)


def structural_similarity(
    a: Float[Tensor, "image height width"],
    b: Float[Tensor, "image height width"],
    *,
    span: float = 2.0,
    size: int = 11,
    sigma: float = 1.5,
) -> Float[Tensor, " image"]:
    """SSIM, the mean over all windows that lie inside the map: 1 for equal maps.

    Source: Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to structural
    similarity" (2004), with its Gaussian window and its constants 0.01 and 0.03.

    Args:
        a: Maps.
        b: As many others.
        span: Distance of the smallest from the largest value a map can have; 2 for maps in -1 to 1.
        size: Side of the window in pixels; smaller where the map is.
        sigma: Standard deviation of the window in pixels.
    """
    size = min(size, *a.shape[-2:])
    kernel = gaussian_window(size, sigma)
    kernel = (kernel[:, None] * kernel[None, :])[None, None]

    def mean(values: Tensor) -> Tensor:
        return F.conv2d(values[:, None], kernel.to(values))[:, 0]

    a, b = a.double(), b.double()
    mean_a, mean_b = mean(a), mean(b)
    variance_a, variance_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    covariance = mean(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    structure = (2 * covariance + c2) / (variance_a + variance_b + c2)
    return (luminance * structure).mean((1, 2))


def overlap(a: Int[Tensor, "unit rank 3"], b: Int[Tensor, "unit other 3"]) -> Float[Tensor, " unit"]:
    """The share of the neurons of each unit that are found by both, whatever their rank.

    Args:
        a: (image, y, x) of each neuron; image -1: there is none at this rank.
        b: The same from another search, of as many ranks or others.

    Returns:
        The neurons in both over those in the longer list; NaN for a unit with none in either.
    """
    same = (a[:, :, None] == b[:, None]).all(-1) & (a[:, :, None, 0] >= 0)
    found = same.any(2).sum(1).double()
    longer = torch.maximum((a[..., 0] >= 0).sum(1), (b[..., 0] >= 0).sum(1))
    return torch.where(longer > 0, found / longer.clamp(min=1), math.nan)
