"""The small ZFNet of the quickstart, trained on drawn scenes.

python -m interpret_training.bundled.scenes             draws, trains, and writes weights and card
python -m interpret_training.bundled.scenes --evaluate  measures what comes along on held-out scenes
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int, UInt8
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

import interpret
from interpret.images import Images
from interpret.network import Network
from interpret.weights import weights_hash
from interpret_training.clipping import clip_filters
from interpret_zoo.cards import FOLDER, WeightsCard, write_card
from interpret_zoo.zfnet import ZFNet

SEED = 0
SCENES, HELD_OUT = 12_000, 2_000
EPOCHS, BATCH, RATE, MOMENTUM, DECAY = 12, 64, 0.015, 0.9, 5e-4
SHIFT = 6
"""Largest shift of a training scene, in pixels."""
RADIUS = 0.1
"""Largest root mean square of a convolutional filter (paper section 3)."""

SIZE = 96
PARAMETERS: dict[str, Any] = {
    "input_size": SIZE,
    "resize": SIZE,
    "mean": [0.5, 0.5, 0.5],
    "std": [0.25, 0.25, 0.25],
    "width": 1.0,
    "remove": [],
    "widths": {1: 32, 2: 64, 3: 96, 4: 96, 5: 64, 6: 256, 7: 256},
}
"""The paper's layers, smaller: maps of 46, 23, 10, 5 and 2 from 96 pixels, 0.4 million parameters."""


def main() -> None:
    """Train, or only measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--evaluate", action="store_true", help="only measure the weights that come along")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder for weights and card")
    arguments = parser.parse_args()
    if not arguments.evaluate:
        make(arguments.out)
        return
    right = accuracy(interpret.load_model("zfnet", weights="scenes"), scenes("test", HELD_OUT))
    print(f"{right:.2%} of {HELD_OUT} held-out scenes are classified right")


def make(folder: Path) -> None:
    """Train, measure what was saved, and write its card."""
    drawn = scenes("train", SCENES)
    parameters = {**PARAMETERS, "categories": list(drawn.categories)}
    module = train(ZFNet(**parameters, dropout=0.3), pixels(drawn), torch.tensor(drawn.labels))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "zfnet-scenes.safetensors"
    save_file({name: tensor.half().contiguous() for name, tensor in module.state_dict().items()}, path)
    network = interpret.load_model("zfnet", weights=str(path), **parameters)
    card = WeightsCard(
        model="zfnet",
        name="scenes",
        sha256=weights_hash(path),
        parameters=parameters,
        recipe="python -m interpret_training.bundled.scenes",
        seed=SEED,
        trained_on=f"scenes, split train, {SCENES} images, {EPOCHS} epochs",
        measured_on=f"scenes, split test, {HELD_OUT} images",
        accuracy=accuracy(network, scenes("test", HELD_OUT)),
        license="BSD-3-Clause",
    )
    write_card(card, folder)
    print(card.page())


def scenes(split: str, limit: int, correlation: float = 0.0) -> Images:
    """Scenes whose background tells nothing about the category, unless it is correlated with it."""
    given = {"size": SIZE, "seed": SEED, "correlation": correlation}
    return interpret.load_dataset("scenes", split=split, limit=limit, **given)


def pixels(images: Images) -> UInt8[Tensor, "n 3 h w"]:
    """All images in one tensor."""
    return torch.from_numpy(np.stack([np.asarray(sample.image) for sample in images])).permute(0, 3, 1, 2)


def train(
    model: ZFNet, images: UInt8[Tensor, "n 3 h w"], labels: Int[Tensor, " n"], epochs: int = EPOCHS
) -> nn.Module:
    """Gradient descent with momentum; the rate rises for a tenth of the steps, then falls as a cosine."""
    torch.manual_seed(SEED)
    module = initialise(model.build()).train()
    module.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(module.parameters(), RATE, MOMENTUM, weight_decay=DECAY)
    steps = epochs * (len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=steps, pct_start=0.1, cycle_momentum=False
    )
    normalize = model.card().input.normalize
    for step, batch in enumerate(batches(len(images), steps)):
        loss = F.cross_entropy(module(normalize(jitter(images[batch]).float() / 255)), labels[batch])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        clip(module)
        if step % 50 == 0:
            print(f"step {step} of {steps}: loss {loss.item():.3f}", flush=True)
    return module.eval()


def initialise(module: nn.Module) -> nn.Module:
    """He's initial weights: the paper's N(0, 0.01²) lets the signal die in narrow layers.

    The first layer keeps the paper's, so that no noise stays in the filters that people look at.
    """
    for name, part in module.named_modules():
        if isinstance(part, nn.Conv2d | nn.Linear) and name != "layer1.conv":
            nn.init.kaiming_normal_(part.weight)
    return module


def batches(count: int, steps: int) -> Iterator[Int[Tensor, " batch"]]:
    """Indices of ``steps`` batches; every image comes once before any comes again."""
    order = torch.randperm(count)
    whole = count // BATCH
    for step in range(steps):
        if step % whole == 0:
            order = torch.randperm(count)
        yield order[step % whole * BATCH :][:BATCH]


def jitter(images: UInt8[Tensor, "n 3 h w"]) -> UInt8[Tensor, "n 3 h w"]:
    """A batch mirrored half of the time and shifted a little, round the borders."""
    shift = torch.randint(-SHIFT, SHIFT + 1, (2,)).tolist()
    return (images.flip(3) if torch.rand(()) < 0.5 else images).roll(shift, (2, 3))


def clip(module: nn.Module) -> None:
    """Scale every convolutional filter above ``RADIUS`` back to it (paper section 3)."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            clip_filters(part.weight, RADIUS)


def accuracy(network: Network, images: Images) -> float:
    """Share of images whose category has the highest output."""
    right = 0
    for start in range(0, len(images), BATCH):
        samples = [images[index] for index in range(start, min(start + BATCH, len(images)))]
        x = torch.stack([network.preprocess(sample.image) for sample in samples])
        found = network(x).argmax(1).tolist()
        right += sum(sample.label == label for sample, label in zip(samples, found, strict=True))
    return right / len(images)


if __name__ == "__main__":
    main()
