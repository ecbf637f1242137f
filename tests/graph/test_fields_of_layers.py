"""Receptive fields of layers that move positions, against all pixels one by one and against boxes by hand."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from interpret.graph import ReceptiveField, receptive_field, trace

sys.path.insert(0, str(Path(__file__).parent))
from position_layers import LAYERS, Row, Rows, random_rows


def reads(row: Row, index: int, size: tuple[int, int]) -> Tensor:
    """Which pixels each position reads: images with one pixel each. (pixels, h, w)"""
    pixels = torch.eye(size[0] * size[1], dtype=torch.float64).view(-1, 1, *size)
    with torch.no_grad():
        return (nn.Sequential(*row.layers[: index + 1])(pixels) != 0).any(1)


def bounds(marks: Tensor) -> tuple[int, int, int, int]:
    """The smallest box around marked pixels (h, w)."""
    if not marks.any():
        return 0, 0, 0, 0
    rows, columns = marks.any(1).nonzero()[:, 0], marks.any(0).nonzero()[:, 0]
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def flaws(field: ReceptiveField, read: Tensor, size: tuple[int, int]) -> list[str]:
    """Where a receptive field is not what is read."""
    found = [] if field.extent == tuple(read.shape[1:]) else [f"extent {field.extent}"]
    for y in range(field.extent[0]):
        for x in range(y % 3, field.extent[1], 3):  # in a row every third; all columns in three rows
            real = bounds(read[:, y, x].view(size))
            top, left, bottom, right = field.box(y, x)
            if field.support(y, x) != real:
                found.append(f"support of {y}, {x}: {field.support(y, x)}, not {real}")
            empty = real == (0, 0, 0, 0)
            if not empty and not (
                top <= real[0] and left <= real[1] and bottom >= real[2] and right >= real[3]
            ):
                found.append(f"box of {y}, {x}: {field.box(y, x)}, not around {real}")
    return found


def problems(module: Rows) -> list[str]:
    """What is wrong with the layers of some rows."""
    graph = trace(module, (1, *module.size))
    found = []
    for number, row in enumerate(module.rows):
        for index in range(1, len(row.layers)):
            field = receptive_field(graph, f"rows.{number}.layers.{index}")
            wrong = flaws(field, reads(row, index, module.size), module.size)
            wrong += ["measured"] if field.measured else []
            found += (
                [f"{' > '.join(row.names)}, layer {index}: {row.layers[index]}: {wrong[:3]}"] if wrong else []
            )
    return found


NAMES = list(LAYERS)


@pytest.mark.parametrize("names", [NAMES[:14], NAMES[14:]], ids=["first", "second"])
def test_every_layer_between_two_convolutions(names: list[str]) -> None:
    module = Rows([[name] for name in names], (10, 8), 3)
    assert len(module.rows) == len(names)
    assert problems(module) == []


def test_random_layers_in_a_row() -> None:
    assert problems(random_rows(0, 10)) == []


@pytest.mark.slow
@pytest.mark.parametrize("part", range(40))
def test_many_random_layers_in_a_row(part: int) -> None:
    assert problems(random_rows(100 + part, 20)) == []


def field_of(*layers: nn.Module, size: tuple[int, int] = (8, 8)) -> ReceptiveField:
    module = nn.Sequential(*layers).double().eval()
    return receptive_field(trace(module, (1, *size)), str(len(layers) - 1))


def rows_of(field: ReceptiveField, count: int) -> list[tuple[int, int]]:
    """First and last row, and one more, of the boxes of the first neurons."""
    return [field.box(y, 0)[::2] for y in range(count)]


def test_nearest_upsampling_by_two_has_half_a_stride() -> None:
    field = field_of(nn.Upsample(scale_factor=2))
    assert (field.size, field.stride, field.extent) == ((1, 1), (Fraction(1, 2), Fraction(1, 2)), (16, 16))
    assert rows_of(field, 4) == [(0, 1), (0, 1), (1, 2), (1, 2)]
    assert not field.regular


def test_strides_that_cancel_are_whole_and_boxes_still_do_not_move_by_them() -> None:
    field = field_of(
        nn.Conv2d(1, 1, 3, 2, 1), nn.Upsample(scale_factor=2), nn.Conv2d(1, 1, 3, padding=1), size=(32, 32)
    )
    assert field.extent == (32, 32)
    assert field.stride == (1, 1)
    assert all(isinstance(stride, int) for stride in field.stride)
    assert field.size == (5, 5)
    assert rows_of(field, 4) == [(-3, 2), (-1, 4), (-1, 4), (1, 6)]
    assert not field.regular


def test_a_transposed_convolution_with_its_kernel_as_wide_as_its_stride_reads_one_pixel() -> None:
    field = field_of(nn.ConvTranspose2d(1, 1, 2, 2))
    assert (field.size, field.stride) == ((1, 1), (Fraction(1, 2), Fraction(1, 2)))
    assert rows_of(field, 4) == [(0, 1), (0, 1), (1, 2), (1, 2)]


def test_a_transposed_convolution_reaches_over_the_border() -> None:
    field = field_of(nn.ConvTranspose2d(1, 1, 4, 2, 1))
    assert field.size == (2, 2)
    assert rows_of(field, 3) == [(-1, 1), (0, 2), (0, 2)]
    assert field.support(0, 0) == (0, 0, 1, 1)


def test_a_transposed_convolution_leaves_gaps_where_its_kernel_is_narrow() -> None:
    field = field_of(nn.ConvTranspose2d(1, 1, (1, 2), 2))
    assert [field.box(y, 3) for y in range(3)] == [(0, 1, 1, 2), (0, 0, 0, 0), (1, 1, 2, 2)]
    assert field.support(1, 3) == (0, 0, 0, 0)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_a_padding_of_any_mode_has_the_sizes_of_one_with_zeros(mode: str) -> None:
    field = field_of(nn.Conv2d(1, 1, 3, padding=1, padding_mode=mode))
    assert (field.size, field.stride, field.extent) == ((3, 3), (1, 1), (8, 8))
    assert field.box(4, 3) == (3, 2, 6, 5)
    assert field.regular == (mode != "circular")
    wrapped = (0, 0, 8, 8)
    assert field.box(0, 0) == (wrapped if mode == "circular" else (-1, -1, 2, 2))
    assert field.support(0, 0) == (wrapped if mode == "circular" else (0, 0, 2, 2))


def test_a_mirror_that_shows_more_than_the_window_holds_moves_the_box() -> None:
    field = field_of(nn.ReflectionPad2d(3), nn.Conv2d(1, 1, (2, 7)))
    assert rows_of(field, 4) == [(2, 4), (1, 3), (0, 2), (0, 2)]
    assert field.box(0, 0) == (2, -3, 4, 4)
    assert field.size == (2, 7)


def test_bilinear_interpolation_reads_the_pixels_around_a_place() -> None:
    field = field_of(nn.Upsample(scale_factor=2, mode="bilinear"))
    assert (field.size, field.stride) == ((2, 2), (Fraction(1, 2), Fraction(1, 2)))
    assert rows_of(field, 4) == [(-1, 1), (0, 2), (0, 2), (1, 3)]
    assert field.support(0, 0) == (0, 0, 1, 1)


def test_weights_of_zero_read_nothing() -> None:
    field = field_of(nn.Upsample(size=(15, 15), mode="bilinear", align_corners=True))
    assert field.stride == (Fraction(1, 2), Fraction(1, 2))
    assert rows_of(field, 3) == [(0, 1), (0, 2), (1, 2)]
    assert [field.support(y, 0) for y in (2, 3)] == [(1, 0, 2, 1), (1, 0, 3, 1)]


def test_bicubic_interpolation_reads_four() -> None:
    field = field_of(nn.Upsample(scale_factor=2, mode="bicubic"))
    assert field.size == (4, 4)
    assert field.box(7, 7) == (2, 2, 6, 6)


def test_pixels_from_channels_and_back() -> None:
    shuffled = field_of(nn.Conv2d(1, 4, 3, padding=1), nn.PixelShuffle(2))
    assert (shuffled.size, shuffled.stride) == ((3, 3), (Fraction(1, 2), Fraction(1, 2)))
    assert rows_of(shuffled, 3) == [(-1, 2), (-1, 2), (0, 3)]
    back = field_of(nn.PixelUnshuffle(2))
    assert (back.size, back.stride, back.regular) == ((2, 2), (2, 2), True)


def test_adaptive_pools_with_a_remainder_differ_in_size() -> None:
    field = field_of(nn.AdaptiveAvgPool2d(3))
    assert (field.size, field.stride) == ((4, 4), (Fraction(8, 3), Fraction(8, 3)))
    assert rows_of(field, 3) == [(0, 3), (2, 6), (5, 8)]


class Turned(nn.Module):
    """A flip and a roll."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flip(2).roll(2, 3)


