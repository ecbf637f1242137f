"""Mining photographs that are decoded meanwhile: beside torch's DataLoader, and what it could be at best."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import counts
import mining
import torch
from reading import jpeg
from table import Row, in_turn
from torch import nn
from torch.utils.data import DataLoader
from torchvision import models
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

import interpret
from interpret.images import Images
from interpret.network import READERS, Network, batches, wrap
from interpret_topk import mine

CASES = ("alexnet", "squeezenet1_1")
COUNT, BATCH, REPEATS = 256, 32, 3
WORKERS = READERS


def measured(case: str) -> Iterator[Row]:
    """Two rows: against a DataLoader with a forward pass, and the slower of reading and forward alone.

    Where a processor does both, the second cannot be reached: what decodes does not multiply.
    """
    module = models.get_model(case, weights=None).eval()
    network = wrap(module)
    with TemporaryDirectory() as name:
        images = photographs(Path(name))
        tensors = [x for batch in batches(network, images, BATCH) for x in batch.x]
        ours, peer, forward, decoding = in_turn(
            [
                lambda: mine(network, images, batch_size=BATCH),
                lambda: by_loader(module, network, Path(name)),
                lambda: mining.forward(module, tensors),
                lambda: read(network, images),
            ],
            REPEATS,
        )
    needed = counts.forward(network, network.default_layers("convolutions"))
    counted = (COUNT * needed, COUNT * counts.forward(network))
    work, against = (
        f"mining photographs, {case}",
        f"torch's DataLoader, {WORKERS} processes, and a forward pass",
    )
    yield Row(work, against, ours, peer, ours / peer, "<= 1", counted)
    slower, best = max((forward, "forward"), (decoding, "decoding"))
    yield Row(
        f"photographs while {case} works",
        f"the slower of decoding and forward alone: {best}",
        ours,
        slower,
        slower / ours,
        ">= 0.95",
    )


def photographs(folder: Path) -> Images:
    """Pictures as large as those of ImageNet, in a folder."""
    (folder / "all").mkdir()
    for index, data in enumerate(content()):
        (folder / "all" / f"{index:05d}.jpg").write_bytes(data)
    return interpret.load_dataset("folder", path=str(folder))


@cache
def content() -> list[bytes]:
    """The pictures."""
    return [jpeg(index) for index in range(COUNT)]


def read(network: Network, images: Images) -> None:
    """Everything that a network takes, and no network."""
    assert sum(len(batch.x) for batch in batches(network, images, BATCH)) == COUNT


@torch.no_grad()
def by_loader(module: nn.Module, network: Network, folder: Path) -> None:
    """The same pictures as a PyTorch user reads them, and a forward pass."""
    taken = network.input
    prepare = v2.Compose(
        [
            v2.Resize(taken.shorter_side),
            v2.CenterCrop(taken.size),
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(taken.mean, taken.std),
        ]
    )
    loader = DataLoader(ImageFolder(str(folder), transform=prepare), BATCH, num_workers=WORKERS)
    for x, _ in loader:
        module(x)
