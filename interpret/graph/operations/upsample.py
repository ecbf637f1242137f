"""From a map to a larger one, or to a smaller one: interpolation, and pixels that become channels."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from interpret.graph.delta.changes import Change, PlaceBatch, laid_out
from interpret.graph.delta.intervals import Slices
from interpret.graph.operations.geometry import Geometry, pair, takes_map
from interpret.graph.operations.operation import DeltaRules, Operation, WindowedRules
from interpret.graph.operations.resampling import by_weights
from interpret.graph.operations.sampling import Positions, Sampling
from interpret.graph.program.program import Node
from interpret.graph.topdown.neuron_windows import NeuronWindows
from interpret.graph.topdown.whole_maps import Share

aten = torch.ops.aten

NEAREST = ("upsample_nearest2d", "_upsample_nearest_exact2d")


class Interpolation(NamedTuple):
    """One axis of an interpolation.

    Attributes:
        name: PyTorch's name of it.
        size: Positions of the operand.
        made: Positions of the value.
        corners: Whether the first and the last positions of both coincide (``align_corners``).
        scale: How many times as large the value is, if that was asked for and not a size.
        dtype: Type of the numbers, with whose precision PyTorch says where it reads.
    """

    name: str
    size: int
    made: int
    corners: bool
    scale: float | None
    dtype: torch.dtype | None

    @property
    def stride(self) -> Fraction:
        """Positions of the operand from one position of the value to the next."""
        if self.corners and self.made > 1:
            return Fraction(self.size - 1, self.made - 1)
        if self.scale and not self.corners:
            return 1 / Fraction(self.scale).limit_denominator(10_000)
        return Fraction(self.size, self.made)

    @property
    def first(self) -> Fraction:
        """Where the first position of the value lies among those of the operand."""
        if self.corners or self.name == "upsample_nearest2d":
            return Fraction(0)
        half = self.stride / 2
        return half if self.name == "_upsample_nearest_exact2d" else half - Fraction(1, 2)

    @property
    def reach(self) -> Fraction:
        """What has a weight lies nearer than this to a place among the positions of the operand."""
        kernel = Fraction(2 if "bicubic" in self.name else 1)
        return kernel * max(self.stride, Fraction(1)) if self.name.endswith("_aa") else kernel

    def windows(self, first: Positions, last: Positions) -> tuple[Positions, Positions]:
        """What the kernel lies over, beyond the borders too."""
        if self.name in NEAREST:
            return _floor(self.first, self.stride, first), _floor(self.first, self.stride, last)
        start = _floor(self.first - self.reach, self.stride, first) + 1
        return start, -_floor(-self.first - self.reach, -self.stride, last) - 1


def _floor(offset: Fraction, stride: Fraction, position: Positions) -> Positions:
    """Round offset + stride * position down."""
    common = offset.denominator * stride.denominator
    return (position * int(stride * common) + int(offset * common)) // common


@lru_cache(64)
def _weights(axis: Interpolation) -> Float[Tensor, "made size"]:
    """What each position weighs, from what PyTorch makes of maps with one pixel each."""
    pixels = torch.eye(axis.size, dtype=axis.dtype)[:, None, None]
    corners = () if axis.name in NEAREST else (axis.corners,)
    made: Tensor = getattr(aten, axis.name).default(pixels, [1, axis.made], *corners, None, axis.scale)
    return made[:, 0, 0].T.contiguous()


def interpolation(node: Node, axis: int) -> Interpolation:
    """The rows (0) or the columns (1) of an interpolation."""
    given, operand = node.arguments, node.operands[0]
    scales = given.get("scale_factors") or (given.get("scales_h"), given.get("scales_w"))
    corners = bool(given.get("align_corners"))
    return Interpolation(
        node.operation, operand.extent[axis], node.extent[axis], corners, scales[axis], operand.dtype
    )


def _interpolated(node: Node, operand: Node, axis: int) -> Sampling | None:
    if not takes_map(node, operand):
        return None
    found = interpolation(node, axis)
    return Sampling(found.stride, found.windows, table=(_weights(found) != 0).numpy())


def _weights_of(node: Node, axis: int, dtype: torch.dtype) -> Float[Tensor, "made size"]:
    return _weights(interpolation(node, axis)._replace(dtype=dtype))


# Pixels from channels, and channels from pixels.


def _shuffled(node: Node, operand: Node, _axis: int) -> Sampling | None:
    factor = node.arguments["upscale_factor"]
    if not takes_map(node, operand):
        return None
    return Sampling(Fraction(1, factor), lambda first, last: (first // factor, last // factor))


def _shuffled_change(batch: PlaceBatch, node: Node) -> Change:
    factor, operand = node.arguments["upscale_factor"], node.operands[0]
    rows, columns = (
        Slices(tuple(start * factor for start in slices.starts), slices.size * factor)
        for slices in batch.windows(operand)
    )
    delta = batch.read(operand, batch.windows(operand))
    return Change(laid_out(F.pixel_shuffle(delta, factor)), (rows, columns))


def _unshuffled_change(batch: PlaceBatch, node: Node) -> Change:
    delta = batch.read(node.operands[0], batch.windows_read(node, _unshuffled(node)))
    made = F.pixel_unshuffle(delta, node.arguments["downscale_factor"])
    return Change(laid_out(made), batch.windows(node))


def _unshuffled(node: Node) -> Geometry:
    factor = pair(node.arguments["downscale_factor"])
    return Geometry(factor, factor)


def _unshuffled_windowed(_windows: NeuronWindows, node: Node, signal: Tensor) -> list[Share]:
    return [(node.operands[0], F.pixel_shuffle(signal, node.arguments["downscale_factor"]))]


OPERATIONS = (
    Operation(
        "upsample_nearest2d",
        NEAREST,
        linear="first",
        maps=True,
        positions=_interpolated,
        delta=by_weights(_weights_of),
    ),
    Operation(
        "upsample",
        ("upsample_bilinear2d", "upsample_bicubic2d", "_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa"),
        linear="first",
        sums=True,
        maps=True,
        positions=_interpolated,
        delta=by_weights(_weights_of),
    ),
    Operation(
        "pixel_shuffle",
        ("pixel_shuffle",),
        linear="first",
        maps=True,
        positions=_shuffled,
        delta=DeltaRules(_shuffled_change, fresh=True),
    ),
    Operation(
        "pixel_unshuffle",
        ("pixel_unshuffle",),
        linear="first",
        maps=True,
        geometry=_unshuffled,
        windowed=WindowedRules(_unshuffled_windowed),
        delta=DeltaRules(_unshuffled_change, fresh=True),
    ),
)
