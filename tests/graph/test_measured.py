"""What is measured of opaque operations, against what pixels really change: never less."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import deform_conv2d

from interpret.graph import ReceptiveField, receptive_field, trace
from interpret.graph.measured import fit
from interpret.graph.operations.geometry import Axis

Function = Callable[[Tensor], Tensor]

SIZE = (19, 16)
"""Rows and columns of the image."""


def blurred(x: Tensor, size: int = 3, **given: int) -> Tensor:
    filters = torch.arange(1.0, size * size + 1, dtype=x.dtype).view(1, 1, size, size)
    return F.conv2d(x, filters.expand(x.shape[1], 1, size, size), groups=x.shape[1], **given)


def median(x: Tensor) -> Tensor:
    parts = F.unfold(x, (3, 1), padding=(1, 0)).view(len(x), x.shape[1], 3, *x.shape[2:])
    return parts.median(2).values


def lowest(x: Tensor) -> Tensor:
    return -F.max_pool2d(-x, 3, 1, 1)


def quiet_lowest(x: Tensor) -> Tensor:
    return lowest(x.nan_to_num(0, 0, 0))


LOCAL: dict[str, tuple[Function, Axis, Axis]] = {
    "blur": (lambda x: blurred(x, padding=1), Axis(3, 1, 1), Axis(3, 1, 1)),
    "strided": (lambda x: blurred(x, 5, stride=2, padding=2), Axis(5, 2, 2), Axis(5, 2, 2)),
    "dilated": (lambda x: blurred(x, dilation=2, padding=2), Axis(3, 1, 2, 2), Axis(3, 1, 2, 2)),
    "no padding": (lambda x: blurred(x, 4), Axis(4), Axis(4)),
    "median of columns": (median, Axis(3, 1, 1), Axis()),
    "lowest": (lowest, Axis(3, 1, 1), Axis(3, 1, 1)),
    "lowest without nan": (quiet_lowest, Axis(3, 1, 1), Axis(3, 1, 1)),
    "shifted": (lambda x: F.pad(x, (0, 2, 0, 0))[..., 2:], Axis(), Axis(1, 1, -2)),
    "sharpened": (lambda x: 2 * x - blurred(x, padding=1), Axis(3, 1, 1), Axis(3, 1, 1)),
    "every other": (lambda x: x[:, :, ::2, 1::2].clone(), Axis(1, 2), Axis(1, 2, -1)),
    "softmax of channels": (lambda x: x.softmax(1), Axis(), Axis()),
    "sorted channels": (lambda x: x.sort(1).values, Axis(), Axis()),
    "logarithm": (lambda x: x.log(), Axis(), Axis()),
    "clipped": (lambda x: x.clamp(-1, 1), Axis(), Axis()),
    "steps": (lambda x: (x > 0.3).to(x), Axis(), Axis()),
    "weak": (lambda x: x + 1e-6 * F.pad(x, (0, 0, 1, 0))[:, :, :-1], Axis(2, 1, 1), Axis()),
}
"""Operations that read windows, and these windows."""


def by_value(x: Tensor, most: float) -> Tensor:
    """Every position reads the one in the corner, too, where its own value is large."""
    return x + torch.where(x > most, x[:, :, :1, :1], 0)


def where_the_last_is_large(x: Tensor) -> Tensor:
    far = x[:, :, -1:, -1:]
    return x + torch.where(far > 3, far, 0)


def rolled_by_value(x: Tensor) -> Tensor:
    steps = x.nan_to_num(0, 0, 0).mean((1, 2, 3)).mul(10).round().long().tolist()
    return torch.stack([image.roll((step, step), (1, 2)) for image, step in zip(x, steps, strict=True)])


def chosen_row(x: Tensor) -> Tensor:
    rows = x.nan_to_num(0, 0, 0).sum((1, 3)).argmax(1)
    return x + torch.stack([image[:, row, None] for image, row in zip(x, rows.tolist(), strict=True)])


def attention(x: Tensor) -> Tensor:
    flat = x.flatten(2)
    return (flat @ (flat.transpose(1, 2) @ flat).softmax(1)).view_as(x)


def circular(x: Tensor) -> Tensor:
    return blurred(F.pad(x, (1, 1, 1, 1), mode="circular"))


def far_at_last(x: Tensor) -> Tensor:
    """A blur, but for one position, which reads the opposite corner."""
    made = blurred(x, padding=1)
    made[:, :, 5, 6] += x[:, :, -1, -1]
    return made


def beside_once(x: Tensor) -> Tensor:
    """A blur, but for one position, which reads one between those that are replaced one by one."""
    made = blurred(x, padding=1)
    made[:, :, 20, 30] += x[:, :, 27, 30]
    return made


def noisy(x: Tensor) -> Tensor:
    return x + 1e-3 * torch.rand_like(x)


def refusing(x: Tensor) -> Tensor:
    if (x == 0).all():
        raise ValueError("nothing to see")
    return x + 1


GLOBAL: dict[str, Function] = {
    "softmax of positions": lambda x: x.flatten(2).softmax(2).view_as(x),
    "instance norm": F.instance_norm,
    "group norm": lambda x: F.group_norm(x, 2),
    "flip": lambda x: x.flip((2, 3)),
    "transposed": lambda x: x[:, :, :13, :13].transpose(2, 3).contiguous(),
    "roll": lambda x: x.roll((3, 5), (2, 3)),
    "roll by value": rolled_by_value,
    "sorted rows and columns": lambda x: x.sort(2).values.sort(3).values,
    "chosen row and column": lambda x: chosen_row(chosen_row(x).transpose(2, 3)).transpose(2, 3).contiguous(),
    "attention": attention,
    "corner where large": lambda x: by_value(x, 3),
    "corner where very large": lambda x: by_value(x, 300),
    "corner where negative": lambda x: by_value(-x, 3),
    "corner where huge": lambda x: by_value(x, 1e7),
    "far above a million": lambda x: x + (x[:, :, -1:, -1:] - 1e6).relu(),
    "far below a million": lambda x: x + (-1e6 - x[:, :, -1:, -1:]).relu(),
    "far where far is large": where_the_last_is_large,
    "circular": circular,
    "far once": far_at_last,
    "cumulative": lambda x: x.cumsum(2).cumsum(3),
    "bicubic": lambda x: F.interpolate(x, scale_factor=1.5, mode="bicubic"),
    "whole maximum": lambda x: x + x.amax((2, 3), keepdim=True),
    "faint mean": lambda x: x + 1e-5 * x.mean((2, 3), keepdim=True),
    "other image": lambda x: x.roll(1, 0),
    "noise": noisy,
    "refusal": refusing,
    "constant": torch.ones_like,
    "not a number": lambda x: x * torch.nan,
}
"""Operations that read all of a map, or other windows at other positions, or of which nothing can be seen."""

UNTRACEABLE = {"roll by value", "chosen row and column", "refusal"}
"""Functions of values, which have no values while a network is traced; they keep the shape."""

FUNCTIONS = {name: function for name, (function, _, _) in LOCAL.items()} | GLOBAL


@torch.library.custom_op("interpret_tests::some", mutates_args=(), schema="(Tensor self, str name) -> Tensor")
def some(self: Tensor, name: str) -> Tensor:
    """A function of which the engine knows nothing."""
    made = FUNCTIONS[name](self)
    return made.clone() if made is self else made


@some.register_fake
def _(self: Tensor, name: str) -> Tensor:
    if name in UNTRACEABLE:
        return torch.empty_like(self)
    return torch.empty_like(FUNCTIONS[name](self))


class Some(nn.Module):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def forward(self, x: Tensor) -> Tensor:
        return torch.ops.interpret_tests.some(x, self.name)


def network(name: str) -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(2, 4, 3), Some(name), nn.Conv2d(4, 3, (3, 2), padding=1)).double().eval()


def fields(name: str) -> list[ReceptiveField]:
    graph = trace(network(name), (2, *SIZE))
    assert graph.layer("1").op == "opaque"
    return [receptive_field(graph, layer) for layer in ("1", "2")]


def seen(module: nn.Module, layer: int) -> Tensor:
    """(rows, columns, h, w): which pixels change each neuron, by changing each pixel of several images."""
    chance = torch.Generator().manual_seed(3)
    every = torch.eye(SIZE[0] * SIZE[1], dtype=torch.bool).view(-1, 1, *SIZE)
    found = torch.zeros(())
    for scale, other in ((1, 30.0), (1, torch.nan), (30, 0.0), (30, -3000.0), (3000, 1.0), (0, 5.0)):
        x = scale * torch.randn(1, 2, *SIZE, generator=chance, dtype=torch.float64)
        with torch.no_grad():
            before = module[: layer + 1](x.expand(len(every), -1, -1, -1).clone())
            after = module[: layer + 1](torch.where(every, other, x))
        same = (before == after) | (before.isnan() & after.isnan())
        found = found + (~same).any(1).view(*SIZE, *before.shape[2:]).permute(2, 3, 0, 1)
    return found > 0


def hull(pixels: Tensor) -> tuple[int, int, int, int]:
    (rows, columns) = (pixels.any(axis).nonzero()[:, 0].tolist() for axis in (1, 0))
    return rows[0], columns[0], rows[-1] + 1, columns[-1] + 1


@pytest.mark.parametrize("name", LOCAL)
def test_windows_are_found(name: str) -> None:
    _, rows, columns = LOCAL[name]
    field, after = fields(name)
    for axis, read in enumerate((rows, columns)):
        assert field.size[axis] == read.reach + 3
        assert field.stride[axis] == read.stride
        assert field.offset[axis] == -read.padding
    assert after.size == (rows.reach + 3 + 2 * rows.stride, columns.reach + 3 + columns.stride)
    assert field.measured
    assert after.measured


@pytest.mark.parametrize("name", [name for name in LOCAL if name != "logarithm"])
def test_they_are_the_pixels_that_neurons_see(name: str) -> None:
    module = network(name)
    for layer, field in enumerate(fields(name), 1):
        pixels = seen(module, layer)
        for y, x in (
            (0, 0),
            (1, 3),
            (4, 4),
            (field.extent[0] - 1, 0),
            (field.extent[0] - 1, field.extent[1] - 1),
        ):
            if pixels[y, x].any():
                assert field.support(y, x) == hull(pixels[y, x]), (layer, y, x)


@pytest.mark.parametrize("name", GLOBAL)
def test_what_is_in_doubt_sees_the_image(name: str) -> None:
    for field in fields(name):
        assert field.size == SIZE
        assert field.box(0, 0) == (0, 0, *SIZE)
        assert not field.measured


def test_one_position_of_a_large_map_is_not_passed_over() -> None:
    FUNCTIONS["beside once"] = beside_once
    field = receptive_field(trace(nn.Sequential(Some("beside once")), (2, 90, 80)), "0")
    assert (field.size, field.measured) == ((90, 3), True)


@pytest.mark.parametrize("function", ["sort", "softmax"])
def test_rows_and_columns_are_measured_apart(function: str) -> None:
    FUNCTIONS["along columns"] = lambda x: x.sort(3).values if function == "sort" else x.softmax(3)
    field, _ = fields("along columns")
    assert (field.size, field.stride) == ((3, SIZE[1]), (1, 0))


def test_it_is_measured_only_where_it_is_asked_for() -> None:
    graph = trace(network("blur"), (2, *SIZE))
    field = receptive_field(graph, "2", measure=False)
    assert (field.size, field.measured) == (SIZE, False)
    assert not receptive_field(graph, "0").measured


def test_it_is_measured_once() -> None:
    calls = 0

    def counted(x: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return blurred(x, padding=1)

    FUNCTIONS["counted"] = counted
    graph = trace(network("counted"), (2, *SIZE))
    first, calls_before = receptive_field(graph, "2"), calls
    assert receptive_field(graph, "2") == first
    assert calls == calls_before


@torch.library.custom_op(
    "interpret_tests::weighted", mutates_args=(), schema="(Tensor self, Tensor weight) -> Tensor"
)
def weighted(self: Tensor, weight: Tensor) -> Tensor:
    """Every channel by one filter."""
    return F.conv2d(self, weight.expand(self.shape[1], 1, 3, 3), padding=1, groups=self.shape[1])


@weighted.register_fake
def _(self: Tensor, weight: Tensor) -> Tensor:
    return torch.empty_like(self)


class Weighted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3, 3))

    def forward(self, x: Tensor) -> Tensor:
        return torch.ops.interpret_tests.weighted(x, self.weight)


class Deformed(nn.Module):
    """A convolution that reads where another one tells it to."""

    def __init__(self) -> None:
        super().__init__()
        self.places = nn.Conv2d(2, 18, 1)
        self.weight = nn.Parameter(torch.ones(2, 2, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        return deform_conv2d(x, self.places(x), self.weight, padding=1)


def test_compiled_code_of_others_is_given_no_places_to_read() -> None:
    """At an offset that is no number, it would end the process."""
    field = receptive_field(trace(nn.Sequential(Deformed()), (2, *SIZE)), "0")
    assert (field.size, field.measured) == (SIZE, False)


class Sampled(nn.Module):
    """Reads where another map tells it to."""

    def __init__(self) -> None:
        super().__init__()
        self.places = nn.Conv2d(2, SIZE[1] * 2, (1, SIZE[1]))

    def forward(self, x: Tensor) -> Tensor:
        places = self.places(x).view(len(x), SIZE[1], 2, SIZE[0]).permute(0, 3, 1, 2).tanh()
        return F.grid_sample(x, places, align_corners=False)


class Multiplied(nn.Module):
    """A product of matrices: position (y, x) reads row y of one and column x of the other."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.left(x) @ self.right(x)


