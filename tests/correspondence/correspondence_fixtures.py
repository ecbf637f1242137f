"""Small networks and images with parts, for the tests of correspondence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from PIL import Image
from torch import nn

from interpret.images import Images, Sample
from interpret.network import Network, wrap

Parts = Mapping[str, Sequence[tuple[float, float]]]


class Given(Images):
    """Pictures with parts; a picture that is an error is raised when it is read."""

    def __init__(self, pictures: Sequence[object], parts: Sequence[Parts]) -> None:
        self.pictures, self.parts = pictures, parts

    @property
    def ids(self) -> list[str]:
        return [f"picture-{place}" for place in range(len(self.pictures))]

    def __getitem__(self, index: int) -> Sample:
        picture = self.pictures[index]
        if isinstance(picture, Exception):
            raise picture
        return Sample(self.ids[index], picture, parts=self.parts[index])  # type: ignore[arg-type]

    def fingerprint(self) -> str:
        return "given"


def noise(count: int, size: tuple[int, int] = (20, 24), seed: int = 0) -> list[Image.Image]:
    """Photographs of noise; ``size`` is height and width."""
    pixels = np.random.default_rng(seed).integers(0, 256, (count, *size, 3), dtype=np.uint8)
    return [Image.fromarray(picture) for picture in pixels]


def tensors(count: int, shape: tuple[int, int, int] = (3, 16, 16), seed: int = 0) -> list[torch.Tensor]:
    """Preprocessed images of noise."""
    return list(torch.rand(count, *shape, generator=torch.Generator().manual_seed(seed)))


def pixels(channels: int = 3, size: int | tuple[int, int] = 16) -> Network:
    """A network whose layer ``same`` is the image itself, in pixels of 0 to 1."""
    module = nn.Sequential()
    module.add_module("same", nn.Identity())
    module.add_module("flatten", nn.Flatten())
    height, width = (size, size) if isinstance(size, int) else size
    module.add_module("fc", nn.Linear(channels * height * width, 2))
    mean, std = [0.0] * channels, [1.0] * channels
    return wrap(module.eval(), input_size=size, mean=mean, std=std, resize=min(height, width))
