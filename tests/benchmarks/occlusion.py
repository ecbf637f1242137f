"""A sweep of 729 places against Captum's Occlusion, with the batch that suits it best.

Captum takes as long for one place as for another, and for a small window as for a large one: it is measured
on 9 x 9 places of a larger window and scaled to all.
"""

from collections.abc import Iterator

import torch
from captum.attr import Occlusion
from table import Row, interleaved, seconds
from torchvision import models

import interpret
from interpret.network import Network, wrap
from interpret_occlusion import sweep

WINDOW, STRIDE = 16, 8
LARGER, SPARSER, PLACES = 32, 24, 81
BATCHES = (1, 4, 16, 64)
REPEATS = 3
TARGETS = {"zfnet": 4, "alexnet": 3, "vgg16": 10, "resnet18": 2, "squeezenet1_1": 2}


def rows() -> Iterator[Row]:
    """One row for each network; random weights and images take as long as real ones."""
    for name, target in TARGETS.items():
        torch.manual_seed(0)
        known = name == "zfnet"
        yield row(name, interpret.load_model(name) if known else wrap(models.get_model(name).eval()), target)


def row(name: str, network: Network, target: int) -> Row:
    x = torch.randn(network.input.shape)
    maps = sweep(network, x, WINDOW, STRIDE, target=0)
    batch = min(BATCHES, key=lambda size: seconds(lambda: by_captum(network, x, size)))
    ours, peer = interleaved(
        lambda: sweep(network, x, WINDOW, STRIDE, target=0), lambda: by_captum(network, x, batch), REPEATS
    )
    peer *= maps.label.numel() / PLACES
    spent, full = maps.multiply_adds
    return Row(
        f"occlusion, {name}: {maps.label.numel()} places; multiply-adds / {full / spent:.1f}",
        f"Captum Occlusion, {batch} places in a batch",
        ours,
        peer,
        peer / ours,
        f">= {max(target, 0.8 * full / spent):.1f}",
    )


@torch.no_grad()
def by_captum(network: Network, x: torch.Tensor, batch: int) -> torch.Tensor:
    grey = network.input.normalize(torch.full_like(x, 0.5))[None]
    shape, steps = (3, LARGER, LARGER), (3, SPARSER, SPARSER)
    made: torch.Tensor = Occlusion(network.module).attribute(
        x[None], shape, strides=steps, target=0, baselines=grey, perturbations_per_eval=batch
    )
    return made
