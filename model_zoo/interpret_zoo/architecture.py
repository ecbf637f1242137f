"""The eight-layer architecture that ZFNet and Krizhevsky's net share, as one plain ``nn.Sequential``.

The modules carry the paper's names: ``layer1`` is a whole layer (convolution, ReLU, pool, norm),
``layer1.conv`` a part of it. Layers that are removed leave the others' numbers alone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import torch
from torch import nn

from interpret.errors import ModelError
from interpret_zoo.mean_image import MeanImage

Size: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class ConvLayer:
    """One convolutional layer; ``after`` is what follows its ReLU, in order."""

    width: int
    kernel: int
    stride: int = 1
    padding: int = 0
    groups: int = 1
    after: tuple[Literal["pool", "norm"], ...] = ()


@dataclass(frozen=True)
class LinearLayer:
    """One hidden linear layer, with ReLU and dropout."""

    width: int


Layers: TypeAlias = Mapping[int, ConvLayer | LinearLayer]


def resize(
    layers: Layers,
    *,
    scale: float = 1.0,
    widths: Mapping[int, int] | None = None,
    remove: Collection[int] = (),
) -> Layers:
    """The layers with other widths, or without some of them.

    Args:
        layers: Number -> layer.
        scale: Multiplies every width; rounded to even numbers, so that two groups still fit.
        widths: Number -> width of layers that get exactly this many units.
        remove: Numbers of layers to leave out; the others keep theirs.

    Raises:
        ModelError: If a number names no layer.
    """
    widths = widths or {}
    check_numbers(layers, "widths", widths)
    check_numbers(layers, "remove", remove)
    return {
        number: replace(layer, width=widths.get(number, scaled(layer.width, scale)))
        for number, layer in layers.items()
        if number not in remove
    }


def scaled(width: int, scale: float) -> int:
    """``width * scale``, rounded to an even number of at least 2."""
    return 2 * max(1, round(width * scale / 2))


def check_numbers(layers: Layers, parameter: str, numbers: Collection[int]) -> None:
    """Refuse numbers that name no layer."""
    unknown = sorted(set(numbers) - set(layers))
    if unknown:
        raise ModelError(
            f"{parameter!r} names layer {unknown[0]}; there are layers {', '.join(map(str, layers))}."
        )


def ungrouped(layers: Layers) -> Layers:
    """The layers with every convolution dense."""
    return {
        n: replace(layer, groups=1) if isinstance(layer, ConvLayer) else layer for n, layer in layers.items()
    }


def build(
    layers: Layers,
    *,
    channels: int,
    size: Size,
    classes: int,
    dropout: float,
    mean_image: Size | None = None,
) -> nn.Sequential:
    """A network with random weights: N(0, 0.01²), zero biases (paper section 3).

    Args:
        layers: Number -> layer.
        channels: Channels of the input image.
        size: Height and width of the input image in pixels.
        classes: Outputs of the classifier, as logits.
        dropout: Fraction of the hidden units dropped while training.
        mean_image: Height and width of a mean image, still zero, that is subtracted first; none: it is not.

    Raises:
        ModelError: If the image is too small, or a width does not divide into its groups.
    """
    with torch.device("meta"):  # PyTorch's own initial values would only cost time
        network = assemble(layers, channels=channels, size=size, classes=classes, dropout=dropout)
    network.to_empty(device="cpu")
    initialise(network)
    if mean_image:
        named = [("mean", MeanImage(channels, size, mean_image)), *network.named_children()]
        network = nn.Sequential(OrderedDict(named))
    return network


def assemble(layers: Layers, *, channels: int, size: Size, classes: int, dropout: float) -> nn.Sequential:
    """The modules alone, with whatever weights PyTorch gives them; parameters as for ``build``."""
    network = nn.Sequential()
    for number, layer in layers.items():
        if isinstance(layer, ConvLayer):
            block, size = _conv_block(f"layer{number}", layer, channels, size)
            network.add_module(f"layer{number}", block)
            channels = layer.width
    network.add_module("flatten", nn.Flatten())
    features = channels * size[0] * size[1]
    for number, layer in layers.items():
        if isinstance(layer, LinearLayer):
            network.add_module(f"layer{number}", _linear_block(layer, features, dropout))
            features = layer.width
    network.add_module("classifier", nn.Linear(features, classes))
    return network


def initialise(network: nn.Module) -> None:
    """Draw all weights from N(0, 0.01²) and set all biases to zero, in place."""
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
        else:
            nn.init.normal_(parameter, std=0.01)


def _conv_block(name: str, layer: ConvLayer, channels: int, size: Size) -> tuple[nn.Sequential, Size]:
    """The layer and the size of its output map.

    The convolution's size rounds up, as in Krizhevsky's code that the paper's is based on: where the
    stride leaves a rest, the last window hangs over the right and bottom borders (224 -> 110, not 109).
    """
    _check_layer(name, layer, channels, size)
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    size, (bottom, right) = _rounded_up(size, layer.kernel, layer.stride, layer.padding)
    if bottom or right:
        parts["pad"] = nn.ZeroPad2d((0, right, 0, bottom))
    parts["conv"] = nn.Conv2d(
        channels, layer.width, layer.kernel, layer.stride, layer.padding, groups=layer.groups
    )
    parts["relu"] = nn.ReLU()
    for part in layer.after:
        if part == "pool":
            _check_map(name, "pool", 3, size)
            size, _ = _rounded_up(size, 3, 2, 0)
            parts["pool"] = nn.MaxPool2d(3, 2, ceil_mode=True)
        else:
            parts["norm"] = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0)
    return nn.Sequential(parts), size


def _linear_block(layer: LinearLayer, features: int, dropout: float) -> nn.Sequential:
    linear = nn.Linear(features, layer.width)
    return nn.Sequential(OrderedDict(linear=linear, relu=nn.ReLU(), dropout=nn.Dropout(dropout)))


def _rounded_up(size: Size, kernel: int, stride: int, padding: int) -> tuple[Size, Size]:
    """Output size ``1 + ceil((n + 2p - k) / s)`` of each side, and how far the last window hangs over."""
    outputs = [1 - (kernel - side - 2 * padding) // stride for side in size]
    over = [(out - 1) * stride + kernel - side - 2 * padding for out, side in zip(outputs, size, strict=True)]
    return (outputs[0], outputs[1]), (over[0], over[1])


def _check_layer(name: str, layer: ConvLayer, channels: int, size: Size) -> None:
    if channels % layer.groups or layer.width % layer.groups:
        raise ModelError(
            f"{name} has {layer.groups} groups, but {channels} input maps "
            f"and {layer.width} output maps: both must divide by it. Choose even widths, or no groups."
        )
    _check_map(name, "convolution", layer.kernel - 2 * layer.padding, size)


def _check_map(name: str, part: str, kernel: int, size: Size) -> None:
    if min(size) < kernel:
        raise ModelError(
            f"The image is too small: the {part} of {name} gets a map of {size[0]} x {size[1]} "
            f"and needs at least {kernel} x {kernel}. Use a larger input size."
        )
