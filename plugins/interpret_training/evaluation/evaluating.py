"""How well networks classify: errors, averaged over ten crops and over several networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interpret.errors import InterpretError
from interpret.images import as_images
from interpret.modules import as_probabilities
from interpret.network import Network, OnError
from interpret.progress import track
from interpret_training.crops import CENTRE, cut, ten_views
from interpret_training.loading import Batch, Preparation
from interpret_training.pixels import Pixels, read_pixels
from interpret_training.results import Scores

__all__ = ["class_count", "probabilities"]

TestCrops = Literal[1, 10]


def evaluate(
    networks: Network | Sequence[Network],
    images: Any,
    *,
    crops: TestCrops = 10,
    batch_size: int = 64,
    on_error: OnError = "raise",
) -> Scores:
    """The errors of a network, or of several whose probabilities are averaged (paper section 3, table 2).

    Args:
        networks: One or more networks with the same categories.
        images: Labelled photographs.
        crops: Views whose probabilities are averaged: the centre, or four corners and centre, mirrored too.
        batch_size: Images in one forward pass.
        on_error: What to do with an image that cannot be read.

    Raises:
        InterpretError: If there is no network, or their outputs differ in number or in name.
        DatasetError: If a label is missing or no output has it, or an image cannot be read.
    """
    chosen = [networks] if isinstance(networks, Network) else list(networks)
    if not chosen:
        raise InterpretError("There is no network to evaluate: give at least one.")
    counts = {class_count(network) for network in chosen}
    if len(counts) > 1:
        raise InterpretError(f"The networks have different numbers of outputs: {sorted(counts)}.")
    names = {network.categories for network in chosen} - {()}
    if len(names) > 1:
        raise InterpretError(
            "The networks name their outputs differently or in another order: what one means by an output is "
            "not what the other does. Average networks with the same categories."
        )
    found = []
    for network in chosen:
        pixels = read_pixels(
            as_images(images),
            network.input,
            classes=min(counts),
            categories=next(iter(names), ()),
            on_error=on_error,
            several=False,
        )
        found.append(probabilities(network, pixels, crops=crops, batch_size=batch_size))
    return score(torch.stack(found).mean(0), pixels.labels, crops)


def class_count(network: Network) -> int:
    """How many outputs a network has for one image."""
    x = torch.zeros(1, *network.input.shape, device=network.device, dtype=network.dtype)
    return int(network(x).shape[1])


def probabilities(
    network: Network,
    pixels: Pixels,
    *,
    crops: TestCrops = 1,
    batch_size: int = 64,
    among: range | None = None,
) -> Float[Tensor, "n classes"]:
    """The probability of every category for each image, averaged over its views.

    Args:
        network: The network.
        pixels: The images.
        crops: 1: the centre; 10: four corners and centre, mirrored too.
        batch_size: Images in one forward pass.
        among: The places of the images that are asked about; none: all.
    """
    fixed = ten_views(pixels.spec.size, network.input.size)
    views = [fixed.rows(slice(at, at + 1)) for at in range(10)] if crops == 10 else [fixed.rows(CENTRE)]
    prepare, kind, parts = Preparation.of(network), network.output_kind, []
    asked = among or range(len(pixels))
    for chosen in track(torch.split(torch.arange(asked.start, asked.stop), batch_size)):
        whole, labels = pixels.take(chosen), pixels.labels[chosen]
        each = (view.expand(len(chosen)) for view in views)
        batches = (Batch(cut(whole, view, network.input.size), view, labels) for view in each)
        outputs = [as_probabilities(network(prepare(batch)).float(), kind) for batch in batches]
        parts.append(torch.stack(outputs).mean(0).cpu())
    return torch.cat(parts)


def score(found: Float[Tensor, "n classes"], labels: Int[Tensor, " n"], crops: int) -> Scores:
    """Errors and loss of probabilities."""
    own = found.gather(1, labels[:, None])[:, 0]
    loss = -own.clamp_min(torch.finfo(found.dtype).tiny).log()
    wrong, wrong5 = errors(found, labels), errors(found, labels, 5)
    return Scores(float(wrong.mean()), float(wrong5.mean()), float(loss.mean()), len(labels), crops)


def errors(
    outputs: Float[Tensor, "n classes"], labels: Int[Tensor, " n"], first: int = 1
) -> Float[Tensor, " n"]:
    """1 for every image whose label is not among the ``first`` highest outputs, else 0.

    Equal outputs count against the label: a network that says nothing is not right by chance.
    """
    own = outputs.gather(1, labels[:, None])
    return ((outputs >= own).sum(1) > first).float()
