"""Whether projections show the grid of the first layer's stride: energy at its frequencies."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from interpret.errors import InterpretError
from interpret.records import Record

PERIODS = 6
"""A patch must hold so many periods of the grid, for its frequencies to stand apart from their neighbours."""

LOBE = 2.0
"""Half the width of a frequency seen through the window of a patch, in cycles per patch."""

FINE = 2
"""Frequencies of the transform for each cycle per patch: a power spectrum has no more to say."""


@dataclass(frozen=True)
class AliasEnergy(Record):
    """The energy of projections at the frequencies of a grid.

    Attributes:
        share: The part of each projection's energy, without its mean, that lies at the grid's frequencies, 0
            to 1.
        expected: The part that would lie there, on average, if the spectrum went on there as it does around.
        profile: The average spectrum along the two axes, from 0 to 1/2 cycles per pixel in equal steps; the
            energy of each projection is 1.
    """

    share: Float[Tensor, " projection"]
    expected: float
    profile: Float[Tensor, " frequency"]

    @property
    def ratio(self) -> float:
        """The average share over what is expected: about 1 where there is no grid; NaN without any."""
        return float(self.share.mean()) / self.expected if len(self.share) else float("nan")


def alias_energy(projections: Float[Tensor, "n c h w"], stride: int | tuple[int, int]) -> AliasEnergy:
    """How much of the energy of projections lies at the frequencies of a stride's grid.

    What is written through filters that stand ``stride`` pixels apart repeats the spectrum of the signal at
    every multiple of 1 / stride cycles per pixel. The signal of a rectified map has a large mean: its copies
    are the peaks, and the checkerboard one sees (paper, Figure 6 d). Each patch is seen through a Hann
    window, without its mean, and counts alike. Around every multiple (m / stride, n / stride) but (0, 0), a
    square of 2 cycles per patch to each side counts as the grid's. The ring of the same width around it, cut
    halfway to the next multiple, says what to expect: the mean of the average spectrum there. Spectra fall
    steeply, so that the inner side of a ring is too strong where patches are small: then a weak grid is
    missed, and on small patches the expectation itself can be off by some hundredths.

    Args:
        projections: Signed projections, cropped to receptive fields of one size. Those that are zero are left
            out.
        stride: The stride of the first convolution, or down and across.

    Raises:
        InterpretError: If the stride is 1 both ways, or the patches hold fewer than 6 periods of it.
    """
    strides = (stride, stride) if isinstance(stride, int) else stride
    _check(projections, strides)
    size = (projections.shape[2], projections.shape[3])
    multiple = math.lcm(*strides)  # so that the grid's frequencies are frequencies of the transform
    length = -(-FINE * max(size) // multiple) * multiple
    grid = _Grid(length, size, strides)
    points = [(m, n) for m in range(strides[0]) for n in range(strides[1]) if m or n]
    mean, near = grid.near(0, 0), torch.stack([grid.near(*point) for point in points]).any(0)
    shares, total = [], torch.zeros(length, length, dtype=torch.float64)
    for patch in projections.detach().cpu().double():
        spectrum = _spectrum(patch, length)
        whole = spectrum[~mean].sum()
        if whole > 0:
            total += spectrum / whole
            shares.append(spectrum[near].sum() / whole)
    if not shares:
        raise InterpretError("There is no projection to look at: all are zero.")
    average = total / len(shares)
    expected = sum(_around(average, grid, point) for point in points)
    profile = (average[: length // 2 + 1, 0] + average[0, : length // 2 + 1]) / 2
    return AliasEnergy(torch.stack(shares).float(), expected, profile.float())


@dataclass(frozen=True)
class _Grid:
    """Which frequencies of a spectrum of ``length`` x ``length`` belong to which point of the grid."""

    length: int
    size: tuple[int, int]
    strides: tuple[int, int]

    def near(self, m: int, n: int) -> Bool[Tensor, "fy fx"]:
        """The square around (m / stride, n / stride)."""
        return self._apart(m, n) <= LOBE

    def ring(self, m: int, n: int) -> Bool[Tensor, "fy fx"]:
        """What surrounds the square, no farther than halfway to the next point."""
        apart = self._apart(m, n)
        return (apart > LOBE) & (apart <= 2 * LOBE)

    def _apart(self, m: int, n: int) -> Float[Tensor, "fy fx"]:
        """How far each frequency is from a point, in cycles per patch; infinite where another is nearer."""
        down, across = (self._along(axis, point) for axis, point in ((0, m), (1, n)))
        return torch.maximum(down[:, None], across)

    def _along(self, axis: int, point: int) -> Float[Tensor, " frequency"]:
        frequency, step = torch.arange(self.length).double() / self.length, self.strides[axis]
        apart = (frequency - point / step + 0.5) % 1 - 0.5
        return apart.abs().mul(self.size[axis]).where(apart.abs() <= 0.5 / step, torch.inf)


def _spectrum(patch: Float[Tensor, "c h w"], length: int) -> Float[Tensor, "fy fx"]:
    """The power of a patch seen through a window, without its mean, over its channels."""
    rows, columns = (
        torch.hann_window(size + 2, periodic=False, dtype=torch.float64)[1:-1] for size in patch.shape[1:]
    )
    window = rows[:, None] * columns
    mean = (patch * window).sum((1, 2), keepdim=True) / window.sum()
    spectrum: Tensor = torch.fft.fft2((patch - mean) * window, s=(length, length))
    return spectrum.abs().square().sum(0)


def _around(average: Float[Tensor, "fy fx"], grid: _Grid, point: tuple[int, int]) -> float:
    """The energy that the surroundings of a point let expect in its square."""
    return float(average[grid.ring(*point)].mean() * grid.near(*point).sum())


def _check(projections: Tensor, strides: tuple[int, int]) -> None:
    if min(strides) < 1 or max(strides) == 1:
        raise InterpretError(f"A stride of {strides[0]} x {strides[1]} has no grid that could show.")
    if projections.dim() != 4:
        raise InterpretError(f"Projections are (n, channels, h, w). Got {tuple(projections.shape)}.")
    sizes = zip(projections.shape[2:], strides, strict=True)
    short = [(size, step) for size, step in sizes if step > 1 and size < PERIODS * step]
    if short:
        raise InterpretError(
            f"Projections of {short[0][0]} pixels hold fewer than {PERIODS} periods of a stride of "
            f"{short[0][1]}: its frequencies cannot be told from their neighbours. Project a deeper layer."
        )
