"""Layers that move positions, as functions of what is drawn: for networks of them in a row."""

from __future__ import annotations

import random
from collections.abc import Callable

import torch
from torch import Tensor, nn

Draw = random.Random


class Call(nn.Module):
    """A function as a layer."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def convolution(draw: Draw) -> nn.Module:
    kernel, dilation = (draw.randint(1, 4), draw.randint(1, 3)), (draw.randint(1, 2), draw.randint(1, 2))
    mode = draw.choice(["zeros", "reflect", "replicate", "circular"])
    padding = (draw.randint(0, 2), draw.randint(0, 2))
    stride = (draw.randint(1, 2), draw.randint(1, 3))
    return nn.Conv2d(4, 4, kernel, stride, padding, dilation, draw.choice([1, 2]), padding_mode=mode)


def transposed(draw: Draw) -> nn.Module:
    stride, dilation = [draw.randint(1, 3), draw.randint(1, 2)], [draw.randint(1, 3), draw.randint(1, 2)]
    kernel = (draw.randint(1, 4), draw.randint(1, 3))
    spare = [draw.randint(0, max(each) - 1) for each in zip(stride, dilation, strict=True)]
    padding = (draw.randint(0, 1), draw.randint(0, 2))
    return nn.ConvTranspose2d(4, 4, kernel, stride, padding, spare, draw.choice([1, 2]), False, dilation)


def interpolated(mode: str, **options: object) -> Callable[[Draw], nn.Module]:
    def made(draw: Draw) -> nn.Module:
        given = dict(options)
        if "linear" in mode or "cubic" in mode:
            given.setdefault("align_corners", draw.random() < 0.5)
        scale = (draw.choice([0.6, 1.45, 2, 2.5, 3]), draw.choice([0.5, 1.2, 2]))
        size = (draw.randint(2, 15), draw.randint(2, 15))
        chosen = {"size": size} if draw.random() < 0.4 else {"scale_factor": scale}
        if "scale_factor" in chosen and draw.random() < 0.3:
            given["recompute_scale_factor"] = True
        return Call(lambda x: nn.functional.interpolate(x, mode=mode, **chosen, **given))  # type: ignore[arg-type]

    return made


def padded(mode: str) -> Callable[[Draw], nn.Module]:
    def made(draw: Draw) -> nn.Module:
        pads = [draw.randint(0, 3) for _ in range(4)]
        return Call(lambda x: nn.functional.pad(x, pads, mode))

    return made


def module(kind: type[nn.Module], *choices: object) -> Callable[[Draw], nn.Module]:
    return lambda draw: kind(draw.choice(choices))


def cut(draw: Draw) -> nn.Module:
    first, step = (draw.randint(0, 1), draw.randint(0, 2)), (draw.randint(1, 2), draw.randint(1, 2))
    return Call(lambda x: x[:, :, first[0] :: step[0], first[1] :: step[1]])


def rolled(draw: Draw) -> nn.Module:
    shifts = (draw.randint(-3, 3), draw.randint(-3, 3))
    return Call(lambda x: x.roll(shifts, (2, 3)))


def side_by_side(draw: Draw) -> nn.Module:
    """Two ways of one extent whose strides differ, or do not."""
    size = (draw.randint(3, 9), draw.randint(3, 9))
    first, second = (draw.choice(["nearest", "bilinear", "area"]) for _ in range(2))
    pool = draw.choice([1, 2])

    def both(x: Tensor) -> Tensor:
        ways = nn.functional.avg_pool2d(x, pool), x.flip(3)[:, :, 1:]
        return sum(
            nn.functional.interpolate(way, size=size, mode=mode)
            for way, mode in zip(ways, (first, second), strict=True)
        )  # type: ignore[return-value]

    return Call(both)


LAYERS: dict[str, Callable[[Draw], nn.Module]] = {
    "convolution": convolution,
    "transposed": transposed,
    "transposed_again": transposed,
    "nearest": interpolated("nearest"),
    "nearest_exact": interpolated("nearest-exact"),
    "bilinear": interpolated("bilinear"),
    "bicubic": interpolated("bicubic"),
    "bilinear_smoothed": interpolated("bilinear", antialias=True),
    "bicubic_smoothed": interpolated("bicubic", antialias=True),
    "reflect": padded("reflect"),
    "replicate": padded("replicate"),
    "circular": padded("circular"),
    "reflect_module": module(nn.ReflectionPad2d, 1, (0, 2, 1, 0)),
    "replicate_module": module(nn.ReplicationPad2d, 2, (1, 0, 0, 3)),
    "circular_module": module(nn.CircularPad2d, 2, (1, 0, 0, 3)),
    "zero_module": module(nn.ZeroPad2d, 2, (1, 0, -1, 3)),
    "shuffle": module(nn.PixelShuffle, 2),
    "unshuffle": module(nn.PixelUnshuffle, 2),
    "channel_shuffle": module(nn.ChannelShuffle, 2),
    "adaptive": module(nn.AdaptiveAvgPool2d, (3, 5), (4, 4), (7, 2)),
    "average": lambda draw: nn.AvgPool2d(
        draw.randint(1, 3), draw.randint(1, 3), ceil_mode=draw.random() < 0.5
    ),
    "power": lambda draw: nn.LPPool2d(2, draw.randint(1, 3), draw.randint(1, 2)),
    "flip": lambda draw: Call(lambda x: x.flip(2)),
    "flip_both": lambda draw: Call(lambda x: x.flip(2, 3)),
    "roll": rolled,
    "cut": cut,
    "ways": side_by_side,
}


class Row(nn.Module):
    """A convolution of one channel, and layers with such convolutions after them that make four channels."""

    def __init__(self, names: list[str], size: tuple[int, int], draw: Draw) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(1, 4, draw.choice([1, 3]), padding=draw.choice([0, 1]))]
        x = layers[0](torch.ones(1, 1, *size))
        for name in names:
            layers.append(LAYERS[name](draw))
            x = layers[-1](x)
            if not 0 < x[0, 0].numel() <= 700:
                raise ValueError("too large or nothing left")
            layers.append(nn.Conv2d(x.shape[1], 4, (draw.choice([1, 3]), 1), padding=(1, 0), bias=False))
            x = layers[-1](x)
        self.names, self.layers = names, nn.ModuleList(layers)
        for parameter in self.parameters():  # positive, each another, so that nothing cancels
            parameter.data = torch.rand_like(parameter) + 0.5 if parameter.ndim > 1 else 0 * parameter

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class Rows(nn.Module):
    """Several of them side by side: one trace serves them all."""

    def __init__(self, rows: list[list[str]], size: tuple[int, int], seed: int, tries: int = 20) -> None:
        super().__init__()
        torch.manual_seed(seed)
        draw, made = Draw(seed), []
        for names in rows:
            for _ in range(tries):
                try:
                    made.append(Row(names, size, draw))
                    break
                except (RuntimeError, ValueError):  # it needs more rows, or other channels
                    continue
        self.size, self.rows = size, nn.ModuleList(made).double().eval()

    def forward(self, x: Tensor) -> Tensor:
        return sum(row(x).sum() for row in self.rows) + 0 * x.sum((1, 2, 3))  # type: ignore[return-value]


def random_rows(seed: int, count: int) -> Rows:
    """Rows of two to four layers, on images of several shapes."""
    draw = Draw(seed)
    size = draw.choice([(9, 9), (10, 8), (8, 11), (12, 7)])
    names = [draw.choices(list(LAYERS), k=draw.randint(2, 4)) for _ in range(count)]
    return Rows(names, size, seed)
