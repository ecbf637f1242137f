"""A network, photographs of three plain categories, and a recipe that trains them in a second."""

import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from interpret.files import digest
from interpret.images import Images, Sample
from interpret.network import Network, wrap
from interpret.run import run_pipeline
from interpret_training import Recipe, Training, train
from interpret_zoo import MeanImage

SIZE, WHOLE = 16, 20
QUICK = Recipe(epochs=3, batch=16, rate=0.05, init="keep", checkpoints=(1, 2), patience=0)


def small_network(dropout: float = 0.5, *, mean: bool = False) -> Network:
    """Two convolutions and two linear layers for 16 x 16 pixels; always the same."""
    return _small_network(dropout, mean).copy()


@cache
def _small_network(dropout: float, mean: bool) -> Network:
    """Made and looked into once."""
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
    network = wrap(module.eval(), categories=categories, **given)
    assert network.layers
    return network


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


def learn(given: dict[str, Any], folder: Path, *, held: int = 24) -> Training:
    """Train the small network by ``QUICK`` with other values, checked on ``held`` pictures."""
    recipe = QUICK.model_copy(update=given)
    return train(small_network(), Stripes(), recipe, validation=Stripes(held, seed=1), folder=folder)


def join(rank: int, count: int, port: int) -> None:
    """Make this one of several processes, in the environment that torchrun gives each."""
    found = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
    found |= {"GROUP_RANK": 0, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "none"}
    os.environ.update({name: str(value) for name, value in found.items()})


def learn_together(given: dict[str, Any], folder: Path, *place: int) -> None:
    """`learn` on 25 pictures as one of several processes."""
    join(*place)
    learn(given, folder, held=25)


def run_together(path: Path, out: Path, *place: int) -> None:
    """Run a pipeline as one of several processes."""
    join(*place)
    run_pipeline(path, out)
