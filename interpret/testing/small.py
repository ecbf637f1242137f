"""A small network and a few images that every check can use."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from PIL import Image
from torch import nn

from interpret.images.dataset import Images, as_images
from interpret.network.network import Network
from interpret.network.wrapping import wrap


def small_network() -> Network:
    """A network of 3 x 16 x 16 inputs and 4 categories, layers conv1 to pool2 and fc; always the same."""
    return _small_network(torch.get_default_dtype(), torch.get_default_device()).copy()


@cache
def _small_network(*_surroundings: object) -> Network:
    """Made once, as PyTorch's defaults are: copies share what is traced, most of a test's time."""
    with torch.inference_mode(False), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = {
            "conv1": nn.Conv2d(3, 6, 3, padding=1),
            "relu1": nn.ReLU(),
            "pool1": nn.MaxPool2d(2),
            "conv2": nn.Conv2d(6, 8, 3, padding=1),
            "norm2": nn.BatchNorm2d(8),
            "relu2": nn.ReLU(inplace=True),
            "pool2": nn.MaxPool2d(2),
            "flatten": nn.Flatten(),
            "dropout": nn.Dropout(),
            "fc": nn.Linear(128, 4),
        }
        module = nn.Sequential()
        for name, layer in layers.items():
            module.add_module(name, layer)
    categories = ("circle", "cross", "square", "star")
    network = wrap(module.eval(), input_size=16, mean=[0.5] * 3, std=[0.25] * 3, categories=categories)
    network.calls  # noqa: B018 - copies share what is found out here
    return network


def small_images(count: int = 6) -> Images:
    """Photographs of noise, 20 x 24 pixels, with labels 0 to 3, for ``small_network``; always the same."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, 20, 24, 3), dtype=np.uint8)
    return as_images([(Image.fromarray(picture), index % 4) for index, picture in enumerate(pixels)])
