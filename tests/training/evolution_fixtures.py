"""A small network that learns, its checkpoints, images that count their reads; and a plugin of all that."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

import interpret_local
from interpret.errors import DatasetError
from interpret.files import digest
from interpret.images import Images, InputSpec, Sample
from interpret.network import Network, wrap
from interpret.plugin import Card, Dataset, Model, Probe, hookimpl
from interpret.plugin.discovery import Loaded, Origin, Registry, classify
from interpret.run import run_pipeline
from interpret_training.checkpoints import Checkpoint, write_checkpoint
from interpret_training.evolution.probe import Evolve

SIZE = 16
ALIASES = {"layer1": "pool1", "layer2": "relu2", "layer3": "fc"}


def module(width: int = 6) -> nn.Module:
    parts = {
        "conv1": nn.Conv2d(3, width, 5, padding=1),
        "relu1": nn.ReLU(),
        "pool1": nn.MaxPool2d(2),
        "conv2": nn.Conv2d(width, 8, 3),
        "relu2": nn.ReLU(),
        "flatten": nn.Flatten(),
        "fc": nn.Linear(8 * 5 * 5, 4),
    }
    made = nn.Sequential()
    for name, part in parts.items():
        made.add_module(name, part)
    return made


def network(width: int = 6, seed: int = 0) -> Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = module(width)
    return wrap(made.eval(), input_size=SIZE, mean=[0.0] * 3, std=[1.0] * 3, aliases=ALIASES)


class Noise(Images):
    """Random images that remember which were read; each read takes so long, and is noted in a file."""

    def __init__(
        self, count: int = 30, *, pause: float = 0.0, log: Path | None = None, broken: int = -1
    ) -> None:
        self.count, self.pause, self.log, self.broken = count, pause, log, broken
        self.reads: list[int] = []

    @property
    def ids(self) -> Sequence[str]:
        return [f"noise-{(7 * index) % self.count:03d}" for index in range(self.count)]

    def __getitem__(self, index: int) -> Sample:
        time.sleep(self.pause)
        self.reads.append(index)
        if self.log:
            with self.log.open("a") as file:
                file.write(f"{index}\n")
        if index == self.broken:
            raise DatasetError(f"Image {index} is cut short.")
        return Sample(self.ids[index], self.pixels(index))

    def pixels(self, index: int) -> Tensor:
        return torch.randn(3, SIZE, SIZE, generator=torch.Generator().manual_seed(index))

    def fingerprint(self) -> str:
        return digest("noise", self.count, self.broken)


def train(made: Network, folder: Path, epochs: Sequence[int] = (0, 1, 2, 5)) -> tuple[Checkpoint, ...]:
    """Checkpoints of a real training: to tell noise by its parity."""
    made, written = made.copy(), list[Checkpoint]()
    images = Noise(16)
    x = torch.stack([images.pixels(index) for index in range(16)]).to(made.dtype)
    optimizer = torch.optim.SGD(made.module.parameters(), lr=0.05)
    for epoch in range(max(epochs) + 1):
        if epoch in epochs:
            written.append(write_checkpoint(made, epoch, folder))
        for _ in range(3):
            optimizer.zero_grad()
            nn.functional.cross_entropy(made.module(x), torch.arange(16) % 4).backward()
            optimizer.step()
    return tuple(written)


class TinyModel(Model):
    """Two convolutions and a linear layer."""

    name: ClassVar[str] = "tiny"

    def build(self) -> nn.Module:
        return module()

    def card(self) -> Card:
        return Card(InputSpec((SIZE, SIZE), (0.0,) * 3, (1.0,) * 3), aliases=ALIASES)


class NoiseDataset(Dataset):
    """Random numbers that note in a file when they are read."""

    name: ClassVar[str] = "noise"

    count: int = Field(30, description="Images.")
    pause: float = Field(0.0, description="Seconds that reading one takes.")
    log: Path | None = Field(None, description="Where reads are noted.")

    def open(self) -> Images:
        return Noise(self.count, pause=self.pause, log=self.log)


@hookimpl
def register_models() -> list[type[Model]]:
    return [TinyModel]


@hookimpl
def register_datasets() -> list[type[Dataset]]:
    return [NoiseDataset]


@hookimpl
def register_probes() -> list[type[Probe]]:
    return [Evolve]


def registry() -> Registry:
    """This plugin and the local executor, and nothing else."""
    plugins = {"tiny": sys.modules[__name__], "local": interpret_local}
    known = classify([Loaded(Origin("tests", "1", name), plugin) for name, plugin in plugins.items()])
    assert not known.problems
    return known


def job(path: Path, out: Path, threads: int) -> None:
    """Run a pipeline in a process of its own; as many threads add up in the same order."""
    torch.set_num_threads(threads)
    run_pipeline(path, out, registry=registry())
