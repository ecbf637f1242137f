"""Mining every convolution against a bare forward pass of the whole network over the same batches."""

from collections.abc import Iterator

import torch
from table import Row, interleaved
from torch import Tensor, nn
from torchvision import models

from interpret.network import wrap
from interpret_topk import mine

BATCH, COUNT, REPEATS = 32, 192, 3


def rows() -> Iterator[Row]:
    """One row for each network; random weights and images take as long as real ones.

    Our pass ends after the last convolution; the peer's includes the classifier.
    """
    torch.manual_seed(0)
    images = list(torch.randn(COUNT, 3, 224, 224))
    for name in ("alexnet", "squeezenet1_1", "resnet18"):
        yield row(name, models.get_model(name, weights=None).eval(), images)


def row(name: str, module: nn.Module, images: list[Tensor]) -> Row:
    network = wrap(module)
    ours, peer = interleaved(
        lambda: mine(network, images, k=9, batch_size=BATCH), lambda: forward(module, images), REPEATS
    )
    return Row(
        f"mining all conv layers, {name}",
        f"bare forward, {COUNT} images in batches of {BATCH}",
        ours,
        peer,
        ours / peer,
        "<= 1.15",
    )


@torch.no_grad()
def forward(module: nn.Module, images: list[Tensor]) -> None:
    for start in range(0, len(images), BATCH):
        module(torch.stack(images[start : start + BATCH]))
