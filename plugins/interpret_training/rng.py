"""Chance that depends on the seed and on what it is for, never on what was drawn before.

So a training that continues after a kill, or is shared by several processes, draws what an undisturbed one
draws, and nothing has to be remembered.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from interpret.files import digest


def seed_for(*purpose: object) -> int:
    """A seed for one purpose, 0 to 2**60."""
    return int(digest(*purpose)[:15], 16)


def generator(*purpose: object) -> torch.Generator:
    """A source of random numbers for one purpose, on the CPU."""
    return torch.Generator().manual_seed(seed_for(*purpose))


def seed_global(device: torch.device, *purpose: object) -> None:
    """Seed what modules draw from that know no generator, on the CPU and on ``device``.

    The generators of accelerators that nothing runs on are left alone: it takes as long as a small step.
    """
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed_for(*purpose))
    else:
        torch.manual_seed(seed_for(*purpose))


def order(count: int, seed: int, epoch: int) -> Int[Tensor, " count"]:
    """The order of the images in one epoch."""
    return torch.randperm(count, generator=generator(seed, "order", epoch))


class SharedDropout:
    """Dropout that drops what one process would drop, however many share a batch.

    Every process draws for the whole batch and takes its rows.

    Args:
        rank: This process among ``processes``.
        processes: How many share a batch.
    """

    def __init__(self, rank: int = 0, processes: int = 1) -> None:
        self.rank, self.processes = rank, processes
        self.purpose: tuple[object, ...] = ()

    @contextmanager
    def on(self, module: nn.Module) -> Iterator[None]:
        """While this holds, the dropout layers of ``module`` drop by ``purpose``, set for every step."""
        named = [(name, part) for name, part in module.named_modules() if isinstance(part, nn.Dropout)]
        handles = [part.register_forward_hook(self._hook(name)) for name, part in named]
        for _, part in named:
            part.inplace = False  # the hook needs what the layer was given
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def keep(self, name: str, x: Float[Tensor, "n ..."], p: float) -> Bool[Tensor, "n ..."]:
        """Which values of one layer stay in this step."""
        draw = torch.Generator(x.device).manual_seed(seed_for(*self.purpose, name))
        whole = torch.rand((len(x) * self.processes, *x.shape[1:]), generator=draw, device=x.device)
        return whole[self.rank * len(x) : (self.rank + 1) * len(x)] >= p

    def _hook(self, name: str):  # type: ignore[no-untyped-def]  # torch takes hooks of many types
        def hook(part: nn.Dropout, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            if not part.training or part.p == 0:
                return output
            (x,) = inputs
            return x * self.keep(name, x, part.p) / (1 - part.p)

        return hook
