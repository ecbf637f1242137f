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


def rows() -> Iterator[Row]:
    """Photographs by threads and by two processes; scenes, which are drawn in Python, by two processes."""
    network = interpret.wrap(nn.Conv2d(3, 1, 1))
    with TemporaryDirectory() as name:
        write(Path(name))
        images = interpret.load_dataset("folder", path=name)
        pictures = ImageFolder(name, USUAL)
        for processes in (None, 2):
            yield row(f"{COUNT} photographs", network, images, pictures, processes)
    small = interpret.wrap(nn.Conv2d(3, 1, 1), input_size=96)
    for processes in (None, 2):
        drawn = interpret.load_dataset("scenes", limit=SCENES, size=129)  # too large to stay
        yield row(f"{SCENES} scenes", small, drawn, Scenes(drawn, small), processes)


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
    who = f"{processes} processes" if processes else f"{READERS} threads"
    return Row(
        f"{work} in batches, {who}", f"DataLoader, {workers} workers", ours, taken, ours / taken, "<= 1.1"
    )


def count(source: Any) -> None:
    """Take everything, and keep nothing."""
    assert sum(1 for _ in source)


def write(folder: Path) -> None:
    """Photographs of ten classes."""
    for index in range(COUNT):
        place = folder / str(index % 10)
        place.mkdir(exist_ok=True)
        (place / f"{index:05d}.jpg").write_bytes(jpeg(index))


if __name__ == "__main__":
    for found in rows():
        print(found)
