"""Whether a layer's map moves along when the image moves: shift equivariance, and what strides do to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache, reduce
from operator import add

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.errors import InterpretError, ModelError
from interpret.graph import ReceptiveField, receptive_field
from interpret.network import Network, takes_network
from interpret.progress import track
from interpret.records import Record
from interpret.results import Result
from interpret.run import cached_pieces

BATCH = 8
"""Images whose maps are held at once."""


@dataclass(frozen=True)
class ShiftError(Record):
    """How far the map of one layer fails to move along with the image.

    Attributes:
        error: Average over the shifts and both axes: 0 where the map moves along exactly, 1 where its mean
            would be as good a guess; none where it cannot be measured.
        shifts: By how many pixels the image was moved.
        each: The error of each shift down and across; NaN along an axis that has none.
        stride: Pixels from one neuron to the next, down and across; less than 1 after upsampling.
        reason: Why there is no error.
    """

    error: float | None
    shifts: tuple[int, ...] = ()
    each: Float[Tensor, "axis shift"] = field(default_factory=lambda: torch.zeros(2, 0))
    stride: tuple[float, float] = (0, 0)
    reason: str = ""


@takes_network
def shift_error(
    network: Network, x: Float[Tensor, "n c h w"], layers: Sequence[str], *, most: int = 8
) -> dict[str, ShiftError]:
    """How far the maps of some layers fail to move along when the image moves by 1 to ``stride`` pixels.

    A layer with a neuron every ``stride`` pixels has seen the image moved by d pixels already, between its
    neurons: its map should be the old one, moved by d / stride of a cell. That is taken from the old map by
    linear interpolation between two cells. The error of a shift is

        sqrt(sum (map of the moved image - moved map)^2 / sum (map of the moved image - its mean)^2)

    summed over images, units and positions, with the mean of each unit. A move by whole strides has the error
    0, whatever the layer; so has a layer of stride 1. A map that is smooth from cell to cell has a small
    error; where the stride is too wide for what a filter answers to, two cells do not tell what lies between
    them (aliasing), and the error comes near 1 or above. Neurons whose receptive field reaches a border of
    either image are left out.

    Args:
        network: The network; its layers must be traceable.
        x: Preprocessed images, of the network's own size.
        layers: Names or aliases.
        most: Of the shifts from 1 to a layer's stride at most so many are tried, evenly spaced.

    Raises:
        UnknownNameError: If there is no such layer.
        InterpretError: If the images have another shape, or ``most`` is no positive number.
    """
    if most < 1 or x.dim() != 4 or tuple(x.shape[1:]) != network.input.shape or not len(x):
        raise InterpretError(
            f"shift_error takes images (n, {', '.join(map(str, network.input.shape))}) and at least one "
            f"shift. Got {tuple(x.shape)} and most={most}."
        )
    names = {name: network.layer(name) for name in layers}
    try:
        fields = {name: receptive_field(network, own, measure=False) for name, own in names.items()}
    except ModelError as error:
        return {name: ShiftError(None, reason=str(error)) for name in names}
    trials = {
        (name, axis): _Trial.of(field, axis, network.input.size, most)
        for name, field in fields.items()
        for axis in (0, 1)
    }
    _try(network, x, {key: trial for key, trial in trials.items() if not trial.reason})
    return {name: _together(trials[name, 0], trials[name, 1], fields[name]) for name in names}


@dataclass(frozen=True)
class _Miss(Record):
    """By how much the maps of one layer in some images fail to move along with one shift.

    Attributes:
        missed: The squared differences, summed.
        sums: The values of each unit and their squares, summed.
        count: How many values of each unit there are.
    """

    missed: float
    sums: Float[Tensor, "2 unit"]
    count: int


@dataclass(frozen=True)
class _Misses(Result):
    """Those of some moves of some images, one after the other, by layer."""

    moves: tuple[dict[str, _Miss], ...]


@dataclass
class _Trial:
    """One layer along one axis: the cells that count, and what was found of each shift so far."""

    axis: int
    stride: int
    shifts: tuple[int, ...]
    cells: tuple[slice, slice]
    reason: str = ""
    found: dict[int, list[_Miss]] = field(default_factory=dict)

    @classmethod
    def of(cls, field: ReceptiveField, axis: int, size: tuple[int, int], most: int) -> _Trial:
        """The trial of a layer: neurons whose fields, and whose neighbours', stay inside the image."""
        stride, seen = field.stride[axis], max(field.size)
        nothing = (slice(0, 0), slice(0, 0))
        if field.extent == (1, 1) or stride == 0:
            return cls(axis, 0, (), nothing, "It has no positions that see different parts of the image.")
        if not isinstance(stride, int) or stride < 0 or not field.regular:
            reason = (
                f"Its receptive fields lie no whole number of pixels apart ({stride} on average): no move of "
                "the image moves them alike."
            )
            return cls(axis, 0, (), nothing, reason)
        rows, columns = (
            _inside(field, along, size[along], stride if along == axis else 0) for along in (0, 1)
        )
        if rows.stop == 0 or columns.stop == 0:
            reason = f"A neuron sees {seen} of {min(size)} pixels: none stays clear of the borders."
            return cls(axis, stride, (), nothing, reason)
        count = min(most, stride)
        shifts = tuple(dict.fromkeys(round(stride * (i + 1) / count) for i in range(count)))
        return cls(axis, stride, shifts, (rows, columns))

    def measure(self, before: Tensor, after: Tensor, shift: int) -> _Miss:
        """Compare the maps of some images before and after they were moved."""
        there = [
            slice(cells.start - 1, cells.stop - 1) if along == self.axis else cells
            for along, cells in enumerate(self.cells)
        ]
        part, found = shift / self.stride, after[:, :, self.cells[0], self.cells[1]]
        moved = before[:, :, self.cells[0], self.cells[1]].lerp(before[:, :, there[0], there[1]], part)
        missed = (found - moved).square().sum(dtype=torch.float64)
        both = torch.stack([found, found.square()])
        sums = both.sum((1, 3, 4), dtype=torch.float64).cpu()
        return _Miss(float(missed), sums, found[:, 0].numel())

    def error(self, shift: int) -> float:
        """The error of one shift; NaN where the map is the same everywhere."""
        found = self.found[shift]
        first, second = torch.stack([part.sums for part in found]).sum(0)
        spread = float((second - first.square() / sum(part.count for part in found)).sum())
        silent = spread <= 1e-12 * float(second.sum())
        missed = reduce(add, (part.missed for part in found))  # `sum` adds otherwise in Python 3.12
        return float("nan") if silent else (missed / spread) ** 0.5


