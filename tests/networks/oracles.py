"""Slow and obvious: hooks on the module itself, autograd through it, and through it with its rules replaced."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


@contextmanager
def watched(module: nn.Module, layer: str) -> Iterator[list[Tensor]]:
    """What a layer returns at each call, while this holds; ``name:2`` is its second."""
    name, _, number = layer.partition(":")
    seen: list[Tensor] = []

    def see(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        seen.append(output.clone())

    handle = module.get_submodule(name).register_forward_hook(see)
    try:
        yield seen
    finally:
        handle.remove()
    if number:
        seen[:] = [seen[int(number) - 1]]


def activations(module: nn.Module, layer: str, x: Tensor) -> Tensor:
    """What a layer makes of images; autograd follows where it is on."""
    with watched(module, layer) as seen:
        module(x)
    return seen[-1]


def as_maps(raw: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A layer's output as maps (n, c, h, w), or vectors (n, c), of a known shape.

    Channels may stand last, and tokens in one row, after those that are no place.
    """
    if tuple(raw.shape[1:]) == shape:
        return raw
    channels, *size = shape
    if tuple(raw.shape[1:]) == (*size, channels):
        return raw.movedim(-1, 1)
    if raw.dim() == 3 and raw.shape[2] == channels and raw.shape[1] >= size[0] * size[1]:
        return raw[:, raw.shape[1] - size[0] * size[1] :].mT.reshape(len(raw), *shape)
    raise AssertionError(f"{tuple(raw.shape)} are no maps of {shape}")


def gradient(module: nn.Module, layer: str, x: Tensor, weights: Tensor) -> Tensor:
    """The gradient of a weighted sum of a layer's maps, for each image of its own."""
    leaf = x.clone().requires_grad_()
    maps = as_maps(activations(module, layer, leaf.clone()), tuple(weights.shape))
    if not maps.requires_grad:
        return torch.zeros_like(leaf)
    (found,) = torch.autograd.grad((maps * weights).sum(), leaf, allow_unused=True)
    return torch.zeros_like(leaf) if found is None else found


def touched(
    module: nn.Module, layer: str, x: Float[Tensor, "n c h w"], shape: tuple[int, ...], y: int, column: int
) -> Bool[Tensor, "h w"]:
    """The pixels that have a gradient in one position of a layer, in any of the images."""
    weights = torch.zeros(shape, dtype=x.dtype)
    weights[:, y, column] = torch.randn(shape[0], generator=torch.Generator().manual_seed(2), dtype=x.dtype)
    return (gradient(module, layer, x, weights) != 0).any(1).any(0)
