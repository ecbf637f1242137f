"""Preprocessed batches, beside torch's DataLoader with as many workers that do the same."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from reading import COUNT, jpeg
from table import Row, interleaved
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

import interpret
from interpret.network import IMAGENET_MEAN, IMAGENET_STD, READERS, batches

BATCH, REPEATS, SCENES = 32, 5, 600
USUAL = v2.Compose(
    [
        v2.Resize(256),
        v2.CenterCrop(224),
        v2.PILToTensor(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(IMAGENET_MEAN, IMAGENET_STD),
    ]
)


class Scenes(Dataset[Tensor]):
    """The same scenes for DataLoader."""

    def __init__(self, images: interpret.Images, network: interpret.Network) -> None:
        self.images, self.preprocess = images, network.input.preprocess

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.preprocess(self.images[index].image)


CASES = ("photographs by threads", "photographs by processes", "scenes by threads", "scenes by processes")


def measured(case: str) -> Iterator[Row]:
    """One row: photographs, or scenes, which are drawn in Python; by threads, or by two processes."""
    what, _, who = case.partition(" by ")
    processes = None if who == "threads" else 2
    if what == "photographs":
        network = interpret.wrap(nn.Conv2d(3, 1, 1))
        with TemporaryDirectory() as name:
            write(Path(name))
            images = interpret.load_dataset("folder", path=name)
            yield row(f"{COUNT} {case}", network, images, ImageFolder(name, USUAL), processes)
    else:
        small = interpret.wrap(nn.Conv2d(3, 1, 1), input_size=96)
        drawn = interpret.load_dataset("scenes", limit=SCENES, size=129)  # too large to stay
        yield row(f"{SCENES} {case}", small, drawn, Scenes(drawn, small), processes)


def row(
    work: str,
    network: interpret.Network,
    images: interpret.Images,
    peer: Dataset[Any],
    processes: int | None,
) -> Row:
    """One number of processes; both sides have begun theirs before anything is measured."""
    workers = processes or READERS
    loader = DataLoader(peer, BATCH, num_workers=workers, persistent_workers=True)
    with interpret.readers(processes):
        ours, taken = interleaved(
            lambda: count(batches(network, images, BATCH)), lambda: count(loader), REPEATS
        )
    return Row(f"batches of {work}", f"DataLoader, {workers} workers", ours, taken, ours / taken, "<= 1.1")


def count(source: Any) -> None:
    """Take everything, and keep nothing."""
    assert sum(1 for _ in source)


def write(folder: Path) -> None:
    """Photographs of ten classes."""
    for index in range(COUNT):
        place = folder / str(index % 10)
        place.mkdir(exist_ok=True)
        (place / f"{index:05d}.jpg").write_bytes(jpeg(index))
