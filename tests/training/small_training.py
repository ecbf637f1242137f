"""A network, photographs of three plain categories, and a recipe that trains them in a second."""

import numpy as np
import torch
from PIL import Image
from torch import nn

from interpret.images import Images, Sample, digest
from interpret.network import Network, wrap
from interpret_training import Recipe
from interpret_zoo import MeanImage

SIZE, WHOLE = 16, 20
QUICK = Recipe(epochs=3, batch=16, rate=0.05, init="keep", checkpoints=(1, 2), patience=0)


def small_network(dropout: float = 0.5, *, mean: bool = False) -> Network:
    """Two convolutions and two linear layers for 16 x 16 pixels; always the same."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        parts: list[nn.Module] = [
            nn.Conv2d(3, 8, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 8, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(8 * 16, 32),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(32, 3),
        ]
    module = nn.Sequential(*([MeanImage(3, (SIZE, SIZE), (WHOLE, WHOLE))] if mean else []), *parts)
    categories = ("rows", "columns", "plain")
    given = {"input_size": SIZE, "resize": WHOLE, "mean": [0.5] * 3, "std": [0.25] * 3}
    return wrap(module.eval(), categories=categories, **given)


class Stripes(Images):
    """Pictures with rows, columns or neither, and noise; ``reads`` counts what was read."""

    categories = ("rows", "columns", "plain")

    def __init__(self, count: int = 96, seed: int = 0) -> None:
        self.count, self.seed, self.reads = count, seed, 0

    @property
    def ids(self) -> list[str]:
        return [f"{self.seed}-{index}" for index in range(self.count)]

    @property
    def labels(self) -> list[int]:
        return [index % 3 for index in range(self.count)]

    def __getitem__(self, index: int) -> Sample:
        self.reads += 1
        random, label = np.random.default_rng([self.seed, index]), self.labels[index]
        wave = np.tile((np.arange(24) // 2 % 2)[:, None] * 120, (1, 24))
        picture = 60 + {0: wave, 1: wave.T, 2: wave * 0 + 60}[label] + random.integers(0, 60, (24, 24))
        pixels = np.repeat(picture[..., None], 3, 2).clip(0, 255).astype(np.uint8)
        return Sample(self.ids[index], Image.fromarray(pixels), label)

    def fingerprint(self) -> str:
        return digest("stripes", self.count, self.seed)


def weights(network: Network) -> torch.Tensor:
    """All parameters in one vector."""
    return torch.cat([value.flatten() for value in network.module.state_dict().values()])
