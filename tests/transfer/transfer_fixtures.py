"""A small network, images whose category can be seen by colour, and features that were never images."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

from interpret.errors import DatasetError
from interpret.files import digest
from interpret.images import Images, Sample
from interpret.network import Network, wrap
from interpret_transfer.features import Features, extract
from interpret_zoo import MeanImage

SIZE, WHOLE = 16, 20
COLOURS = ((200, 40, 40), (40, 200, 40), (40, 40, 200), (200, 200, 40))
LAYERS = ("layer1", "layer2", "fc")


def network(
    *, outputs: int = 3, seed: int = 0, mean: bool = False, double: bool = False, aliases: bool = True
) -> Network:
    """Two convolutions and two linear layers for 16 x 16 pixels; always the same for a seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        parts: dict[str, nn.Module] = {
            "conv1": nn.Conv2d(3, 6, 5, padding=2),
            "relu1": nn.ReLU(),
            "pool1": nn.MaxPool2d(2),
            "conv2": nn.Conv2d(6, 8, 3, padding=1),
            "relu2": nn.ReLU(inplace=True),
            "pool2": nn.MaxPool2d(2),
            "flatten": nn.Flatten(),
            "fc": nn.Linear(128, 10),
            "relu3": nn.ReLU(inplace=True),
            "out": nn.Linear(10, outputs),
        }
        module = nn.Sequential()
        if mean:
            module.add_module("mean", MeanImage(3, (SIZE, SIZE), (WHOLE, WHOLE)))
            module.mean.mean.copy_(torch.randn(3, WHOLE, WHOLE))
        for name, part in parts.items():
            module.add_module(name, part)
    names = {"layer1": "pool1", "layer2": "relu2"} if aliases else {}
    module = module.double() if double else module
    given = {"input_size": SIZE, "resize": WHOLE, "mean": [0.5] * 3, "std": [0.25] * 3, "aliases": names}
    return wrap(module.eval(), **given)


class Coloured(Images):
    """Pictures of noise about a colour for each label; they count and note how often they are read.

    Args:
        labels: The category of each, or None.
        shown: The colour of each; default: that of its label.
        present: The categories of each; default: its label.
        unsure: Categories that do not count for an image.
        broken: Images that cannot be read.
        noise: Largest difference from the colour.
        seed: Of the noise.
        pause: Seconds that reading one takes.
        log: A file in which every read is noted.
    """

    def __init__(
        self,
        labels: Sequence[int | None],
        *,
        shown: Sequence[int] | None = None,
        present: Sequence[tuple[int, ...]] | None = None,
        unsure: Sequence[tuple[int, ...]] | None = None,
        broken: Sequence[int] = (),
        categories: Sequence[str] = ("red", "green", "blue"),
        noise: int = 40,
        seed: int = 0,
        pause: float = 0.0,
        log: Path | None = None,
    ) -> None:
        self.all = list(labels)
        self.shown = [label or 0 for label in labels] if shown is None else list(shown)
        self.several, self.doubtful, self.broken = present, unsure, tuple(broken)
        self.categories, self.noise, self.seed = tuple(categories), noise, seed
        self.pause, self.log, self.reads = pause, log, 0

    @property
    def ids(self) -> Sequence[str]:
        return [f"{self.seed}-{index:04d}" for index in range(len(self.all))]

    @property
    def labels(self) -> Sequence[int | None]:
        return self.all

    @property
    def present(self) -> Sequence[tuple[int, ...]]:
        return super().present if self.several is None else self.several

    @property
    def unsure(self) -> Sequence[tuple[int, ...]]:
        return super().unsure if self.doubtful is None else self.doubtful

    def __getitem__(self, index: int) -> Sample:
        time.sleep(self.pause)
        self.reads += 1
        if self.log:
            with self.log.open("a") as file:
                file.write(f"{index}\n")
        if index in self.broken:
            raise DatasetError(f"Image {index} is cut short.")
        return Sample(self.ids[index], Image.fromarray(self.pixels(index)), self.all[index])

    def pixels(self, index: int) -> np.ndarray:
        random = np.random.default_rng([self.seed, index])
        noise = random.integers(-self.noise, self.noise + 1, (24, 28, 3))
        return (np.array(COLOURS[self.shown[index]]) + noise).clip(0, 255).astype(np.uint8)

    def fingerprint(self) -> str:
        made = (self.shown, self.several, self.doubtful, self.broken, self.noise, self.seed)
        return digest("coloured", self.all, *made)


def equal(each: int, categories: int = 3, **options) -> Coloured:
    """So many images of each category, which take turns."""
    return Coloured([index % categories for index in range(each * categories)], **options)


def of_variance_one(x: Tensor, train: Sequence[int]) -> Tensor:
    """Vectors over the root mean squared distance of those that train from their mean."""
    x = x.double()
    return x / (x[train] - x[train].mean(0)).square().sum(1).mean().sqrt()


def views_of(made: Network, images: Images) -> Tensor:
    """All images as the network takes them."""
    return torch.stack([made.preprocess(sample.image) for sample in images])


def stored(folder: Path, x: Tensor, *, chunk: int = 4) -> Features:
    """Vectors on disk, as `extract` leaves them."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for start in range(0, len(x), chunk):
        part = x[start : start + chunk].contiguous()
        files.append(folder / f"{start:08d}.safetensors")
        places = torch.arange(start, start + len(part))
        save_file({"features": part, "places": places}, files[-1], {"skipped": json.dumps([])})
    return Features(tuple(files), x.shape[1], tuple(range(len(x))))


def job(count: int, pause: float, folder: Path) -> None:
    """Extract features with one thread, in a process of its own; its rooms and reads are in a folder."""
    from interpret.run.cache import working_in  # noqa: PLC0415

    torch.set_num_threads(1)
    with working_in(folder / "rooms"):
        extract(network(), equal(count, pause=pause, log=folder / "reads"), LAYERS, batch_size=16)
