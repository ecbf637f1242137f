"""Mining every convolution against a bare forward pass of the whole network over the same batches."""

from collections.abc import Iterator
from functools import cache

import counts
import torch
from table import Row, interleaved
from torch import Tensor, nn
from torchvision import models

from interpret.network import wrap
from interpret_topk import mine

CASES = ("alexnet", "squeezenet1_1", "resnet18")
BATCH, COUNT, REPEATS = 32, 192, 3


def measured(case: str) -> Iterator[Row]:
    """One row; random weights and images take as long as real ones.

    Our pass ends after the last convolution; the peer's includes the classifier.
    """
    module, images = models.get_model(case, weights=None).eval(), pictures()
    network = wrap(module)
    ours, peer = interleaved(
        lambda: mine(network, images, k=9, batch_size=BATCH), lambda: forward(module, images), REPEATS
    )
    needed = counts.forward(network, network.default_layers("convolutions"))
    yield Row(
        f"mining all conv layers, {case}",
        f"bare forward, {COUNT} images in batches of {BATCH}",
        ours,
        peer,
        ours / peer,
        "<= 1.03",
        (COUNT * needed, COUNT * counts.forward(network)),
    )


@cache
def pictures() -> list[Tensor]:
    """Random images."""
    return list(torch.randn(COUNT, 3, 224, 224, generator=torch.Generator().manual_seed(0)))


@torch.no_grad()
def forward(module: nn.Module, images: list[Tensor]) -> None:
    for start in range(0, len(images), BATCH):
        module(torch.stack(images[start : start + BATCH]))
