"""Initial weights."""

from __future__ import annotations

import torch
from torch import nn

from interpret.network import Network
from interpret_training.clipping import first_convolution
from interpret_training.recipe import Init
from interpret_training.rng import seed_for


def initialise(network: Network, init: Init, seed: int, deviation: float = 0.01) -> None:
    """Draw the initial weights of a network, in place.

    Args:
        network: The network.
        init: ``keep``: leave them; ``paper``: N(0, deviation²) and zero biases; ``he``: the same in the first
            convolution and the last linear layer, N(0, 2 / inputs) between them. The first convolution's
            are for inputs of -128 to 128 and are scaled to the network's.
        seed: Start of chance.
        deviation: The paper's 10⁻², which only a random distribution can mean.
    """
    if init == "keep":
        return
    parts = [part for part in network.module.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    first, last = first_convolution(network), parts[-1] if parts else None
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed_for(seed, "weights"))
        for part in parts:
            if init == "he" and part is not first and part is not last:
                nn.init.kaiming_normal_(part.weight)
            else:
                nn.init.normal_(part.weight, std=deviation)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        if first is not None:
            first.weight *= torch.tensor(network.input.divisor).to(first.weight)[:, None, None]
