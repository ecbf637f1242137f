"""Does the map depend on what the network learned? It is compared with the map of a randomised network."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import torch
from torch import nn

from interpret.network import Network


def parameter_layers(network: Network) -> list[str]:
    """The modules that hold parameters themselves, from the output down, each once."""
    parts = network.parts
    names = dict.fromkeys(call.module for call in reversed(network.calls.values()))
    return [name for name in names if next(parts[name].parameters(recurse=False), None) is not None]


def count_stages(network: Network, stages: int) -> int:
    """How many stages a cascade has: no more than layers with parameters."""
    return min(stages, len(parameter_layers(network)))


def cascade(network: Network, stages: int = 4, seed: int = 0) -> Iterator[tuple[str, Network]]:
    """Copies of a network that are randomised further and further from the output down.

    Source: Adebayo, Gilmer, Muelly, Goodfellow, Hardt and Kim, "Sanity checks for saliency maps" (2018),
    "cascading randomization".

    Args:
        network: It is not changed; one copy of its module is held.
        stages: Into how many runs of layers, alike in number, the cascade is cut; after the last one every
            layer is random.
        seed: Start of the random weights.

    Yields:
        The lowest layer that is random, and the network; use it before you ask for the next.
    """
    module = deepcopy(network.module)
    parts = network.of(module).parts
    layers = parameter_layers(network)
    stages = count_stages(network, stages)
    ends = [round((stage + 1) * len(layers) / stages) for stage in range(stages)]
    done = 0
    for end in ends:
        for index in range(done, end):
            randomise(parts[layers[index]], seed + index)
        done = end
        yield layers[end - 1], network.of(module)


def randomise(part: nn.Module, seed: int) -> None:
    """Draw the parameters of one module anew: as it draws them when it is built, or else by shuffling them.

    Drawn on the CPU, so that they are the same on every device.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        parameters = list(part.parameters(recurse=False))
        device = parameters[0].device
        part.cpu()
        reset = getattr(part, "reset_parameters", None)
        if callable(reset):
            reset()
        else:
            for item in parameters:
                item.copy_(item.flatten()[torch.randperm(item.numel())].reshape(item.shape))
        part.to(device)