def test_flips_go_backwards_and_rolls_come_in_on_the_other_side() -> None:
    field = field_of(nn.Identity(), Turned())
    assert (field.size, field.stride) == ((1, 1), (-1, 1))
    assert field.box(0, 0) == (7, 6, 8, 7)
    assert field.box(7, 2) == (0, 0, 1, 1)


class Ways(nn.Module):
    """A skip of a U-Net, on an image whose size its strides do not divide."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.out = nn.Conv2d(1, 1, 3, 2, 1), nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.out(F.interpolate(self.down(x), size=x.shape[2:]) + x)


@pytest.mark.parametrize(("size", "stride"), [(8, Fraction(1)), (9, None)])
def test_where_ways_differ_the_stride_is_the_mean(size: int, stride: Fraction | None) -> None:
    field = receptive_field(trace(Ways().eval(), (1, size, size)), "out")
    boxes = [field.box(y, 0)[::2] for y in range(size)]
    moves = boxes[-1][0] - boxes[0][0] + boxes[-1][1] - boxes[0][1]
    assert field.stride[0] == (stride or Fraction(moves, 2 * (size - 1)))
    assert not field.regular


def test_an_ordinary_network_is_regular() -> None:
    assert field_of(nn.Conv2d(1, 1, 3, 2, 1), nn.MaxPool2d(3, 2, 1)).regular
    assert field_of(nn.Conv2d(1, 1, 3), nn.AdaptiveAvgPool2d(1)).regular


class Windowed(nn.Module):
    """A map with its channels last, padded to whole windows, as Swin's."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.out = nn.Conv2d(1, 5, 3, 2, 1), nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(self.stem(x).permute(0, 2, 3, 1), (0, 0, 1, 2, 3, 0))
        return self.out(x)


def test_a_padding_finds_rows_and_columns_where_they_lie() -> None:
    graph = trace(Windowed().eval(), (1, 14, 12))
    assert graph.layer("out").spatial == (1, 2)
    field = receptive_field(graph, "out")
    assert (field.extent, field.size, field.stride) == ((10, 9), (3, 3), (2, 2))
    assert field.offset == (-7, -3)
    assert field.support(3, 1) == (0, 0, 2, 2)