def _inside(field: ReceptiveField, axis: int, size: int, room: int) -> slice:
    """The positions along an axis whose boxes begin at ``room`` or later and end inside the image."""
    first = 1 if room else 0  # one that moves is compared with the cell before it
    indices = range(first, field.extent[axis])
    boxes = {index: field.box(*((index, 0) if axis == 0 else (0, index))) for index in indices}
    good = [index for index, box in boxes.items() if box[axis] >= room and box[axis + 2] <= size]
    return slice(good[0], good[-1] + 1) if good else slice(0, 0)


def _try(network: Network, x: Tensor, trials: dict[tuple[str, int], _Trial]) -> None:
    """Move the images by every shift that some layer needs, and let the layers see them."""
    moves = sorted({(trial.axis, shift) for trial in trials.values() for shift in trial.shifts})
    names = list(dict.fromkeys(name for name, _ in trials))
    if not moves:
        return
    parts = torch.split(network.to_device(x), BATCH)
    work = [(number, *move) for number in range(len(parts)) for move in moves]

    @lru_cache(maxsize=1)
    def before(number: int) -> dict[str, Tensor]:
        return network.record(parts[number], names)

    def move(number: int, axis: int, shift: int) -> dict[str, _Miss]:
        wanted = [name for name, along in trials if along == axis and shift in trials[name, along].shifts]
        unmoved: dict[str, Tensor] = before(number)
        after: dict[str, Tensor] = network.record(parts[number].roll(shift, axis + 2), wanted)
        return {name: trials[name, axis].measure(unmoved[name], after[name], shift) for name in wanted}

    def some(piece: range) -> _Misses:
        return _Misses(tuple(move(*one) for one in track(work[piece.start : piece.stop])))

    pieces = cached_pieces(some, range(len(work)), 1, kind=_Misses)
    found = [misses for piece in pieces for misses in piece.moves]
    for (_, axis, shift), misses in zip(work, found, strict=True):
        for name, miss in misses.items():
            trials[name, axis].found.setdefault(shift, []).append(miss)


def _together(down: _Trial, across: _Trial, field: ReceptiveField) -> ShiftError:
    """The errors along both axes."""
    stride = (_number(field.stride[0]), _number(field.stride[1]))
    if down.reason and across.reason:
        return ShiftError(None, stride=stride, reason=down.reason)
    shifts = tuple(sorted({*down.shifts, *across.shifts}))
    each = torch.full((2, len(shifts)), torch.nan, dtype=torch.float64)
    for trial in (down, across):
        for shift in trial.shifts:
            each[trial.axis, shifts.index(shift)] = trial.error(shift)
    if each.isnan().all():
        return ShiftError(None, shifts, each, stride, "Its map is the same everywhere.")
    return ShiftError(float(each.nanmean()), shifts, each, stride)


def _number(stride: int | Fraction) -> float:
    """A stride as it is stored: a whole number where it is one."""
    return stride if isinstance(stride, int) else float(stride)
