"""Which spatial frequencies filters answer to: their energy in bands, and how far they are from noise."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.errors import InterpretError
from interpret_diagnosis.filters import as_filters

NYQUIST = 0.5
"""The highest frequency along an axis, in cycles per pixel."""

THIRDS = (NYQUIST / 3, 2 * NYQUIST / 3)
"""Where the bands low, mid and high meet, in cycles per pixel: periods of 6 and 3 pixels."""

SIZE = 64
"""Filters are padded to so many pixels, so that filters of all sizes are read at the same frequencies."""

DRAWS = 32
"""Sets of random filters whose flatness stands for that of noise."""


def power(weight: Float[Tensor, "unit channel h w"], size: int = SIZE) -> Float[Tensor, "unit size size"]:
    """The power spectrum of each filter, summed over its input channels.

    The mean over all frequencies is the sum of the squared weights (Parseval's theorem).

    Args:
        weight: The filters of one convolution.
        size: Rows and columns of the spectrum; filters are padded with zeros to it, larger ones to their own.

    Returns:
        Frequency i of an axis is ``torch.fft.fftfreq(size)[i]`` cycles per pixel.

    Raises:
        InterpretError: If the weights are no filters (unit, channel, h, w).
    """
    weight = as_filters(weight)
    size = max(size, *weight.shape[2:])
    spectrum: Tensor = torch.fft.fft2(weight, s=(size, size))
    return spectrum.abs().square().sum(1)


def band_energy(
    weight: Float[Tensor, "unit channel h w"], bands: Sequence[float] = THIRDS
) -> Float[Tensor, "unit band"]:
    """The energy of each filter in bands of spatial frequency; together, the sum of its squared weights.

    A band is a ring around frequency 0 in the plane of vertical and horizontal frequencies. The mean of a
    filter (frequency 0) is in the lowest band, the corners beyond Nyquist in the highest.

    Args:
        weight: The filters of one convolution.
        bands: Where the bands meet, ascending, in cycles per pixel.

    Raises:
        InterpretError: If the weights are no filters, or the edges are not ascending and positive.
    """
    edges = list(bands)
    if not edges or edges[0] <= 0 or sorted(set(edges)) != edges:
        raise InterpretError(
            f"bands must be ascending frequencies above 0, in cycles per pixel. Got {edges}."
        )
    spectrum = power(weight)
    band = torch.bucketize(radius(spectrum.shape[-1]), torch.tensor(edges).double(), right=True)
    rings = [spectrum[:, band == number].sum(1) for number in range(len(edges) + 1)]
    return torch.stack(rings, 1) / spectrum[0].numel()


def radius(size: int) -> Float[Tensor, "size size"]:
    """The distance of each frequency of a spectrum from 0, in cycles per pixel."""
    frequency = torch.fft.fftfreq(size, dtype=torch.float64)
    return torch.hypot(frequency[:, None], frequency)


def shares(energy: Float[Tensor, "unit band"]) -> Float[Tensor, " band"]:
    """The part of the energy in each band, 0 to 1, of the average filter: each counts alike, however strong.

    Filters of zeros are left out; NaN where all are.
    """
    whole = energy.sum(1, keepdim=True)
    return (energy / whole)[whole[:, 0] > 0].mean(0)


def flatness(weight: Float[Tensor, "unit channel h w"]) -> Float[Tensor, " unit"]:
    """How evenly each filter spreads over the frequencies: geometric over arithmetic mean of its spectrum.

    0 for a pure wave, 1 for a spectrum without any shape. NaN for a filter of zeros.

    Raises:
        InterpretError: If the weights are no filters (unit, channel, h, w).
    """
    weight = as_filters(weight)
    spectrum = torch.fft.fft2(weight).abs().square().sum(1).flatten(1)
    mean = spectrum.mean(1)
    tiny = torch.finfo(torch.float64).tiny
    geometric = spectrum.clamp_min(tiny).log().mean(1).exp()
    return torch.where(mean > 0, geometric / mean, torch.nan)


def likeness_to_noise(weight: Float[Tensor, "unit channel h w"], seed: int = 0) -> float:
    """The average flatness of the filters over that of white noise of the same shape.

    About 1 for filters as they are initialised, less for filters with structure; 0.02 more than 1 is chance.
    NaN where there are no frequencies to tell apart: filters of 1 x 1 pixels, or of zeros.

    Args:
        weight: The filters of one convolution.
        seed: Start of the noise.

    Raises:
        InterpretError: If the weights are no filters (unit, channel, h, w).
    """
    if math.prod(as_filters(weight).shape[2:]) == 1:
        return math.nan
    draw = torch.Generator().manual_seed(seed)
    shape = (max(DRAWS, len(weight)), *weight.shape[1:])
    noise = torch.randn(shape, generator=draw, dtype=torch.float64)
    return float(flatness(weight).nanmean() / flatness(noise).mean())
