"""Random networks of the operations that people use in forwards."""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch
from position_operations import CUTS, VIEWS
from sum_operations import REDUCTIONS, SAMPLERS
from torch import Tensor, nn
from value_operations import CONSTANTS, ELEMENTWISE, MASKS, Operation

OPERATIONS: dict[str, Operation] = {
    **ELEMENTWISE,
    **MASKS,
    **CONSTANTS,
    **VIEWS,
    **CUTS,
    **REDUCTIONS,
    **SAMPLERS,
}

MOST = [
    *list(ELEMENTWISE)[::4],
    *MASKS,
    *CONSTANTS,
    *VIEWS,
    *CUTS,
    *list(REDUCTIONS)[::3],
    *list(SAMPLERS)[::3],
]
"""What the default suite takes of them: those that move positions, and a sample of the rest."""


class Chain(nn.Module):
    """Operations between convolutions, and a linear layer that tells all positions apart."""

    def __init__(self, names: Sequence[str], size: tuple[int, int]) -> None:
        super().__init__()
        self.names = list(names)
        self.convolutions = nn.ModuleList([nn.Conv2d(2, 4, 3, padding=1).double()])
        x = torch.randn(2, 2, *size, dtype=torch.float64)
        with torch.no_grad():
            for name in self.names:
                x = OPERATIONS[name](self.convolutions[-1](x))
                self.convolutions.append(nn.Conv2d(x.shape[1], 4, 3, padding=1).double())
            last = self.convolutions[-1](x).flatten(1)
        self.head = nn.Parameter(torch.randn(last.shape[1], 2, dtype=torch.float64))

    def maps(self, x: Tensor) -> Tensor:
        """What the last convolution makes."""
        x = self.convolutions[0](x)
        for name, convolution in zip(self.names, self.convolutions[1:], strict=True):
            x = convolution(OPERATIONS[name](x))
        return x

    def forward(self, x: Tensor) -> Tensor:
        return self.maps(x).flatten(1) @ self.head


class Chains(nn.Module):
    """Several chains side by side: one trace serves them all. Outputs 2 i and 2 i + 1 belong to chain i."""

    def __init__(self, chains: Sequence[Sequence[str]], size: tuple[int, int], seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.size = size
        self.chains = nn.ModuleList([Chain(names, size) for names in chains]).eval()

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([chain(x) for chain in self.chains], 1)

    def last(self, index: int) -> str:
        """The last layer of maps of a chain."""
        return f"chains.{index}.convolutions.{len(self.chains[index].names)}"


def random_chains(seed: int, count: int) -> Chains:
    """Chains of two to four operations in a row, on square and other images."""
    draw = random.Random(seed)
    size = draw.choice([(9, 9), (9, 9), (10, 8), (8, 11)])
    chains: list[list[str]] = []
    while len(chains) < count:
        names = draw.choices(list(OPERATIONS), k=draw.randint(2, 4))
        try:
            Chain(names, size)
        except (RuntimeError, IndexError, ValueError, AssertionError):  # needs more channels or more rows
            continue
        chains.append(names)
    return Chains(chains, size, seed)