@pytest.mark.parametrize("module", [Sampled, Multiplied])
def test_every_operand_is_measured(module: type[nn.Module]) -> None:
    torch.manual_seed(0)
    size = (SIZE[1], SIZE[1]) if module is Multiplied else SIZE
    field = receptive_field(trace(nn.Sequential(module()), (2, *size)), "0")
    assert field.size == size


def test_weights_that_are_zero_do_not_hide_a_window() -> None:
    field = receptive_field(trace(nn.Sequential(Weighted()), (2, *SIZE)), "0")
    assert (field.size, field.offset, field.measured) == ((3, 3), (-1, -1), True)


def test_networks_without_memory_are_not_measured() -> None:
    graph = trace(network("blur"), (2, *SIZE))
    graph.module.to("meta")
    assert receptive_field(graph, "1").size == SIZE


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["110000", "001100", "000011"], Axis(2, 2)),
        (["110000", "011000", "001100", "000110", "000011"], Axis(2)),
        (["111111", "111111"], None),  # all of it
        (["110000", "011000", "001110", "000110", "000011"], None),  # of several sizes
        (["000011", "001100", "110000"], None),  # backwards
        (["110000", "000000", "000011"], None),  # unread once
        (["111", "111", "111"], None),  # a window as large as the map
        (["10", "01"], Axis()),
    ],
)
def test_fits(rows: list[str], expected: Axis | None) -> None:
    read = np.array([[letter == "1" for letter in row] for row in rows]).T
    assert fit(read, np.arange(len(read)), len(read)) == expected
