"""Slow and obvious: hooks on the module itself, and autograd through it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


def activations(module: nn.Module, layers: Sequence[str], x: Tensor) -> dict[str, Tensor]:
    """What some layers make of images; autograd follows where it is on. ``name:2`` is a second call."""
    seen: dict[str, list[Tensor]] = {layer.partition(":")[0]: [] for layer in layers}

    def see(name: str) -> Callable[..., None]:
        return lambda _module, _given, output: seen[name].append(maps_of(output).clone())

    handles = [module.get_submodule(name).register_forward_hook(see(name)) for name in seen]
    try:
        module(x)
    finally:
        for handle in handles:
            handle.remove()
    numbered = {layer: layer.partition(":") for layer in layers}
    return {layer: seen[name][int(number or 0) - 1] for layer, (name, _, number) in numbered.items()}


def maps_of(output: Any) -> Tensor:
    """The maps in what a module returned, which may hold them beside other things."""
    parts = [output] if isinstance(output, Tensor) else output
    found: Tensor = parts[0] if len(parts) == 1 else next(part for part in parts if part.dim() in {3, 4})
    return found


def as_maps(raw: Tensor, shape: tuple[int, ...]) -> Float[Tensor, "n c h w"]:
    """A layer's output as maps of a known shape (c, h, w).

    Channels may stand last, and tokens in one row, after those that have no place.
    """
    if tuple(raw.shape[1:]) == shape:
        return raw
    channels, rows, columns = shape
    if tuple(raw.shape[1:]) == (rows, columns, channels):
        return raw.movedim(-1, 1)
    assert raw.dim() == 3, f"{tuple(raw.shape)} are no maps of {shape}"
    return raw[:, raw.shape[1] - rows * columns :].mT.reshape(len(raw), *shape)


def gradient(value: Tensor, leaf: Tensor) -> Tensor:
    """The gradient of one value; zero where it has none."""
    if not value.requires_grad:
        return torch.zeros_like(leaf)
    (found,) = torch.autograd.grad(value, leaf, retain_graph=True, allow_unused=True)
    return torch.zeros_like(leaf) if found is None else found


def touched(maps: Float[Tensor, "n c h w"], leaf: Tensor, y: int, x: int) -> Bool[Tensor, "h w"]:
    """The pixels that have a gradient in one position of a layer, over all its units, in any image."""
    weights = torch.randn(maps.shape[1], generator=torch.Generator().manual_seed(2), dtype=maps.dtype)
    return (gradient((maps[:, :, y, x] * weights).sum(), leaf) != 0).any(1).any(0)
