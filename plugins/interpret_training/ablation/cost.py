"""What a network costs: numbers to learn, multiply-adds, seconds of training."""

from __future__ import annotations

from contextlib import nullcontext
from time import perf_counter

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from interpret.errors import ModelError
from interpret.graph import multiply_adds
from interpret.network import Network
from interpret_training.recipe import Precision, Recipe

STEPS = 10
"""Steps of which the fastest counts, after one that does not."""

UNKNOWN_COST = -1
"""Multiply-adds of a network that cannot be traced."""


def parameter_count(module: nn.Module) -> int:
    """How many numbers of a module are learnt; one that is used twice counts once."""
    return sum(parameter.numel() for parameter in module.parameters())


def image_multiply_adds(network: Network) -> int:
    """Multiply-adds of convolutions and linear layers for one image forward; -1 where it cannot be traced."""
    try:
        return sum(map(multiply_adds, network.graph.nodes))
    except ModelError:
        return UNKNOWN_COST


def step_seconds(network: Network, recipe: Recipe, images: int) -> float:
    """Seconds that training takes for 1000 images: forward, backward and update, without reading.

    The fastest of a few steps on one batch of noise: it does not depend on what a killed training had done
    before, and other work of the machine only makes the others slower.

    Args:
        network: The network; a copy of it is trained.
        recipe: Its batch and its arithmetic are used.
        images: How many images there are: a batch is no larger.
    """
    module, size = network.copy().module.train(), min(recipe.batch, images)
    module.to(memory_format=torch.channels_last)  # as ``train`` does
    optimizer = torch.optim.SGD(module.parameters(), 0.0, recipe.momentum, weight_decay=recipe.decay)
    x = torch.zeros(size, *network.input.shape, device=network.device, dtype=network.dtype)
    labels = torch.zeros(size, dtype=torch.int64, device=network.device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        x.copy_(torch.randn(x.shape))
        taken = [_step(module, optimizer, x, labels, recipe.precision) for _ in range(STEPS + 1)]
    return 1000 * min(taken[1:]) / size


def _step(
    module: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, labels: Tensor, precision: Precision
) -> float:
    """Seconds of one step."""
    kind = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(precision)
    _wait(x.device)
    begun = perf_counter()
    with torch.autocast(x.device.type, kind) if kind else nullcontext():
        loss = F.cross_entropy(module(x), labels)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    _wait(x.device)
    return perf_counter() - begun


def _wait(device: torch.device) -> None:
    """Until the device has done what it was asked for."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
